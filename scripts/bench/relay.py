#!/usr/bin/env python3
"""Measures handing messages to a server: our relay against aiosmtplib, to Postfix's smtp-sink, in turns.

Ways: a connection per message, pooled connections (both aiosmtplib, command by command), and ours with 1 to 8
connections. CPU is this process's, user and system. Usage: python scripts/bench/relay.py [MESSAGES] [OCTETS] [ROUNDS]
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import aiosmtplib

from gateway.domain.address import Address
from gateway.domain.firm import Endpoint, Mailbox, Secret, Security
from gateway.domain.mail import Delivery
from gateway.policy import pace
from gateway.upstream.smtp import SmtpRelay

SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin:/usr/local/sbin")
SESSIONS = 10  # messages that are ready to go at any time, and connections of the library
OURS = (1, 2, 4, 8)
SENDER, RECIPIENT = Address("support", "firm.example"), Address("al", "pacino.example")

Way = Callable[[int, int, bytes], Awaitable[None]]


def main() -> None:
    count, size, rounds = (int(given) for given in (*sys.argv[1:4], *("2000", "2048", "5")[len(sys.argv) - 1 :]))
    raw = letter(size)
    ways: dict[str, Way] = {"aiosmtplib, a connection per message": one_each, "aiosmtplib, pooled": pooled}
    ways |= {f"ours, {connections} connections": ours(connections) for connections in OURS}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    with sink() as port:
        for _ in range(rounds):
            for name, way in ways.items():
                found[name].append(measured(way, port, count, raw))
    base = statistics.median(cpu for _, cpu in found["aiosmtplib, pooled"])
    print(f"{count} messages of {len(raw)} octets, {SESSIONS} at once, medians of {rounds} rounds in turns")
    for name, results in found.items():
        rate, cpu = (statistics.median(column) for column in zip(*results, strict=True))
        print(f"{name:38} {rate:8.0f} messages/s {cpu * 1e3:7.3f} CPU-ms a message, {cpu / base:5.2f} of pooled")


def letter(size: int) -> bytes:
    line = b"Dear Al, we have looked through your papers, and all is in order.\r\n"
    head = b"From: support@firm.example\r\nTo: al@pacino.example\r\nSubject: Papers\r\n\r\n"
    return head + line * (max(0, size - len(head)) // len(line))


@contextlib.contextmanager
def sink() -> Iterator[int]:
    if SINK is None:
        sys.exit("smtp-sink is not there: it comes with Debian's postfix package")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([SINK, *user, f"127.0.0.1:{port}", "1000"], stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)


def measured(way: Way, port: int, count: int, raw: bytes) -> tuple[float, float]:
    """Messages a second, and CPU seconds of a message."""
    began, cpu = time.perf_counter(), time.process_time()
    asyncio.run(run(way, port, count, raw))
    return count / (time.perf_counter() - began), (time.process_time() - cpu) / count


async def run(way: Way, port: int, count: int, raw: bytes) -> None:
    await way(port, count, raw)


async def shared(count: int, send: Callable[[], Awaitable[None]], at_once: int) -> None:
    todo = iter(range(count))

    async def work() -> None:
        for _ in todo:
            await send()

    await asyncio.gather(*(work() for _ in range(at_once)))


async def one_each(port: int, count: int, raw: bytes) -> None:
    async def send() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            await client.sendmail(str(SENDER), [str(RECIPIENT)], raw)

    await shared(count, send, SESSIONS)


async def pooled(port: int, count: int, raw: bytes) -> None:
    clients: asyncio.LifoQueue[aiosmtplib.SMTP] = asyncio.LifoQueue()
    for _ in range(SESSIONS):
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
        await client.connect()
        clients.put_nowait(client)

    async def send() -> None:
        client = clients.get_nowait()
        await client.sendmail(str(SENDER), [str(RECIPIENT)], raw)
        clients.put_nowait(client)

    await shared(count, send, SESSIONS)
    while not clients.empty():
        await clients.get_nowait().quit()


def ours(connections: int) -> Way:
    async def way(port: int, count: int, raw: bytes) -> None:
        endpoint = Endpoint("127.0.0.1", port, Security.NONE)
        mailbox = Mailbox(SENDER, "Support", ("ana",), str(SENDER), Secret(""), endpoint, endpoint)
        before, pace.NEUTRAL = pace.NEUTRAL, replace(pace.NEUTRAL, connections=connections)
        relay = SmtpRelay(hostname="mail.firm.example")

        async def send() -> None:
            attempt = await relay.deliver(mailbox, SENDER, [RECIPIENT], raw)
            assert attempt.outcomes[RECIPIENT.key].delivery is Delivery.DELIVERED, attempt

        await shared(count, send, SESSIONS)
        await relay.close()
        pace.NEUTRAL = before

    return way


if __name__ == "__main__":
    main()
