"""What waits for its time: listed, moved and taken back, for as long as no attempt has been booked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, exists, func, or_, select, update

from gateway.domain.address import Address
from gateway.domain.errors import NotFound
from gateway.domain.mail import QueueEntry, QueueState
from gateway.policy.queue import QueueAction, after, require_unsent
from gateway.store import attempts
from gateway.store.queue_rows import read_entries
from gateway.store.reader import Reader
from gateway.store.schema import queue_entry, recipient
from gateway.store.writer import Writer

Entries = list[QueueEntry]

_ENTRY = queue_entry.c
_BY_ID = select(queue_entry).where(_ENTRY.id == bindparam("id"))
_STATE = select(_ENTRY.number, _ENTRY.state, _ENTRY.attempts).where(_ENTRY.id == bindparam("id"))
_WAITING = select(queue_entry).where(_ENTRY.state == QueueState.QUEUED.value, _ENTRY.attempts == 0)
_PLACE = select(_ENTRY.next_attempt, _ENTRY.number).where(_ENTRY.id == bindparam("id"))
_SET = update(queue_entry).where(_ENTRY.number == bindparam("of"))


class Scheduled:
    """A dispatcher that claims an entry at the same moment either comes first, and `Conflict` says so, or finds it
    moved: each method is one transaction. `NotFound` for an unknown id.
    """

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def list(
        self, now: datetime, limit: int, *, to: Collection[Address] | None = None, after_id: str | None = None
    ) -> Entries:
        """What leaves first comes first; ``to``: only what one of these gets; ``after_id`` is the last one seen."""
        query = _WAITING.where(_ENTRY.next_attempt > now).order_by(_ENTRY.next_attempt, _ENTRY.number).limit(limit)
        if to is not None:
            query = query.where(_addressed_to(to))

        def look(connection: Connection) -> Entries:
            return read_entries(connection, query if after_id is None else _behind(connection, query, after_id))

        return await self._reader.run(look)

    async def change(self, queue_id: str, at: datetime, now: datetime) -> QueueEntry:
        """Have it leave then, or now where that is past. Its age counts from there."""
        leaves = max(at, now)

        def work(connection: Connection) -> QueueEntry:
            values = {"not_before": leaves, "next_attempt": leaves, "began": None}
            connection.execute(_SET.values(**values), {"of": _unsent(connection, queue_id)})
            return _get(connection, queue_id)

        return await self._writer.run(work)

    async def cancel(self, queue_id: str, now: datetime) -> QueueEntry:
        """It never leaves."""
        cancelled = after(QueueState.QUEUED, QueueAction.CANCEL).value

        def work(connection: Connection) -> QueueEntry:
            number = _unsent(connection, queue_id)
            attempts.cancel(connection, number)
            connection.execute(_SET.values(state=cancelled, next_attempt=now, hold_reason=""), {"of": number})
            return _get(connection, queue_id)

        return await self._writer.run(work)


def _unsent(connection: Connection, queue_id: str) -> int:
    row = connection.execute(_STATE, {"id": queue_id}).one_or_none()
    if row is None:
        raise _unknown(queue_id)
    require_unsent(QueueState(row.state), row.attempts)
    return int(row.number)


def _get(connection: Connection, queue_id: str) -> QueueEntry:
    return read_entries(connection, _BY_ID.params(id=queue_id))[0]


def _behind(connection: Connection, query: Select[Any], queue_id: str) -> Select[Any]:
    place = connection.execute(_PLACE, {"id": queue_id}).one_or_none()
    if place is None:
        raise _unknown(queue_id)
    leaves = _ENTRY.next_attempt
    later = and_(leaves == place.next_attempt, _ENTRY.number > place.number)
    return query.where(or_(leaves > place.next_attempt, later))


def _addressed_to(addresses: Collection[Address]) -> Any:
    """The keys are compared, and the spellings too: the database folds the case of ASCII only."""
    keys = {one.key for one in addresses}
    spellings = {f"{one.local}@{one.domain}" for one in addresses}
    written = recipient.c.local + "@" + recipient.c.domain
    known = or_(func.lower(written).in_(keys), written.in_(spellings))
    return exists().where(recipient.c.entry == _ENTRY.number, recipient.c.bcc.is_(False), known)


def _unknown(queue_id: str) -> NotFound:
    return NotFound(f"there is no queue entry {queue_id}: `postern schedule list` shows what waits for its time")
