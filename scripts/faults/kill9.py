"""A1: the daemon is killed at any moment under load, or within a call that decides, and started on what it left."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine

from gateway.outbound.flow import PER_MAILBOX
from scripts.faults.accounting import Account, Outcome
from scripts.faults.stand import Stand, stand
from scripts.faults.strace import killed_at
from tests.waiting import until

LONG, SHORT = 200, 5  # rounds
POINTS = ("fsync", "fdatasync", "rename,renameat,renameat2")  # the calls within which it is killed as well
LONG_POINT, SHORT_POINT = 50, 1  # rounds at each
CALLS = 12  # the last of them within which it is killed; a thread makes some more under the load
CLIENTS = 10
EACH = 200  # letters; more than two seconds' work
LATEST = 2.0  # seconds of the daemon's work under the load until the kill, however busy the machine is with other work
SIZES = (300, 300, 2_000, 300, 20_000, 300, 400_000, 900_000)  # octets: the last two go into files, one as it comes
READY_WITHIN = 5.0  # seconds of CPU: a start waits for nothing else

Kill = Callable[[Stand], Coroutine[None, None, None]]


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    async with stand() as now:
        count = rounds or (LONG if long else SHORT)
        yield await several(now, f"SIGKILL under load of {CLIENTS} clients", at_random, count)
        for calls in POINTS:
            each = min(count, LONG_POINT if long else SHORT_POINT)
            yield await several(now, f"SIGKILL within {calls.partition(',')[0]}", _within(calls), each)


async def several(now: Stand, what: str, kill: Kill, count: int) -> Outcome:
    outcome = Outcome("A1", what)
    total, slowest, work, worst, old = Account(), 0.0, 0.0, 0, 0
    for _ in range(count):
        killed = await one_round(now, kill)
        total, worst = total + killed, max(worst, killed.doubled)
        slowest, work = max(slowest, now.daemon.ready_after), max(work, now.daemon.ready_cpu)
        old += half_written(now)
        now.forget()
    outcome.settle(total, doubles=PER_MAILBOX * count)
    outcome.expect(f"{worst} doubles after one kill", kept=worst <= PER_MAILBOX)
    outcome.expect(f"ready after {work:.1f} s of CPU", kept=work <= READY_WITHIN)
    outcome.expect(f"{old} files half written", kept=old == 0)
    ready = f"ready again in {slowest:.2f} s ({work:.2f} of CPU) at most"
    outcome.seen += [f"{count} kills", ready, f"at most {worst} doubles a kill"]
    return outcome


async def one_round(now: Stand, kill: Kill) -> Account:
    async with asyncio.TaskGroup() as tasks:
        load = tasks.create_task(now.load(CLIENTS, EACH, SIZES))
        killing = tasks.create_task(kill(now))
        await asyncio.wait((load, killing), return_when=asyncio.FIRST_COMPLETED)
        if not killing.done():  # all was sent before it came to that
            killing.cancel()
        await now.daemon.kill9()
    await now.daemon.start()
    return await now.settled()


async def at_random(now: Stand) -> None:
    await worked(now, random.uniform(0, LATEST))


async def worked(now: Stand, seconds: float) -> None:
    """Until the daemon has spent so much CPU from now on: moments of its work, not of the wall's."""
    begun = now.daemon.cpu
    await until(lambda: now.daemon.cpu - begun >= seconds, timeout=600, what="work of the daemon")


def _within(calls: str) -> Kill:
    async def kill(now: Stand) -> None:
        await killed_at(now.daemon.pid, calls, random.randint(1, CALLS))

    return kill


def half_written(now: Stand) -> int:
    """Files that got no name, and stayed."""
    return len(list((now.daemon.data_dir / "tmp").iterdir()))
