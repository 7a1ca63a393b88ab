"""F7: twenty messages of 25 MB at once: the daemon keeps within its memory, and each arrives as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator

from scripts.faults.accounting import Outcome
from scripts.faults.stand import stand

SIZE = 25 * 1000 * 1000  # octets
LONG, SHORT = 20, 4  # at once
MOST_RSS = 500 * 1024 * 1024


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    count = rounds or (LONG if long else SHORT)
    outcome = Outcome("F7", f"{count} messages of {SIZE // 1_000_000} MB at once")
    async with stand() as now:
        await now.load(count, 1, (SIZE,))
        taking = now.daemon.peak
        outcome.settle(await now.settled())
        outcome.expect(f"{len(now.ledger.acknowledged)} taken", kept=len(now.ledger.acknowledged) == count)
        outcome.expect(f"peak {now.daemon.peak >> 20} MB", kept=now.daemon.peak <= MOST_RSS)
        outcome.seen += [f"peak {taking >> 20} MB until the last 250", f"{now.daemon.peak >> 20} MB in all"]
    yield outcome
