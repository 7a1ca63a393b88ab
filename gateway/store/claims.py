"""Attempts are booked: few statements for however many entries, and no look at what nobody may take now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, select, update

from gateway.domain.mail import Delivery, QueueEntry, QueueState
from gateway.policy.queue import QueueAction, after
from gateway.store.clock import Kept
from gateway.store.columns import Moment
from gateway.store.compiled import Compiled
from gateway.store.damaged import Unreadable, is_unreadable, set_aside
from gateway.store.queue_rows import read_all, read_readable
from gateway.store.schema import queue_entry, recipient

_CLAIMED_AS = after(QueueState.QUEUED, QueueAction.CLAIM)

_ENTRY = queue_entry.c
_QUEUED = _ENTRY.state == QueueState.QUEUED.value
# From one mailbox to the next by the index: however many entries wait, a mailbox is two looks.
_FIRST = select(func.min(_ENTRY.mailbox).label("mailbox")).where(_QUEUED).cte("waiting", recursive=True)
_WAITING = _FIRST.union_all(
    select(select(func.min(_ENTRY.mailbox)).where(_QUEUED, _ENTRY.mailbox > _FIRST.c.mailbox).scalar_subquery()).where(
        _FIRST.c.mailbox.is_not(None)
    )
)
_DUE_AT = select(func.min(_ENTRY.next_attempt)).where(_QUEUED, _ENTRY.mailbox == _WAITING.c.mailbox).scalar_subquery()
_MAILBOXES = Compiled(select(_WAITING.c.mailbox, _DUE_AT.label("due")).where(_WAITING.c.mailbox.is_not(None)))
_DUE = Compiled(
    select(queue_entry)
    .where(_QUEUED, _ENTRY.mailbox == bindparam("of"), _ENTRY.next_attempt <= bindparam("now"))
    .order_by(_ENTRY.next_attempt, _ENTRY.number)
    .limit(bindparam("most"))
)
_CLAIM = Compiled(
    update(queue_entry)
    .where(_ENTRY.number == bindparam("entry"))
    .values(
        state=_CLAIMED_AS.value,
        attempts=_ENTRY.attempts + 1,
        began=func.coalesce(_ENTRY.began, bindparam("clock", type_=Moment)),
    )
)
_QUEUED_NUMBERS = select(_ENTRY.number).where(_QUEUED)
_UNREACHED = exists().where(
    recipient.c.entry == _ENTRY.number,
    recipient.c.delivery == Delivery.PENDING.value,
    recipient.c.stage == "connect",
)
_HASTEN = (
    update(queue_entry)
    .where(_QUEUED, _ENTRY.mailbox == bindparam("of"), _ENTRY.next_attempt > bindparam("now"), _UNREACHED)
    .values(next_attempt=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What was claimed, and when the first of what is left of each mailbox is due."""

    entries: list[QueueEntry]
    waiting: dict[str, datetime]


def due(connection: Connection) -> dict[str, datetime]:
    """When the first entry of each mailbox that has any waiting is due."""
    return {row.mailbox: row.due for row in _MAILBOXES.all(connection, {})}


def take(connection: Connection, now: Kept, limit: int, rooms: Mapping[str, int], each: int) -> Taken:
    """See `Queue.take`; due is what the wall clock says, and what waited for its time ages from now on.

    Raises `Unreadable` where a damaged row is among them: to be undone, and done again without it.
    """
    try:
        return _take(connection, now, limit, rooms, each)
    except Exception as error:
        if is_unreadable(error):
            raise Unreadable from error
        raise


def set_damaged_aside(connection: Connection, now: datetime) -> list[int]:
    """Whatever is queued and can't be read; the numbers of the lines in the feed."""
    numbers = connection.execute(_QUEUED_NUMBERS).scalars().all()
    return [set_aside(connection, number, now) for number in numbers if read_readable(connection, number) is None]


def _take(connection: Connection, now: Kept, limit: int, rooms: Mapping[str, int], each: int) -> Taken:
    found: list[tuple[datetime, int, Any]] = []
    waiting = due(connection)
    for mailbox, first in waiting.items():
        most = min(limit, rooms.get(mailbox, each))
        if most > 0 and first <= now.wall:
            rows = _DUE.all(connection, {"of": mailbox, "now": now.wall, "most": most})
            found.extend((row.next_attempt, row.number, row) for row in rows)
    found = sorted(found)[:limit]  # numbers are unique: rows are never compared
    _CLAIM.many(connection, [{"entry": number, "clock": now.at} for _, number, _ in found])
    entries = read_all(connection, [_claimed(row, now.at) for _, _, row in found])
    return Taken(entries, due(connection) if entries else waiting)


def _claimed(row: Any, clock: datetime) -> Any:
    return row._replace(state=_CLAIMED_AS.value, attempts=row.attempts + 1, began=row.began or clock)


def hasten(connection: Connection, mailbox: str, now: datetime) -> int:
    """See `Queue.hasten`."""
    return connection.execute(_HASTEN, {"of": mailbox, "now": now}).rowcount
