"""The duty to append what was delivered to the Sent folder: made once an entry, kept as done so that it stays once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, func, select, type_coerce, update
from sqlalchemy.dialects.sqlite import insert

from gateway.domain.mail import SentCopy
from gateway.store.compiled import Compiled
from gateway.store.schema import queue_entry, sent_copy

DUE, ACTIVE, DONE = "due", "active", "done"

_COPY = sent_copy.c


def _owe(which: ColumnElement[bool]) -> Compiled:
    """A delivery report has no sender, and nobody's Sent folder wants it. Due since its entry was: that is, now."""
    return Compiled(
        insert(sent_copy)
        .from_select(
            ["entry", "state", "attempts", "next_attempt", "last_error"],
            select(
                queue_entry.c.number,
                bindparam("state", DUE),
                bindparam("attempts", 0),
                queue_entry.c.next_attempt,
                bindparam("error", ""),
            ).where(which, queue_entry.c.sender_local.is_not(None)),
        )
        .on_conflict_do_nothing()
    )


_OWE = _owe(queue_entry.c.number == bindparam("of"))
_OWE_BY_ID = _owe(queue_entry.c.id == bindparam("of"))
_DUE = Compiled(
    select(
        _COPY.entry,
        queue_entry.c.id,
        queue_entry.c.mailbox,
        queue_entry.c.sha256,
        queue_entry.c.message_id,
        _COPY.attempts,
        _COPY.next_attempt,
        _COPY.last_error,
    )
    .join(queue_entry, queue_entry.c.number == _COPY.entry)
    .where(_COPY.state == DUE, _COPY.next_attempt <= bindparam("now"))
    .order_by(_COPY.next_attempt, _COPY.entry)
    .limit(bindparam("most"))
)
_CLAIM = Compiled(
    update(sent_copy).where(_COPY.entry == bindparam("of")).values(state=ACTIVE, attempts=_COPY.attempts + 1)
)
_SET = update(sent_copy).where(_COPY.entry == bindparam("of"), _COPY.state != DONE)
_NUMBER = select(queue_entry.c.number).where(queue_entry.c.id == bindparam("id")).scalar_subquery()
_DONE = Compiled(update(sent_copy).where(_COPY.entry == _NUMBER).values(state=DONE, last_error=bindparam("note")))
_HASTEN = (
    update(sent_copy)
    .where(_COPY.state != DONE, _COPY.next_attempt > bindparam("now"))
    .values(next_attempt=type_coerce(_COPY.next_attempt, BigInteger) + bindparam("ticks", type_=BigInteger))
)
_PUT_OFF = Compiled(
    update(sent_copy)
    .where(_COPY.entry == _NUMBER, _COPY.state == ACTIVE)
    .values(state=DUE, attempts=_COPY.attempts - 1, next_attempt=bindparam("at"), last_error=bindparam("note"))
)
_NEXT = Compiled(select(func.min(_COPY.next_attempt).label("first")).where(_COPY.state == DUE))


def owe(connection: Connection, entry: int) -> None:
    """Make the duty, unless the entry had it before."""
    _OWE.run(connection, {"of": entry})


def owe_all(connection: Connection, queue_ids: Sequence[str]) -> None:
    """The same for several, by their ids."""
    _OWE_BY_ID.many(connection, [{"of": queue_id} for queue_id in queue_ids])


def claim(connection: Connection, now: datetime, limit: int) -> list[SentCopy]:
    """Book an attempt for each copy that is due, longest due first."""
    rows = _DUE.all(connection, {"now": now, "most": limit})
    _CLAIM.many(connection, [{"of": row.entry} for row in rows])
    return [
        SentCopy(
            queue_id=row.id,
            mailbox=row.mailbox,
            sha256=row.sha256,
            message_id=row.message_id,
            attempts=row.attempts + 1,
            next_attempt=row.next_attempt,
            last_error=row.last_error,
        )
        for row in rows
    ]


def done(connection: Connection, queue_ids: Sequence[str], note: str = "") -> None:
    """The copies lie in Sent, or never will: either way the duty is over."""
    _DONE.many(connection, [{"id": queue_id, "note": note} for queue_id in queue_ids])


def put_off(connection: Connection, until: Mapping[str, datetime], note: str) -> None:
    """Nothing was tried yet: look at them then, by queue id."""
    _PUT_OFF.many(connection, [{"id": queue_id, "at": at, "note": note} for queue_id, at in until.items()])


def later(connection: Connection, entry: int, at: datetime, error: str) -> None:
    """The attempt failed: try again then."""
    connection.execute(_SET, {"of": entry, "state": DUE, "next_attempt": at, "last_error": error})


def hasten(connection: Connection, ticks: int, now: datetime) -> None:
    """The wall clock was set back: what would wait longer for it comes sooner by so many (negative) microseconds."""
    connection.execute(_HASTEN, {"ticks": ticks, "now": now})


def next_due(connection: Connection) -> datetime | None:
    """When the next copy is due; None while there is none that nobody works on."""
    first: datetime | None = _NEXT.first(connection, {}).first
    return first


def recover(connection: Connection) -> None:
    """After a crash: nobody appends any more."""
    connection.execute(update(sent_copy).where(_COPY.state == ACTIVE).values(state=DUE))
