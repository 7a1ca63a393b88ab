"""Messages, filings and documents as rows, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Row, select

from gateway.domain.record import Direction, Document, Filing, HeaderFacts, Location, Message, NewFiling, Note
from gateway.store.columns import clean, to_ticks
from gateway.store.schema import document, filing, location, message, verdict
from gateway.store.verdicts import COLUMNS, read_weighed

AnyRow = Row[tuple[object, ...]]

MESSAGES = select(message, *COLUMNS).outerjoin(verdict, verdict.c.message == message.c.id)
FILINGS = (
    select(message, filing.c.client, filing.c.direction, filing.c.thread, filing.c.flags, *COLUMNS)
    .join(filing, filing.c.message == message.c.id)
    .outerjoin(verdict, verdict.c.message == message.c.id)
)
DOCUMENTS = (
    select(document, message.c.date, message.c.sender, message.c.recipients, message.c.subject)
    .join(message, message.c.id == document.c.message)
    .where(document.c.withdrawn == "")
)
_PLACE = location.c
LOCATIONS = select(
    *(_PLACE.mailbox, _PLACE.folder, _PLACE.uidvalidity, _PLACE.uid, _PLACE.number, _PLACE.labels),
)


# What is noted once and never changes; as the database has it, so that a check needs nothing but the row.
DIGESTED = (
    "sha256",
    "size",
    "message_id",
    "in_reply_to",
    "refs",
    "subject",
    "sender",
    "recipients",
    "date",
    "filed_at",
)


def digest_of(values: Sequence[object]) -> str:
    """SHA-256 in hex over the columns `DIGESTED` of a message: lists as their JSON, moments as microseconds."""
    line = json.dumps(list(values), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(line.encode("ascii")).hexdigest()


def message_row(item: NewFiling, sha256: str) -> Mapping[str, object]:
    """A message that is new."""
    row = _noted(item, sha256)
    return row | {"digest": digest_of([_kept(row[name]) for name in DIGESTED])}


def _kept(value: object) -> object:
    """As the column's type gives it to the database."""
    match value:
        case str():
            return clean(value)
        case datetime():
            return to_ticks(value)
        case list():
            return json.dumps(value)
        case _:
            return value


def _noted(item: NewFiling, sha256: str) -> dict[str, object]:
    facts = item.facts
    return {
        "sha256": sha256,
        "size": len(item.raw),
        "message_id": facts.message_id,
        "in_reply_to": [clean(one) for one in facts.in_reply_to],
        "refs": [clean(one) for one in facts.references],
        "subject": facts.subject,
        "sender": facts.sender,
        "recipients": facts.recipients,
        "date": facts.date,
        "people": [clean(one) for one in facts.people],
        "filed_at": item.filed_at,
        "author_login": item.author_login,
        "grant_kind": item.grant,
        "saves": item.saves,
    }


def read_message(row: AnyRow) -> Message:
    """A row that has the columns of MESSAGES."""
    facts = HeaderFacts(
        message_id=row.message_id,
        in_reply_to=tuple(row.in_reply_to),
        references=tuple(row.refs),
        subject=row.subject,
        sender=row.sender,
        recipients=row.recipients,
        date=row.date,
        people=tuple(row.people),
    )
    weighed = read_weighed(row)
    return Message(row.id, row.sha256, row.size, facts, row.filed_at, row.author_login, row.grant_kind, weighed)


def read_filing(row: AnyRow) -> Filing:
    """A row of FILINGS."""
    return Filing(row.client, read_message(row), Direction(row.direction), row.thread, tuple(row.flags))


def read_document(row: AnyRow) -> Document:
    """A row of DOCUMENTS."""
    return Document(
        id=row.id,
        client=row.client,
        name=row.name,
        original_name=row.original_name,
        content_type=row.content_type,
        size=row.size,
        sha256=row.sha256,
        path=row.path,
        message=row.message,
        saved_at=row.saved_at,
        note=Note(row.note),
        sent_at=row.date,
        sender=row.sender,
        recipients=row.recipients,
        subject=row.subject,
    )


def location_row(where: Location, message_number: int) -> Mapping[str, object]:
    """A place that is valid now."""
    return {
        "mailbox": where.mailbox,
        "folder": where.folder,
        "uidvalidity": where.uidvalidity,
        "uid": where.uid,
        "message": message_number,
        "stale": False,
        "number": where.number or None,
        "labels": [clean(label) for label in where.labels] or None,
    }


def read_location(row: AnyRow) -> Location:
    """A row of LOCATIONS."""
    return Location(row.mailbox, row.folder, row.uidvalidity, row.uid, row.number or 0, tuple(row.labels or ()))
