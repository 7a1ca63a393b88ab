"""B3: no memory is to be had any more: mail is put off, the daemon stays, and takes it again when there is some."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.outbound.flow import PER_MAILBOX
from scripts.faults.accounting import Outcome
from scripts.faults.client import Gone, Refused
from scripts.faults.stand import Stand, stand
from scripts.faults.syscalls import SETTLED_WITHIN, SIZES, taken_again

LEFT = 4 * 1024 * 1024  # octets that the daemon may still take
LARGE = 20_000_000  # octets of a letter that does not fit
CLIENTS = 4
KIB = 1024


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    outcome = Outcome("B3", f"RLIMIT_DATA: {LEFT >> 20} MB left for letters of {LARGE // 1_000_000} MB")
    async with stand() as now:
        await now.load(CLIENTS, len(SIZES), SIZES)
        await now.settled(SETTLED_WITHIN)
        old = resource.prlimit(now.daemon.pid, resource.RLIMIT_DATA)
        resource.prlimit(now.daemon.pid, resource.RLIMIT_DATA, (data(now.daemon.pid) + LEFT, old[1]))
        before = len(now.ledger.acknowledged)
        await asyncio.gather(*(starved(now) for _ in range(CLIENTS)))
        taken = len(now.ledger.acknowledged) - before
        outcome.expect("daemon ended", kept=now.daemon.running)
        outcome.expect("nothing refused: memory was not short", kept=bool(now.ledger.refused))
        outcome.expect(f"{dict(now.ledger.refused)} said", kept=all(400 <= code < 500 for code in now.ledger.refused))
        if await now.revived() == 0:
            resource.prlimit(now.daemon.pid, resource.RLIMIT_DATA, old)
        await taken_again(now, outcome)
        outcome.settle(await now.settled(SETTLED_WITHIN), doubles=PER_MAILBOX)
        outcome.expect(f"{outcome.account.queued} stuck in the queue", kept=outcome.account.queued == 0)
    outcome.seen.append(f"{taken} taken and {dict(now.ledger.refused)} said meanwhile")
    yield outcome


async def starved(now: Stand) -> None:
    with contextlib.suppress(Gone, Refused):
        async with now.client() as client:
            for size in (LARGE, *SIZES, LARGE):
                await now.send(client, size)


def data(pid: int) -> int:
    """Octets that the process may write to; of its address space, malloc holds much more ready than it may use."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * KIB for line in status.splitlines() if line.startswith("VmData"))
