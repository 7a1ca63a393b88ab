#!/usr/bin/env python3
"""Measures the way out of the queue: claim, relay to Postfix's smtp-sink, results and sent-copy duty on the disk.

The messages lie in the queue already; a rule's copy makes a second transaction of each when COPIES is 1.
Usage: python scripts/bench/dispatch.py [MESSAGES] [COPIES] [FOLDER]
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import structlog

from gateway.domain.address import Address
from gateway.domain.firm import Endpoint, Firm, Mailbox, Secret, Security
from gateway.domain.mail import QueueEntry, Recipient
from gateway.outbound.bounce import Bounces
from gateway.outbound.dispatch import Dispatcher
from gateway.settings.gateway import parse
from gateway.store.store import Store
from gateway.upstream.smtp import SmtpRelay
from scripts.bench.relay import RECIPIENT, SENDER, letter, sink

HOST = "mail.firm.example"


def main() -> None:
    count, copies = (int(given) for given in (*sys.argv[1:3], *("3000", "0")[len(sys.argv[1:3]) :]))
    folder = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    with tempfile.TemporaryDirectory(dir=folder) as room, sink() as port:
        took, cpu = asyncio.run(drained(Path(room), port, count, copies))
    print(
        f"{count} messages of 2 KB, {copies} copies: {count / took:.0f} messages/s, {cpu / count * 1e3:.3f} CPU-ms each"
    )


async def drained(folder: Path, port: int, count: int, copies: int) -> tuple[float, float]:
    """Seconds, and CPU seconds of this process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    store = await Store.open(folder, url=None, key=bytes(32))
    await asyncio.gather(*(store.queue.add(entry, raw) for entry, raw in messages(count, copies)))
    endpoint = Endpoint("127.0.0.1", port, Security.NONE)
    firm = Firm("Popescu", mailboxes=(Mailbox(SENDER, "Support", (), "support", Secret(""), endpoint, endpoint),))
    settings = parse({"data_dir": str(folder), "submission": {"hostname": HOST}}, base=folder)
    relay = SmtpRelay(hostname=HOST)
    bounces = Bounces(store, firm=lambda: firm, hostname=lambda: HOST, now=now)
    dispatcher = Dispatcher(
        store, relay, bounces, firm=lambda: firm, settings=lambda: settings, now=now, delivered=lambda: None
    )
    began, cpu = time.perf_counter(), time.process_time()
    running = asyncio.create_task(dispatcher.run())
    while (await store.queue.counts())["done"] < count:  # noqa: ASYNC110 - nobody says when the queue is empty
        await asyncio.sleep(0.2)
    took, spent = time.perf_counter() - began, time.process_time() - cpu
    dispatcher.stop()
    await running
    with contextlib.suppress(asyncio.CancelledError):
        await relay.close()
    await store.close()
    return took, spent


def now() -> datetime:
    return datetime.now(UTC)


def messages(count: int, copies: int) -> Iterator[tuple[QueueEntry, bytes]]:
    recipients = (
        Recipient(RECIPIENT),
        *(Recipient(Address(f"archive{number}", "firm.example"), bcc=True) for number in range(copies)),
    )
    for number in range(count):
        raw = f"Message-ID: <{number}@firm.example>\r\n".encode() + letter(2048)
        yield (
            QueueEntry(
                id=f"{number:012}",
                login="ana",
                mailbox=SENDER.key,
                sender=SENDER,
                recipients=recipients,
                sha256=hashlib.sha256(raw).hexdigest(),
                size=len(raw),
                message_id=f"<{number}@firm.example>",
                subject="A figure for the note",
                accepted_at=now(),
                next_attempt=now(),
            ),
            raw,
        )


if __name__ == "__main__":
    main()
