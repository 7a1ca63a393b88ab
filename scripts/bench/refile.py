#!/usr/bin/env python3
"""Measures what it costs to rehearse, make and take back a change that moves all mail of one client to another.

CPU of the whole process for each message, and how long the one writer is held by the change: what is accepted
meanwhile waits that long for its 250. Usage: python scripts/bench/refile.py [MESSAGES]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parents[2]))

from gateway.domain.address import Address
from gateway.domain.firm import Client, Contact, ContactAddress, Firm
from gateway.domain.record import Direction, NewFiling
from gateway.mime.facts import facts
from gateway.office.office import Office
from gateway.store.store import Store

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
    refilings = await timed("first look, which reads all headers", count, store.firm.rehearse(moved))
    assert len(refilings) == count, "half of the mail is Al's, and each of it leaves one record for another"
    await timed("rehearsal", count, store.firm.rehearse(moved))
    await office.load()
    made = await timed("change", count, store.firm.replace(moved, [], "bench", NOW), store)
    await timed("rehearsal of undo", count, store.firm.rehearse(firm, undoes=made.step))
    await timed("undo", count, store.firm.replace(firm, [], "bench", NOW, undoes=made.step), store)
    await store.close()


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
    held = 0.0
    while store is not None and not task.done():
        asked = time.monotonic()
        await store.wishes.announce(1)
        held = max(held, time.monotonic() - asked)
    result = await task
    spent, took = time.process_time() - cpu, time.monotonic() - began
    tail = f", writer held {held:.2f} s" if store else ""
    print(f"{what:36} {spent * 1e6 / count:7.0f} us CPU a stored message, {took:.2f} s{tail}")
    return result


if __name__ == "__main__":
    main()
