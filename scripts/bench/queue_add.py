#!/usr/bin/env python3
"""Measures what durable acceptance costs: the queue with many adders at once, against one plain commit a message.

Both write the same rows with the same durability (WAL, synchronous=FULL) to the same disk, in turns, so that
the ratio holds on a noisy machine. Usage: python scripts/bench/queue_add.py [FOLDER] [MESSAGES]
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from gateway.domain.address import Address
from gateway.domain.mail import QueueEntry, Recipient
from gateway.store.store import Store

ADDERS = 50
ROUNDS = 5
SIZE = 2048


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    plain, queue = [], []
    with tempfile.TemporaryDirectory(dir=folder) as room:
        for turn in range(ROUNDS):
            plain.append(measure_plain(Path(room) / f"plain-{turn}.db", count))
            queue.append(asyncio.run(measure_queue(Path(room) / f"queue-{turn}", count)))
    show("plain sqlite3, a commit a message", plain)
    show(f"queue.add, {ADDERS} at once", queue)
    ratios = [one[0] / other[0] for one, other in zip(queue, plain, strict=True)]
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
    print(f"ratio of rates: {statistics.median(ratios):.1f} (median of {ROUNDS} rounds; {spread})")


def show(what: str, rounds: list[tuple[float, float]]) -> None:
    rate = statistics.median(one[0] for one in rounds)
    cpu = statistics.median(one[1] for one in rounds)
    print(f"{what:36} {rate:8.0f} messages/s  {cpu * 1e6:6.0f} us CPU a message")


def messages(count: int) -> Iterator[tuple[QueueEntry, bytes]]:
    sender, now = Address("support", "firm.example"), datetime.now(UTC)
    recipients = (Recipient(Address("al", "pacino.example")), Recipient(Address("archive", "firm.example"), bcc=True))
    for number in range(count):
        raw = f"Message-ID: <{number}@firm.example>\r\n\r\n".encode() + os.urandom(SIZE // 2).hex().encode()
        yield (
            QueueEntry(
                id=f"{number:012}",
                login="ana",
                mailbox=sender.key,
                sender=sender,
                recipients=recipients,
                sha256=hashlib.sha256(raw).hexdigest(),
                size=len(raw),
                message_id=f"<{number}@firm.example>",
                subject="A figure for the note",
                accepted_at=now,
                next_attempt=now,
                rules=("everything to clients leaves as support",),
            ),
            raw,
        )


async def measure_queue(folder: Path, count: int) -> tuple[float, float]:
    store = await Store.open(folder, url=None, key=bytes(32))
    todo = iter(list(messages(count)))

    async def adder() -> None:
        for entry, raw in todo:
            await store.queue.add(entry, raw)

    begun, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as adders:
        for _ in range(ADDERS):
            adders.create_task(adder())
    took, spent = time.perf_counter() - begun, time.process_time() - cpu
    assert (await store.queue.counts())["queued"] == count
    await store.close()
    return count / took, spent / count


def measure_plain(path: Path, count: int) -> tuple[float, float]:
    todo = list(messages(count))
    with closing(sqlite3.connect(path, isolation_level=None)) as raw_connection:
        for statement in PLAIN_SCHEMA:
            raw_connection.execute(statement)
        begun, cpu = time.perf_counter(), time.process_time()
        for entry, raw in todo:
            add_plain(raw_connection, entry, raw)
        return count / (time.perf_counter() - begun), (time.process_time() - cpu) / count


PLAIN_SCHEMA = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "CREATE TABLE body (sha256 TEXT PRIMARY KEY, size INTEGER, content BLOB)",
    """CREATE TABLE entry (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, login TEXT, mailbox TEXT,
        sha256 TEXT, size INTEGER, message_id TEXT, subject TEXT, at INTEGER, state TEXT)""",
    "CREATE INDEX entry_due ON entry (state, at)",
    """CREATE TABLE recipient (entry INTEGER, position INTEGER, address TEXT, bcc INTEGER, delivery TEXT,
        PRIMARY KEY (entry, position)) WITHOUT ROWID""",
)


def add_plain(connection: sqlite3.Connection, entry: QueueEntry, raw: bytes) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO body VALUES (?, ?, ?)", (entry.sha256, entry.size, raw))
    at = int(entry.next_attempt.timestamp() * 1e6)
    values = (entry.id, entry.login, entry.mailbox, entry.sha256, entry.size, entry.message_id, entry.subject, at)
    added = connection.execute("INSERT INTO entry VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, 'queued')", values)
    connection.executemany(
        "INSERT INTO recipient VALUES (?, ?, ?, ?, 'pending')",
        [(added.lastrowid, place, str(one.address), one.bcc) for place, one in enumerate(entry.recipients)],
    )
    connection.execute("COMMIT")


if __name__ == "__main__":
    main()
