"""Messages, filings and documents as rows, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

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


_digested = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def digest_of(values: Sequence[object]) -> str:
    """SHA-256 in hex over the columns `DIGESTED` of a message: lists as their JSON, moments as microseconds."""
    return hashlib.sha256(_digested(list(values)).encode("ascii")).hexdigest()


def message_row(item: NewFiling, sha256: str) -> Mapping[str, object]:
    """A message that is new, its values as the database keeps them."""
    facts = item.facts
    row: dict[str, object] = {
        "sha256": sha256,
        "size": len(item.raw),
        "message_id": clean(facts.message_id),
        "in_reply_to": _listed(facts.in_reply_to),
        "refs": _listed(facts.references),
        "subject": clean(facts.subject),
        "sender": clean(facts.sender),
        "recipients": clean(facts.recipients),
        "date": None if facts.date is None else to_ticks(facts.date),
        "people": _listed(facts.people),
        "filed_at": to_ticks(item.filed_at),
        "author_login": clean(item.author_login),
        "grant_kind": item.grant,
        "saves": item.saves,
    }
    row["digest"] = digest_of([row[name] for name in DIGESTED])
    return row


def _listed(words: Sequence[str]) -> str:
    return json.dumps([clean(word) for word in words]) if words else "[]"


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
    """A place that is valid now, its values as the database keeps them."""
    return {
        "mailbox": clean(where.mailbox),
        "folder": clean(where.folder),
        "uidvalidity": where.uidvalidity,
        "uid": where.uid,
        "message": message_number,
        "stale": False,
        "number": where.number or None,
        "labels": _listed(where.labels) if where.labels else None,
    }


def read_location(row: AnyRow) -> Location:
    """A row of LOCATIONS."""
    return Location(row.mailbox, row.folder, row.uidvalidity, row.uid, row.number or 0, tuple(row.labels or ()))
