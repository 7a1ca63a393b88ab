"""A firm, its provider and the daemon between them, fresh for each journey."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.trial.provider import TrialProvider
from tests.gateway_process import GatewayProcess
from tests.journey import seen
from tests.journey.firm import FirmOnPaper
from tests.journey.provider import Provider, RealProvider, TrialSide
from tests.waiting import until

PASSWORD = "the provider's"  # of the trial's accounts; with what IMAP must quote


@pytest.fixture
def firm() -> FirmOnPaper:
    """Give addresses that no other journey uses."""
    return FirmOnPaper()


@pytest.fixture(params=["trial", pytest.param("real", marks=pytest.mark.real)])
async def provider(request: pytest.FixtureRequest, firm: FirmOnPaper) -> AsyncIterator[Provider]:
    """Give each of the two providers in turn; parametrize with indirect=True where one is enough."""
    if request.param == "real":
        yield RealProvider(request.getfixturevalue("mail_server"))
        return
    async with TrialProvider(dict.fromkeys(firm.accounts, PASSWORD)) as trial:
        yield TrialSide(trial, PASSWORD)


@pytest.fixture
def settings() -> str:
    """Give what is laid over the daemon's settings; parametrize it by name to change it."""
    return ""


@pytest.fixture
async def gateway(
    tmp_path: Path, firm: FirmOnPaper, provider: Provider, settings: str
) -> AsyncIterator[GatewayProcess]:
    """Give the daemon with the firm applied and its mailbox live: what comes now is news, and no backfill."""
    toml = firm.toml(provider)
    async with GatewayProcess(tmp_path / "gateway", toml, settings) as process:
        await until(lambda: seen.is_live(process), timeout=30, what="the mailbox live")
        yield process
