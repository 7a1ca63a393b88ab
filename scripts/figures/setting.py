"""What the figures are measured on: Postfix and Dovecot, a firm, and the daemon between them."""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import structlog

from gateway.trial.provider import TrialProvider
from tests.gateway_process import GatewayProcess
from tests.journey.firm import FirmOnPaper
from tests.journey.provider import Provider, RealProvider, TrialSide
from tests.peers import dovecot, postfix
from tests.peers.ca import Ca
from tests.peers.dovecot import Dovecot
from tests.peers.fixtures import MailServer
from tests.peers.postfix import Postfix

TRIAL_PASSWORD = "trial"

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))  # the trial provider talks


@dataclass(frozen=True)
class Setting:
    """Everything runs, and the mailbox's link may still be coming up."""

    firm: FirmOnPaper
    provider: Provider
    gateway: GatewayProcess


@contextlib.contextmanager
def real_servers() -> Iterator[MailServer]:
    """Postfix and Dovecot; SystemExit says what is missing."""
    if reason := dovecot.why_missing() or postfix.why_missing():
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        ca = Ca(Path(name))
        imap = Dovecot(ca)
        stack.callback(imap.remove)
        imap.start()
        smtp = Postfix(ca, imap)
        stack.callback(smtp.remove)
        smtp.start()
        yield MailServer(smtp, imap, ca)


@contextlib.asynccontextmanager
async def setting(*, real: bool, settings_extra: str = "") -> AsyncIterator[Setting]:
    """A fresh firm and daemon on the real servers or on the trial provider."""
    firm = FirmOnPaper()
    async with contextlib.AsyncExitStack() as stack:
        provider: Provider
        if real:
            provider = RealProvider(stack.enter_context(real_servers()))
        else:
            accounts = dict.fromkeys(firm.accounts, TRIAL_PASSWORD)
            provider = TrialSide(await stack.enter_async_context(TrialProvider(accounts)), TRIAL_PASSWORD)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        process = GatewayProcess(folder, firm.toml(provider), settings_extra)
        gateway = await stack.enter_async_context(process)
        yield Setting(firm, provider, gateway)


def spread(seconds: list[float]) -> str:
    """Median and worst in milliseconds."""
    return f"median {median(seconds) * 1000:.1f} ms, worst {max(seconds) * 1000:.1f} ms of {len(seconds)}"
