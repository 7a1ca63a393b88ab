"""What was logged, whatever another test left the logging at."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import structlog


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """Give the list that every log line of the test goes to, at any level."""
    before = structlog.get_config()
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as lines:
        yield lines
    structlog.configure(**before)
