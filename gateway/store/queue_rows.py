"""Queue entries as rows, and rows as queue entries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypedDict

from sqlalchemy import Connection, Select, bindparam, func, insert, select

from gateway.domain.address import Address
from gateway.domain.errors import NotFound
from gateway.domain.mail import Delivery, Notify, Outcome, QueueEntry, QueueState, Recipient, Wish
from gateway.store.compiled import Compiled
from gateway.store.damaged import is_unreadable, salvage
from gateway.store.schema import queue_entry, recipient

ADDRESSES = 4_096  # kept read: a firm writes to the same people again and again

_KINDS = (Notify.FAILURE, Notify.DELAY, Notify.SUCCESS)
_NOTHING_ASKED = Wish()
_USUAL = " ".join(kind.value for kind in _KINDS if kind in _NOTHING_ASKED.notify)

_BY_NUMBER = Compiled(select(queue_entry).where(queue_entry.c.number == bindparam("number")))
_ADD_ENTRIES = Compiled(insert(queue_entry))
_NUMBER = select(queue_entry.c.number).where(queue_entry.c.id == bindparam("of")).scalar_subquery()
_ADD_RECIPIENTS = Compiled(insert(recipient).values(entry=_NUMBER))
_OF_ENTRY = Compiled(select(recipient).where(recipient.c.entry == bindparam("of")).order_by(recipient.c.position))
_NUMBERS = select(func.json_each(bindparam("numbers")).table_valued("value").c.value)
_OF_ENTRIES = Compiled(
    select(recipient).where(recipient.c.entry.in_(_NUMBERS)).order_by(recipient.c.entry, recipient.c.position)
)
_IDS = select(func.json_each(bindparam("ids")).table_valued("value").c.value)
_NAMED = Compiled(select(queue_entry).where(queue_entry.c.id.in_(_IDS)))
_OF_NAMED = Compiled(
    select(recipient)
    .where(recipient.c.entry.in_(select(queue_entry.c.number).where(queue_entry.c.id.in_(_IDS))))
    .order_by(recipient.c.entry, recipient.c.position)
)
_address = lru_cache(ADDRESSES)(Address)


def add_entries(connection: Connection, entries: Sequence[tuple[QueueEntry, str]]) -> None:
    """The entries, each with its fingerprint, and their recipients; a statement each however many they are.

    Their bodies must be there.
    """
    _ADD_ENTRIES.many(connection, [_entry_row(entry, fingerprint) for entry, fingerprint in entries])
    rows = [
        _recipient_row(entry.id, position, one) for entry, _ in entries for position, one in enumerate(entry.recipients)
    ]
    _ADD_RECIPIENTS.many(connection, rows)


def read_entries(connection: Connection, query: Select[tuple[object, ...]]) -> list[QueueEntry]:
    """The entries of a query over all columns of ``queue_entry``, in its order; damaged ones as far as they go."""
    try:
        return [read_entry(connection, row) for row in connection.execute(query).all()]
    except Exception as error:
        if not is_unreadable(error):
            raise
    numbers = connection.execute(query.with_only_columns(queue_entry.c.number)).scalars().all()
    return [read_readable(connection, number) or salvage(connection, number) for number in numbers]


def read_readable(connection: Connection, number: int) -> QueueEntry | None:
    """None where the row is damaged."""
    try:
        return read_entry(connection, _BY_NUMBER.first(connection, {"number": number}))
    except Exception as error:
        if not is_unreadable(error):
            raise
        return None


def read_entry(connection: Connection, row: Any) -> QueueEntry:
    """The entry of a row with all columns of ``queue_entry``, whoever fetched it."""
    return _read_entry(row, [read_recipient(one) for one in _OF_ENTRY.all(connection, {"of": row.number})])


def read_all(connection: Connection, rows: Sequence[Any]) -> list[QueueEntry]:
    """As `read_entry`, the recipients of all in one look."""
    people: dict[int, list[Recipient]] = {row.number: [] for row in rows}
    for one in _OF_ENTRIES.all(connection, {"numbers": json.dumps(list(people))}):
        people[one.entry].append(read_recipient(one))
    return [_read_entry(row, people[row.number]) for row in rows]


def read_named(connection: Connection, ids: Sequence[str]) -> dict[str, QueueEntry]:
    """Those with these ids, in their order, in two statements however many they are; `NotFound` where one is not."""
    named = {"ids": json.dumps(list(ids))}
    rows = {row.id: row for row in _NAMED.all(connection, named)}
    people: dict[int, list[Recipient]] = {row.number: [] for row in rows.values()}
    for one in _OF_NAMED.all(connection, named):
        people[one.entry].append(read_recipient(one))
    for missing in (one for one in ids if one not in rows):
        raise unknown(missing)
    return {one: _read_entry(rows[one], people[rows[one].number]) for one in ids}


def unknown(queue_id: str) -> NotFound:
    """To be raised where there is no entry with this id."""
    return NotFound(f"there is no queue entry {queue_id}: `postern queue list` shows those that there are")


def read_recipient(row: Any) -> Recipient:
    """A recipient of any query over all columns."""
    delivery = Delivery(row.delivery)
    last = None if row.code is None else Outcome(_outcome_of(delivery), row.code, row.status, row.words, row.stage)
    return Recipient(_address(row.local, row.domain), delivery, row.bcc, last, _wish(row.notify, row.orcpt))


def _wish(notify: str, orcpt: str) -> Wish:
    if notify == _USUAL and not orcpt:
        return _NOTHING_ASKED
    return Wish(frozenset(Notify(word) for word in notify.split()), orcpt)


def _outcome_of(delivery: Delivery) -> Delivery:
    """What the last attempt came to: a recipient who was cancelled after it was pending then."""
    return Delivery.PENDING if delivery is Delivery.CANCELLED else delivery


class OutcomeRow(TypedDict):
    """The columns that an attempt fills."""

    code: int | None
    status: str | None
    words: str | None
    stage: str | None


def outcome_row(outcome: Outcome | None) -> OutcomeRow:
    """The columns of what an attempt came to."""
    if outcome is None:
        return {"code": None, "status": None, "words": None, "stage": None}
    return {"code": outcome.code, "status": outcome.status, "words": outcome.text, "stage": outcome.stage}


def _recipient_row(entry: str, position: int, one: Recipient) -> Mapping[str, object]:
    return {
        "of": entry,
        "position": position,
        "local": one.address.local,
        "domain": one.address.domain,
        "bcc": one.bcc,
        "delivery": one.delivery.value,
        "reported": False,
        "notify": " ".join(kind.value for kind in _KINDS if kind in one.wish.notify),
        "orcpt": one.wish.orcpt,
        **outcome_row(one.last),
    }


def _entry_row(entry: QueueEntry, fingerprint: str) -> Mapping[str, object]:
    return {
        "id": entry.id,
        "login": entry.login,
        "mailbox": entry.mailbox,
        "sender_local": entry.sender.local if entry.sender else None,
        "sender_domain": entry.sender.domain if entry.sender else None,
        "sha256": entry.sha256,
        "size": entry.size,
        "message_id": entry.message_id,
        "subject": entry.subject,
        "accepted_at": entry.accepted_at,
        "next_attempt": entry.next_attempt,
        "state": entry.state.value,
        "attempts": entry.attempts,
        "smtputf8": entry.smtputf8,
        "hold_reason": entry.hold_reason,
        "grant_kind": entry.grant,
        "rules": list(entry.rules),
        "in_reply_to": entry.in_reply_to,
        "envid": entry.envid,
        "return_full": entry.return_full,
        "not_before": entry.not_before,
        "began": entry.began,
        "fingerprint": fingerprint or None,
    }


def _read_entry(row: Any, recipients: Sequence[Recipient]) -> QueueEntry:
    return QueueEntry(
        id=row.id,
        login=row.login,
        mailbox=row.mailbox,
        sender=None if row.sender_local is None else _address(row.sender_local, row.sender_domain),
        recipients=tuple(recipients),
        sha256=row.sha256,
        size=row.size,
        message_id=row.message_id,
        subject=row.subject,
        accepted_at=row.accepted_at,
        next_attempt=row.next_attempt,
        state=QueueState(row.state),
        attempts=row.attempts,
        smtputf8=row.smtputf8,
        hold_reason=row.hold_reason,
        grant=row.grant_kind,
        rules=tuple(row.rules),
        in_reply_to=row.in_reply_to,
        envid=row.envid,
        return_full=row.return_full,
        not_before=row.not_before,
        began=row.began,
    )
