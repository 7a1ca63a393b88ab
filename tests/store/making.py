"""Values that the store's tests are made of."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.domain.address import Address
from gateway.domain.large import Mail
from gateway.domain.mail import Delivery, Outcome, QueueEntry, Recipient
from gateway.domain.record import Attachment, Cursor, Direction, Duty, Filed, HeaderFacts, Location, NewFiling
from gateway.domain.saving import Kept, Looked, SavingDuty
from gateway.store.clock import QueueClock
from gateway.store.store import Store

KEY = bytes(range(32))
NOW = datetime(2026, 3, 14, 9, 26, 53, 589793, tzinfo=UTC)
SUPPORT = Address("support", "firm.example")
AL = Address("al", "pacino.example")
ARCHIVE = Address("archive", "firm.example")


def standing_still() -> QueueClock:
    """So that what is put off until then is put off until exactly then."""
    return QueueClock(lambda: NOW, lambda: 0.0)


def minutes(count: float) -> datetime:
    return NOW + timedelta(minutes=count)


def mail(text: str, size: int = 0) -> bytes:
    raw = f"Subject: {text}\r\n\r\n{text}\r\n".encode()
    return raw + b"x" * (size - len(raw))


def entry(
    name: str,
    raw: bytes,
    *,
    mailbox: str = SUPPORT.key,
    sender: Address | None = SUPPORT,
    recipients: Sequence[Address] = (AL,),
    due: datetime = NOW,
) -> QueueEntry:
    return QueueEntry(
        id=name,
        login="ana",
        mailbox=mailbox,
        sender=sender,
        recipients=tuple(Recipient(one, bcc=one == ARCHIVE) for one in recipients),
        sha256=hashlib.sha256(raw).hexdigest(),
        size=len(raw),
        message_id=f"<{name}@firm.example>",
        subject="Ștate de plată",
        accepted_at=NOW,
        next_attempt=due,
        smtputf8=True,
        grant="attached",
        rules=("one", "two"),
        in_reply_to="<before@pacino.example>",
    )


def outcome(delivery: Delivery, code: int = 250) -> Outcome:
    return Outcome(delivery, code, "2.0.0", "as the peer said it", "final")


DELIVERED = outcome(Delivery.DELIVERED)
FAILED = outcome(Delivery.FAILED, 550)
LATER = outcome(Delivery.PENDING, 451)


def facts(message_id: str = "", *, answers: Sequence[str] = (), references: Sequence[str] = ()) -> HeaderFacts:
    return HeaderFacts(
        message_id=message_id,
        in_reply_to=tuple(answers),
        references=tuple(references),
        subject="Statement",
        sender="Al Pacino <al@pacino.example>",
        recipients="support@firm.example",
        date=NOW,
    )


def filing(
    raw: Mail,
    *clients: str,
    direction: Direction = Direction.INBOX,
    known: HeaderFacts | None = None,
    at: Location | None = None,
    cursor: Cursor | None = None,
    duty: Duty | None = None,
) -> NewFiling:
    return NewFiling(
        raw=raw,
        facts=known or facts(),
        clients=tuple((client, direction) for client in clients),
        filed_at=NOW,
        duty=duty,
        location=at,
        cursor=cursor,
    )


def document(name: str, content: bytes, part: str = "2") -> Attachment:
    return Attachment(1, name, "application/pdf", content, part=part)


async def file_with(store: Store, item: NewFiling, *attachments: Attachment) -> tuple[Filed, tuple[str, ...]]:
    """File it and do the duty of saving, as `gateway.inbound.saving` does; the paths of the files that were written."""
    filed = await store.record.file(replace(item, duty=Duty.SAVE))
    paths = [
        path
        for duty in await store.saving.due(item.filed_at, filed.message)
        if duty.message == filed.message
        for path in await save(store, duty, *attachments)
    ]
    return filed, tuple(paths)


async def save(store: Store, duty: SavingDuty, *attachments: Attachment) -> list[str]:
    """Make documents of all of them."""
    kept = []
    for one in attachments:
        sha256 = hashlib.sha256(one.content).hexdigest()
        known = await store.saving.known(duty, "", sha256)
        path = "" if known.saved else await store.saving.write(duty, one)
        kept.append(Kept(one.part, one.name, one.content_type, len(one.content), sha256, one.note, path))
    await store.saving.finish(duty, Looked(kept=tuple(kept)), NOW)
    return [one.path for one in kept if one.path]


def inbox(uid: int, uidvalidity: int = 7, mailbox: str = SUPPORT.key) -> Location:
    return Location(mailbox, "INBOX", uidvalidity, uid)


def reached(uidnext: int, uidvalidity: int = 7) -> Cursor:
    return Cursor(SUPPORT.key, "INBOX", uidvalidity, uidnext)


def dated(known: HeaderFacts, date: datetime | None) -> HeaderFacts:
    return replace(known, date=date)


def unguarded(database: Path) -> sqlite3.Connection:
    """As somebody with the file in their hands would alter it: what the database itself refuses is taken away first."""
    raw = sqlite3.connect(database)
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    return raw
