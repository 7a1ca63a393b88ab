"""A1: the daemon is killed at a moment chosen at random under load, and started again on what it left."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

from gateway.outbound.flow import PER_MAILBOX
from scripts.faults.accounting import Account, Outcome
from scripts.faults.stand import Stand, stand

LONG, SHORT = 200, 5  # rounds
CLIENTS = 10
EACH = 200  # letters; more than two seconds' work
LATEST = 2.0  # seconds from the start of the load to the kill
SIZES = (300, 300, 2_000, 300, 20_000, 300, 300, 400_000)  # octets: the last goes through a file
READY_WITHIN = 5.0  # seconds; held in the long form, which has the machine to itself


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    outcome = Outcome("A1", f"SIGKILL under load of {CLIENTS} clients")
    count = rounds or (LONG if long else SHORT)
    total, slowest, worst = Account(), 0.0, 0
    async with stand() as now:
        for _ in range(count):
            killed = await one_round(now)
            total, slowest, worst = total + killed, max(slowest, now.daemon.ready_after), max(worst, killed.doubled)
            now.forget()
    outcome.settle(total, doubles=PER_MAILBOX * count)
    outcome.expect(f"{worst} doubles after one kill", kept=worst <= PER_MAILBOX)
    outcome.expect(f"ready after {slowest:.1f} s", kept=slowest <= READY_WITHIN or not long)
    outcome.seen += [f"{count} kills", f"ready again in {slowest:.2f} s at most", f"at most {worst} doubles a kill"]
    yield outcome


async def one_round(now: Stand) -> Account:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(now.load(CLIENTS, EACH, SIZES))
        await asyncio.sleep(random.uniform(0, LATEST))
        await now.daemon.kill9()
    await now.daemon.start()
    return await now.settled()
