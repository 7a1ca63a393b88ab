"""Thousands wait for a dead upstream: they cost no CPU, and begin to leave within a second of its return."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from gateway.outbound.flow import PER_MAILBOX
from scripts.faults.accounting import Outcome
from scripts.faults.stand import Stand, stand
from tests.journey.seen import is_live
from tests.waiting import until

LONG, SHORT = 10_000, 1_000  # messages
CLIENTS = 20
WATCHED_LONG, WATCHED_SHORT = 30.0, 3.0  # seconds
MOST_CPU = 0.02  # of one core
LEAVES_WITHIN = 1.5  # seconds: one, and as much again as a busy machine may need to notice
DRAINED_WITHIN = 600.0
SETTINGS = '[queue]\nretry = ["1m"]\n'  # as a firm has it; the harness's one second would be a storm


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    count = rounds or (LONG if long else SHORT)
    outcome = Outcome("", f"{count} queued for a dead upstream")
    watched = WATCHED_LONG if long else WATCHED_SHORT
    async with stand(settings=SETTINGS) as now:
        await until(lambda: is_live(now.daemon), timeout=30, what="the mailbox live")
        without = await share(now, watched)
        await now.trial.stop_listening()
        begun = time.monotonic()
        await now.load(CLIENTS, count // CLIENTS)
        outcome.seen.append(f"{count / (time.monotonic() - begun):.0f}/s taken")
        await asyncio.sleep(2)  # the last attempts end
        idle = await share(now, watched)
        first, drained = await comes_back(now)
        outcome.settle(await now.settled(DRAINED_WITHIN), doubles=PER_MAILBOX)
        outcome.expect(f"{idle:.1%} of a core", kept=idle <= MOST_CPU)
        outcome.expect(f"first left after {first:.2f} s", kept=first <= LEAVES_WITHIN)
        outcome.expect(f"{outcome.account.queued} still queued", kept=outcome.account.queued == 0)
        outcome.seen += [
            f"{idle:.2%} of a core idle, {without:.2%} without any",
            f"first left after {first:.2f} s",
            f"all after {drained:.0f} s",
        ]
    yield outcome


async def share(now: Stand, seconds: float) -> float:
    """The part of a core that the daemon takes."""
    spent = now.daemon.cpu
    await asyncio.sleep(seconds)
    return (now.daemon.cpu - spent) / seconds


async def comes_back(now: Stand) -> tuple[float, float]:
    """Seconds from the upstream's return to the first message there, and to the last."""
    await now.trial.restart()
    begun = time.monotonic()
    await until(lambda: now.trial.outbox, timeout=120, what="a message at the provider")
    first = time.monotonic() - begun
    inbox = now.trial.account(now.firm.client).folders["INBOX"]
    await until(
        lambda: len(inbox.messages) >= len(now.ledger.acknowledged), timeout=DRAINED_WITHIN, what="all at the provider"
    )
    return first, time.monotonic() - begun
