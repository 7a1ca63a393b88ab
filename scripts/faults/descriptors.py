"""B3: no descriptor is left: connections wait or are put off, the daemon stays, and recovers without a restart."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator

from scripts.faults.accounting import Outcome
from scripts.faults.client import Gone, Refused
from scripts.faults.stand import Stand, stand
from scripts.faults.syscalls import SETTLED_WITHIN, SIZES, taken_again

LEFT = 6  # descriptors more than the daemon holds when the fault begins
CALLERS = 30
SECONDS = 5.0
MOST_CPU = 0.5  # of one core: it waits, it does not spin


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    outcome = Outcome("B3", f"EMFILE: {LEFT} descriptors left for {CALLERS} callers")
    async with stand() as now:
        async with now.client() as client:
            old = resource.prlimit(now.daemon.pid, resource.RLIMIT_NOFILE)
            limit = now.daemon.descriptors + LEFT
            resource.prlimit(now.daemon.pid, resource.RLIMIT_NOFILE, (limit, old[1]))
            try:
                await starved(now, outcome)
                for size in SIZES:
                    with contextlib.suppress(Gone):
                        await now.send(client, size)
            finally:
                resource.prlimit(now.daemon.pid, resource.RLIMIT_NOFILE, old)
        outcome.expect("daemon ended", kept=not await now.revived())
        await taken_again(now, outcome)
        outcome.settle(await now.settled(SETTLED_WITHIN))
    outcome.seen.append(f"said meanwhile: {dict(now.ledger.refused)}")
    yield outcome


async def starved(now: Stand, outcome: Outcome) -> None:
    """More call than can be served; what it costs is measured."""
    writers: list[asyncio.StreamWriter] = []
    for _ in range(CALLERS):
        _, writer = await asyncio.open_connection("127.0.0.1", now.daemon.submission_port)
        writers.append(writer)
    spent = now.daemon.cpu
    await asyncio.sleep(SECONDS)
    share = (now.daemon.cpu - spent) / SECONDS
    outcome.seen.append(f"{share:.0%} of a core")
    outcome.expect(f"spins at {share:.0%} of a core", kept=share <= MOST_CPU)
    for writer in writers:
        writer.close()
    with contextlib.suppress(Gone, Refused, TimeoutError):
        async with asyncio.timeout(SECONDS), now.client() as client:
            await now.send(client, SIZES[1])
