"""A provider with two accounts and a plan of faults."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.trial.faults import Faults
from gateway.trial.provider import TrialProvider

AL, SUPPORT = "al@pacino.example", "support@firm.example"
LETTER = b"From: al@pacino.example\r\nTo: support@firm.example\r\nSubject: hello\r\n\r\nHello.\r\n"


@pytest.fixture
async def provider() -> AsyncIterator[TrialProvider]:
    """Give one for this test alone."""
    async with TrialProvider({AL: "secret", SUPPORT: "secret"}) as running:
        yield running


@pytest.fixture
def faults(provider: TrialProvider) -> Faults:
    """Give the plan of that provider."""
    return provider.faults
