"""The furnished house of the admin tests, for commands to ask."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import structlog

from tests.admin.conftest import house

__all__ = ["house"]


@pytest.fixture(autouse=True)
def _log_elsewhere() -> Iterator[None]:
    """The daemon is in this process; its log must not stand between the words of a command."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__), cache_logger_on_first_use=False)
    yield
    structlog.configure(**before)
