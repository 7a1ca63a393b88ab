"""B2: the Nth write, sync, rename or link fails, for every N until none is left to fail; and all of them at once."""

from __future__ import annotations

from collections.abc import AsyncIterator

from gateway.outbound.flow import PER_MAILBOX
from scripts.faults.accounting import Account, Outcome
from scripts.faults.stand import Stand, stand
from scripts.faults.strace import failing

# Not `write`: an event loop wakes itself with it, and strace can't tell for which file. Mail that leaves links nothing.
CALLS = ("fsync", "fdatasync", "pwrite64", "rename,renameat,renameat2", "unlink,unlinkat")
SYNCS = ("fsync", "fdatasync")
ERRORS = ("EIO", "ENOSPC", "EDQUOT")
LONG, SHORT = 40, 2  # the last N
SIZES = (300, 400_000, 900_000)  # octets: one goes into the database, one into a file, and one into that as it comes
CLIENTS = 3
SETTLED_WITHIN = 60.0  # seconds; an attempt that could not be booked comes again after one


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    last = rounds or (LONG if long else SHORT)
    async with stand() as now:
        for calls in CALLS:
            yield await nth(now, calls, last, each_error=long)
        for calls in SYNCS:
            yield await every(now, calls)


async def nth(now: Stand, calls: str, last: int, *, each_error: bool) -> Outcome:
    """Each N up to the last, or until a round in which nothing was left to fail; the long form ends with a kill."""
    outcome = Outcome("B2", f"the Nth {calls.partition(',')[0]} fails, N up to {last}")
    now.forget()
    struck = ends = 0
    for number in range(1, last + 1):
        here = 0
        for error in ERRORS if each_error else (ERRORS[number % len(ERRORS)],):
            async with failing(now.daemon.pid, calls, error, str(number)) as hit:
                await now.load(CLIENTS, len(SIZES), SIZES)
            here += hit.calls
            ends += await now.revived()
        struck += here
        if not here:
            break
    await now.settled(SETTLED_WITHIN)
    if each_error:
        await now.daemon.kill9()
        await now.daemon.start()
    outcome.settle(await now.settled(SETTLED_WITHIN), doubles=struck)
    outcome.expect(f"{outcome.account.queued} stuck in the queue", kept=outcome.account.queued == 0)
    outcome.expect(f"{ends} ends of the daemon", kept=ends == 0)
    outcome.seen.append(f"{struck} calls failed")
    return outcome


async def every(now: Stand, calls: str) -> Outcome:
    """As long as no sync works, nothing that needed it is acknowledged; afterwards mail is taken again."""
    outcome = Outcome("B2", f"every {calls} fails")
    now.forget()
    async with failing(now.daemon.pid, calls, "EIO", "1+") as hit:
        await now.load(CLIENTS, len(SIZES), SIZES[1:] if calls == "fsync" else SIZES)
    outcome.expect(
        f"{len(now.ledger.acknowledged)} x 250 after a failed sync", kept=hit.calls == 0 or not now.ledger.acknowledged
    )
    outcome.seen.append(f"{hit.calls} calls failed, {dict(now.ledger.refused)} said")
    outcome.expect("daemon ended", kept=not await now.revived())
    await taken_again(now, outcome)
    outcome.settle(await now.settled(SETTLED_WITHIN), doubles=PER_MAILBOX)
    return outcome


async def taken_again(now: Stand, outcome: Outcome) -> Account:
    """Without a restart the daemon takes mail as before."""
    before = len(now.ledger.acknowledged)
    await now.load(1, len(SIZES), SIZES)
    outcome.expect("mail is not taken again", kept=len(now.ledger.acknowledged) == before + len(SIZES))
    return await now.settled(SETTLED_WITHIN)
