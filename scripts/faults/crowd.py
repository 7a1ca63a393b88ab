"""F1: thousands connect and wait, greeted or introduced: each address has its share, and who has a letter is served."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from gateway.submission.server import MAX_PER_PEER
from scripts.faults.accounting import Outcome
from scripts.faults.stand import Stand, stand
from tests.journey.seen import is_live
from tests.waiting import until

LONG, SHORT = 10_000, 2_000  # connections
EACH = 50  # of one address
MORE_LONG, MORE_SHORT = 9_800, 20  # that one address tries beyond its share
CROWDS = {"idle connections": b"", "connections that said EHLO": b"EHLO crowd.example\r\n"}
SERVED_WITHIN = 2.0  # seconds: connect, sign in, send, 250
MOST_RSS = 300 * 1024 * 1024
CLOSED_WITHIN = 60.0  # seconds until their descriptors are given back
OURS = 8  # descriptors: the pool's connections upstream come and go meanwhile
AT_ONCE = 200  # connects under way


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    count = rounds or (LONG if long else SHORT)
    for what, says in CROWDS.items():
        yield await crowd(Outcome("F1", f"{count} {what}"), count, says, MORE_LONG if long else MORE_SHORT)


async def crowd(outcome: Outcome, count: int, says: bytes, more: int) -> Outcome:
    async with stand() as now:
        await until(lambda: is_live(now.daemon), timeout=30, what="the mailbox live")
        await now.load(1, 1)
        await now.settled()
        before = now.daemon.descriptors
        peers = [f"127.1.{peer // 250}.{peer % 250 + 1}" for peer in range(count // EACH)]
        callers = await connect(now, peers, EACH, says)
        greedy = await connect(now, ["127.2.0.1"], MAX_PER_PEER + more)
        try:
            await judge(now, outcome, callers, greedy)
        finally:
            for _, writer in callers + greedy:
                writer.close()
        begun = time.monotonic()
        with contextlib.suppress(TimeoutError):
            await until(lambda: now.daemon.descriptors <= before + OURS, CLOSED_WITHIN)
        left = now.daemon.descriptors - before
        outcome.expect(f"{left} descriptors leaked", kept=left <= OURS)
        outcome.seen.append(f"{left} descriptors more {time.monotonic() - begun:.1f} s after")
        outcome.settle(await now.settled())
    return outcome


Caller = tuple[bytes, asyncio.StreamWriter]


async def judge(now: Stand, outcome: Outcome, callers: list[Caller], greedy: list[Caller]) -> None:
    greeted = sum(line.startswith(b"2") for line, _ in callers)
    outcome.expect(f"{greeted} of {len(callers)} greeted", kept=greeted == len(callers))
    refused = sum(line.startswith(b"421") for line, _ in greedy)
    more = len(greedy) - MAX_PER_PEER
    outcome.expect(f"{refused} x 421 to the greedy one, not {more}", kept=refused == more)
    begun = time.monotonic()
    async with now.client("127.3.0.1") as client:
        await now.send(client)
    took = time.monotonic() - begun
    outcome.expect(f"served after {took:.1f} s", kept=took <= SERVED_WITHIN)
    outcome.expect(f"{now.daemon.rss >> 20} MB", kept=now.daemon.rss <= MOST_RSS)
    outcome.seen += [
        f"{refused} x 421 at {MAX_PER_PEER} of one address",
        f"another one served in {took:.2f} s",
        f"{now.daemon.rss >> 20} MB",
    ]


async def connect(now: Stand, peers: list[str], each: int, says: bytes = b"") -> list[Caller]:
    """Connections from loopback addresses, with the last that each was told."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(peer: str) -> Caller:
        async with gate:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", now.daemon.submission_port, local_addr=(peer, 0)
            )
            line = await reader.readline()
            if line.startswith(b"421"):
                writer.close()  # else descriptors would be short here before they are there
            if says and line.startswith(b"220"):
                writer.write(says)
                line = await reader.readline()
                while line[3:4] == b"-":
                    line = await reader.readline()
            return line, writer

    return await asyncio.gather(*(one(peer) for peer in peers for _ in range(each)))
