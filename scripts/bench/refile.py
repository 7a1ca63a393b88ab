#!/usr/bin/env python3
"""Measures what it costs to rehearse, make and take back a change that moves all mail of one client to another.

CPU of the whole process for each message; the longest time that one transaction of the change held the writer, COMMIT
and all; and how long a message that is accepted meanwhile waits for its 250, next to what it waits while nothing else
goes on. Where the machine is shared, the CPU of the longest transaction says more than its time.
Usage: python scripts/bench/refile.py [MESSAGES]
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).parents[2]))

from gateway.domain.address import Address
from gateway.domain.firm import Client, Contact, ContactAddress, Firm
from gateway.domain.mail import QueueEntry, Recipient
from gateway.domain.record import Direction, NewFiling
from gateway.mime.facts import facts
from gateway.office.office import Office
from gateway.store import store as opened
from gateway.store.store import Store
from gateway.store.writer import Writer

T = TypeVar("T")
AL = Address("al", "pacino.example")
NOW = datetime.now(UTC)
OTHERS = 20  # clients who have mail too: the change has to find its own
BATCH = 200


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), count))


async def measure(folder: Path, count: int) -> None:
    store = await Store.open(folder, url=None, key=bytes(32))
    office = Office(store.firm)
    clients = [Client(f"Other {number}") for number in range(OTHERS)]
    with_al, without = Client("Al", contacts=(Contact("Al", (ContactAddress(AL),)),)), Client("Al")
    firm = Firm("F", clients=(with_al, Client("Diane"), *clients))
    await store.firm.replace(firm, [], "bench", NOW)
    for start in range(0, count, BATCH):
        await store.record.file_all([letter(number) for number in range(start, min(count, start + BATCH))])
    moved = replace(firm, clients=(without, replace(with_al, name="Diane"), *clients))
    quiet = await accepting(store, over_after(2.0), "quiet")
    print(f"accepts while nothing else goes on: {told(quiet)}")
    refilings = await timed("first look, which reads all headers", count, store.firm.rehearse(moved))
    assert len(refilings) == count, "half of the mail is Al's, and each of it leaves one record for another"
    await timed("rehearsal", count, store.firm.rehearse(moved))
    await office.load()
    made = await timed("change", count, store.firm.replace(moved, [], "bench", NOW), store)
    await timed("rehearsal of undo", count, store.firm.rehearse(firm, undoes=made.step))
    await timed("undo", count, store.firm.replace(firm, [], "bench", NOW, undoes=made.step), store)
    await store.close()


def over_after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def submitted(name: str, raw: bytes) -> QueueEntry:
    return QueueEntry(
        id=name,
        mailbox="support@firm.example",
        sender=Address("x", "firm.example"),
        size=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        message_id=f"<{name}@firm.example>",
        subject=name,
        accepted_at=NOW,
        next_attempt=NOW + timedelta(days=1),
        login="ion",
        recipients=(Recipient(Address("b", "elsewhere.example")),),
    )


class Held(Writer):
    """The writer, with a look at how long each of its transactions takes."""

    longest = 0.0  # seconds
    cpu = 0.0  # of the thread that writes

    def _commit(self, jobs: Sequence[Any]) -> None:
        began, cpu = time.monotonic(), time.thread_time()
        super()._commit(jobs)
        held.longest = max(held.longest, time.monotonic() - began)
        held.cpu = max(held.cpu, time.thread_time() - cpu)


held = Held
opened.Writer = Held  # type: ignore[attr-defined]


def letter(number: int) -> NewFiling:
    """Every other is Al's; each of a common size."""
    al = number % 2 == 0
    sender = str(AL) if al else f"x{number}@other{number % OTHERS}.example"
    head = f"From: Someone <{sender}>\r\nTo: support@firm.example\r\nMessage-ID: <{number}@m>\r\nSubject: letter\r\n"
    raw = (head + "\r\n" + "x" * 8_000 + f"{number}\r\n").encode()
    client = "Al" if al else f"Other {number % OTHERS}"
    return NewFiling(raw=raw, facts=facts(raw), clients=((client, Direction.INBOX),), filed_at=NOW, announce=False)


async def timed(what: str, count: int, work: Awaitable[T], store: Store | None = None) -> T:
    cpu, began = time.process_time(), time.monotonic()
    task = asyncio.ensure_future(work)
    waits = await accepting(store, task.done, what) if store else []
    result = await task
    spent, took = time.process_time() - cpu, time.monotonic() - began
    print(f"{what:36} {spent * 1e6 / count:7.0f} us CPU a stored message, {took:.2f} s")
    if waits:
        print(f"{'':8}accepts meanwhile: {told(waits)}")
        print(f"{'':8}the writer was held {held.longest * 1e3:.0f} ms at most, {held.cpu * 1e3:.0f} ms of CPU at most")
    return result


async def accepting(store: Store, is_over: Callable[[], bool], what: str) -> list[float]:
    """Accept one message after the other, each on the disk before the next; how long each took, in seconds."""
    waits: list[float] = []
    held.longest = held.cpu = 0.0
    while not is_over():
        raw = f"From: x@firm.example\r\nSubject: {what} {len(waits)}\r\n\r\n{'y' * 4_000}\r\n".encode()
        entry = submitted(f"{what}-{len(waits)}", raw)
        asked = time.monotonic()
        await store.queue.add(entry, raw)
        waits.append(time.monotonic() - asked)
        await asyncio.sleep(0.005)
    return waits


def told(waits: list[float]) -> str:
    ordered = sorted(waits)
    p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    parts = ((ordered[len(ordered) // 2], "median"), (p99, "p99"), (ordered[-1], "longest"))
    return f"{len(ordered)}, " + ", ".join(f"{seconds * 1e3:.0f} ms {name}" for seconds, name in parts)


if __name__ == "__main__":
    main()
