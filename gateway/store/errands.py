"""Duties beside the copy in Sent: made once, booked before they are tried, and kept as done so that they stay once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Connection, and_, bindparam, func, literal, select, type_coerce, update
from sqlalchemy.dialects.sqlite import insert

from gateway.domain.mail import Errand, ErrandKind
from gateway.store.reader import Reader
from gateway.store.schema import errand, queue_entry
from gateway.store.sent import ACTIVE, DONE, DUE
from gateway.store.writer import Writer

_COLUMNS = errand.c
_NUMBER = select(queue_entry.c.number).where(queue_entry.c.id == bindparam("id")).scalar_subquery()
_OWE = (
    insert(errand)
    .values(
        entry=_NUMBER,
        kind=bindparam("kind"),
        mailbox=bindparam("mailbox"),
        state=DUE,
        attempts=0,
        next_attempt=bindparam("at"),
        last_error="",
    )
    .on_conflict_do_nothing()
)
_DUE = (
    select(errand, queue_entry.c.id)
    .join(queue_entry, queue_entry.c.number == _COLUMNS.entry)
    .where(_COLUMNS.state == DUE, _COLUMNS.next_attempt <= bindparam("now"))
    .order_by(_COLUMNS.next_attempt, _COLUMNS.entry)
    .limit(bindparam("most"))
)
_ONE = and_(
    _COLUMNS.entry == _NUMBER, _COLUMNS.kind == bindparam("of_kind"), _COLUMNS.mailbox == bindparam("of_mailbox")
)
_CLAIM = update(errand).where(_ONE).values(state=ACTIVE, attempts=_COLUMNS.attempts + 1)
_SET = update(errand).where(_ONE, _COLUMNS.state != DONE)
_NEXT = select(func.min(_COLUMNS.next_attempt)).where(_COLUMNS.state == DUE)


class Errands:
    """Each method is one transaction, durable when it returns."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def owe(self, errands: Sequence[tuple[Errand, datetime]]) -> None:
        """Make the duties, each due at its moment; those that there were before stay as they are."""
        rows = [{"id": one.queue_id, "kind": one.kind.value, "mailbox": one.mailbox, "at": at} for one, at in errands]

        def work(connection: Connection) -> None:
            for row in rows:
                connection.execute(_OWE, row)

        if rows:
            await self._writer.run(work)

    async def due(self, now: datetime, limit: int) -> list[Errand]:
        """Book an attempt for those that are due; each is the caller's until `done` or `later`."""

        def work(connection: Connection) -> list[Errand]:
            rows = connection.execute(_DUE, {"now": now, "most": limit}).all()
            claimed = [Errand(row.id, ErrandKind(row.kind), row.mailbox, row.attempts + 1) for row in rows]
            for one in claimed:
                connection.execute(_CLAIM, _key(one))
            return claimed

        if await self.next() is None:  # nearly always: nobody's turn with the writer is taken for nothing
            return []
        return await self._writer.run(work)

    async def done(self, one: Errand, note: str = "") -> None:
        """It is over; ``note``: how, where it was not simply done."""
        await self._end(one, {"state": DONE, "last_error": note})

    async def later(self, one: Errand, at: datetime, error: str) -> None:
        """Try again then."""
        await self._end(one, {"state": DUE, "next_attempt": at, "last_error": error})

    async def next(self) -> datetime | None:
        """When the next one is due; None while there is none that nobody works on."""
        return await self._reader.run(lambda connection: connection.execute(_NEXT).scalar())

    async def _end(self, one: Errand, values: dict[str, object]) -> None:
        def work(connection: Connection) -> None:
            connection.execute(_SET.values(**values), _key(one))

        await self._writer.run(work)


def hasten(connection: Connection, ticks: int, now: datetime) -> None:
    """The wall clock was set back: what would wait longer for it comes sooner by so many (negative) microseconds."""
    sooner = type_coerce(_COLUMNS.next_attempt, BigInteger) + literal(ticks, BigInteger)
    late = update(errand).where(_COLUMNS.state != DONE, _COLUMNS.next_attempt > now)
    connection.execute(late.values(next_attempt=sooner))


def recover(connection: Connection) -> None:
    """After a crash: nobody is about any more."""
    connection.execute(update(errand).where(_COLUMNS.state == ACTIVE).values(state=DUE))


def _key(one: Errand) -> dict[str, object]:
    return {"id": one.queue_id, "of_kind": one.kind.value, "of_mailbox": one.mailbox}
