"""B3: the file system turns read-only under the daemon: every call that would change it answers EROFS."""

from __future__ import annotations

from collections.abc import AsyncIterator

from gateway.outbound.flow import PER_MAILBOX
from scripts.faults.accounting import Outcome
from scripts.faults.stand import stand
from scripts.faults.strace import failing
from scripts.faults.syscalls import SETTLED_WITHIN, SIZES, taken_again

# A mount with files open for writing can't be remounted read-only by hand; ext4 does it to itself after an error, and
# then answers this. Files are made and grow by these; `write` is left out, as in `syscalls`.
CHANGES = "pwrite64,ftruncate,fsync,fdatasync,renameat,linkat,unlinkat,mkdirat,unlink"


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    outcome = Outcome("B3", "read-only file system (EROFS from every change)")
    async with stand() as now:
        await now.load(2, 2, SIZES)
        before = len(now.ledger.acknowledged)
        async with failing(now.daemon.pid, CHANGES, "EROFS", "1+") as hit:
            await now.load(3, len(SIZES), SIZES)
        taken = len(now.ledger.acknowledged) - before
        outcome.expect(f"{taken} x 250 that nothing was written for", kept=taken == 0)
        outcome.expect("daemon ended", kept=not await now.revived())
        outcome.seen.append(f"{hit.calls} calls failed, {dict(now.ledger.refused)} said")
        await taken_again(now, outcome)
        outcome.settle(await now.settled(SETTLED_WITHIN), doubles=PER_MAILBOX)
    yield outcome
