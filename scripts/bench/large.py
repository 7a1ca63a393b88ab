"""A 25 MB attachment through submission: octets a second, peak memory, and what small letters wait meanwhile.

Beside it, in turns with it and from the same client: a bare Postfix that takes it (no rule, no signature, no hash),
where it is installed; and what this machine's disk and processor alone would need: a file of that size written and
synced while its SHA-256 is made.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles

from scripts.bench.outbound.postfix import Postfix, missing
from scripts.faults.client import Client
from scripts.faults.letters import Letter, letter
from scripts.faults.stand import Stand, stand

SIZE = 25 * 1000 * 1000  # octets on the wire
SESSIONS = 5  # that send small letters meanwhile
AIM_RATE, AIM_PEAK, AIM_WAIT = 150e6, 4.0, 0.05  # octets a second; times the size; seconds, the 99th percentile


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10, help="large messages, one after the other")
    count = parser.parse_args().count
    async with stand() as now:
        await now.load(1, 20)
        await now.trial.stop_listening()  # relaying is another figure, and the provider would share our cores
        quiet = await small_ones(now, asyncio.create_task(asyncio.sleep(3)))
        before = now.daemon.rss
        now.daemon.forget_peak()
        sending = asyncio.create_task(large_ones(now, count))
        busy = await small_ones(now, sending)
        took = await sending
        alone, postfix, floor = await in_turns(now, count)
        peak = (now.daemon.peak - before) / SIZE
        await now.daemon.kill9()  # the queue is full of large letters for a provider that is not there
        await now.daemon.start()
    rate = SIZE / median(alone)
    print(f"alone: {rate / 1e6:.0f} MB/s (aim {AIM_RATE / 1e6:.0f}), worst {SIZE / max(alone) / 1e6:.0f} MB/s")
    if postfix:
        ratio = median(postfix) / median(alone)
        print(f"a bare Postfix: {SIZE / median(postfix) / 1e6:.0f} MB/s; Postern's speed is {ratio:.2f} of that")
    print(f"written, synced and hashed, and nothing else: {SIZE / median(floor) / 1e6:.0f} MB/s")
    print(f"with {SESSIONS} sessions of small letters: {SIZE / median(took) / 1e6:.0f} MB/s")
    print(f"peak memory over the start: {peak:.1f} times the size (aim {AIM_PEAK:.0f})")
    print(f"small letters, nothing else going on: {waits(quiet)}")
    print(f"small letters meanwhile: {waits(busy)} (aim p99 {AIM_WAIT * 1000:.0f} ms)")


async def in_turns(now: Stand, count: int) -> tuple[list[float], list[float], list[float]]:
    """Seconds for each message: ours, Postfix's (none where it is not installed), and the bare machine's."""
    ours, theirs, floor = list[float](), list[float](), list[float]()
    async with bare_postfix(now.trial.smtp_port) as port:
        for _ in range(count):
            ours += await large_ones(now, 1)
            if port:
                theirs.append(await taken_by_postfix(port, letter(now.firm.support, now.firm.client, SIZE), now))
            floor.append(await asyncio.to_thread(write_and_hash, now.daemon.data_dir))
    return ours, theirs, floor


@contextlib.asynccontextmanager
async def bare_postfix(sink: int) -> AsyncIterator[int]:
    """Its port, or 0 where it is not installed; it relays to nobody, as we do here."""
    if missing(["postfix", "master"]):
        yield 0
        return
    postfix = await asyncio.to_thread(Postfix, sink)
    try:
        yield postfix.port
    finally:
        await asyncio.to_thread(postfix.stop)


async def taken_by_postfix(port: int, one: Letter, now: Stand) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    client = Client(reader, writer)
    await client.expect(220)
    await client.write(b"EHLO bench.example\r\n")
    await client.expect(250)
    begun = time.monotonic()
    await client.send(now.firm.support, now.firm.client, one)
    took = time.monotonic() - begun
    await client.close()
    return took


def write_and_hash(folder: Path) -> float:
    octets = os.urandom(SIZE)
    with ThreadPoolExecutor(1) as beside, tempfile.TemporaryFile(dir=folder) as file:
        begun = time.monotonic()
        hashing = beside.submit(hashlib.sha256, octets)
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
        hashing.result()
        return time.monotonic() - begun


async def large_ones(now: Stand, count: int) -> list[float]:
    """Seconds from MAIL to 250 for each; the letters are made beforehand."""
    ready: list[Letter] = [letter(now.firm.support, now.firm.client, SIZE) for _ in range(count)]
    took: list[float] = []
    async with now.client() as client:
        for one in ready:
            begun = time.monotonic()
            await client.send(now.firm.support, now.firm.client, one)
            took.append(time.monotonic() - begun)
    return took


async def small_ones(now: Stand, until: asyncio.Task[object]) -> list[float]:
    """Seconds from MAIL to 250 for small letters of several sessions, until the task ends."""
    took: list[float] = []

    async def session() -> None:
        async with now.client() as client:
            while not until.done():
                begun = time.monotonic()
                await now.send(client)
                took.append(time.monotonic() - begun)
                await asyncio.sleep(0.02)

    await asyncio.gather(*(session() for _ in range(SESSIONS)))
    return took


def waits(took: list[float]) -> str:
    return f"median {median(took) * 1000:.1f} ms, p99 {quantiles(took, n=100)[98] * 1000:.1f} ms of {len(took)}"


if __name__ == "__main__":
    asyncio.run(main())
