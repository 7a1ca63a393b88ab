"""A3: the daemon is told to end under load: each message is finished or put off, and none is sent twice."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator

from scripts.faults.accounting import Account, Outcome
from scripts.faults.kill9 import CLIENTS, EACH, SIZES, worked
from scripts.faults.stand import Stand, stand

LONG, SHORT = 50, 2  # ends
LATEST = 1.0  # seconds of the daemon's work under the load until it is told
ENDS_WITHIN = 10.0  # seconds


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    count = rounds or (LONG if long else SHORT)
    outcome = Outcome("A3", f"SIGTERM under load of {CLIENTS} clients")
    total, slowest, wrong = Account(), 0.0, 0
    async with stand() as now:
        for _ in range(count):
            status, took = await one_end(now)
            slowest, wrong = max(slowest, took), wrong + (status != 0)
            await now.daemon.start()
            total += await now.settled()
            now.forget()
    outcome.settle(total)
    outcome.expect(f"{wrong} ends with another status than 0", kept=wrong == 0)
    outcome.expect(f"one end took {slowest:.1f} s", kept=slowest <= ENDS_WITHIN)
    outcome.seen += [f"{count} ends, each within {slowest:.1f} s"]
    yield outcome


async def one_end(now: Stand) -> tuple[int, float]:
    """The exit status, and after how many seconds."""
    async with asyncio.TaskGroup() as tasks:
        load = tasks.create_task(now.load(CLIENTS, EACH, SIZES))
        working = tasks.create_task(worked(now, random.uniform(0, LATEST)))
        await asyncio.wait((load, working), return_when=asyncio.FIRST_COMPLETED)
        working.cancel()
        begun = time.monotonic()
        status = await now.daemon.terminate()
        return status, time.monotonic() - begun
