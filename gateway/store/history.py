"""A queue entry's way: the last attempts that did not deliver at once, its sent copy, what was reported of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select

from gateway.domain.history import ErrandState, History, Reported, SentState, Tried
from gateway.domain.mail import Delivery, ErrandKind, Outcome
from gateway.store.queue_rows import unknown
from gateway.store.reader import Reader
from gateway.store.returns import came_back
from gateway.store.schema import errand, queue_entry, sent_copy, tried
from gateway.store.writer import Writer

KEPT = 20  # attempts of an entry: with the usual schedule four days, and as many as a person reads
REPORTS = 100  # of one entry that are shown: there is one for each time that something was to be told

_ENTRY = queue_entry.c
_FIND = select(_ENTRY.number, _ENTRY.sha256, _ENTRY.message_id, _ENTRY.accepted_at).where(_ENTRY.id == bindparam("id"))
_OF = tried.c.entry == bindparam("of")
_ADD = insert(tried)
_OLDEST_BUT = select(tried.c.number).where(_OF).order_by(tried.c.number.desc()).offset(KEPT).limit(1).scalar_subquery()
_FORGET = delete(tried).where(_OF, tried.c.number <= _OLDEST_BUT)
_TRIED = select(tried).where(_OF).order_by(tried.c.number)
_SENT = select(sent_copy).where(sent_copy.c.entry == bindparam("of"))
_ERRANDS = select(errand).where(errand.c.entry == bindparam("of")).order_by(errand.c.kind, errand.c.mailbox)
_REPORTS = (
    select(_ENTRY.id, _ENTRY.accepted_at, _ENTRY.subject)
    .where(
        _ENTRY.sender_local.is_(None),
        _ENTRY.in_reply_to == bindparam("about"),
        _ENTRY.accepted_at >= bindparam("since"),
    )
    .order_by(_ENTRY.number)
    .limit(REPORTS)
)


class HistoryShelf:
    """What was tried is kept until its entry goes; the last `KEPT` of each. `NotFound` for an unknown id."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def add(self, queue_id: str, *attempts: Tried) -> None:
        """Keep them, in their order, in one transaction."""

        def work(connection: Connection) -> None:
            number = _find(connection, queue_id).number
            connection.execute(_ADD, [_row(number, one) for one in attempts])
            connection.execute(_FORGET, {"of": number})

        if attempts:
            await self._writer.run(work)

    async def of(self, queue_id: str) -> History:
        """All of it, as of one moment."""

        def look(connection: Connection) -> History:
            entry = _find(connection, queue_id)
            of = {"of": entry.number}
            sent = connection.execute(_SENT, of).one_or_none()
            return History(
                tried=tuple(_read(row) for row in connection.execute(_TRIED, of)),
                sent=None if sent is None else _sent(sent),
                reports=_reports(connection, entry),
                errands=tuple(_errand(row) for row in connection.execute(_ERRANDS, of)),
                came_back=came_back(connection, entry.sha256),
            )

        return await self._reader.run(look)


def _find(connection: Connection, queue_id: str) -> Row[Any, Any, Any, Any]:
    row = connection.execute(_FIND, {"id": queue_id}).one_or_none()
    if row is None:
        raise unknown(queue_id)
    return row


def _reports(connection: Connection, entry: Row[Any, Any, Any, Any]) -> tuple[Reported, ...]:
    if not entry.message_id:
        return ()
    rows = connection.execute(_REPORTS, {"about": entry.message_id, "since": entry.accepted_at})
    return tuple(Reported(row.id, row.accepted_at, row.subject) for row in rows)


def _sent(row: Row[Any]) -> SentState:
    return SentState(row.state, row.attempts, row.next_attempt, row.last_error)


def _errand(row: Row[Any]) -> ErrandState:
    return ErrandState(ErrandKind(row.kind), row.mailbox, _sent(row))


def _row(entry: int, one: Tried) -> Mapping[str, object]:
    answers = {
        key: [said.delivery.value, said.code, said.status, said.text, said.stage] for key, said in one.answers.items()
    }
    return {
        "entry": entry,
        "at": one.at,
        "attempt": one.attempt,
        "upstream": one.upstream,
        "waiting": one.waiting,
        "connecting": one.connecting,
        "sending": one.sending,
        "answers": answers,
    }


def _read(row: Row[Any]) -> Tried:
    return Tried(
        at=row.at,
        attempt=row.attempt,
        upstream=row.upstream,
        waiting=row.waiting,
        connecting=row.connecting,
        sending=row.sending,
        answers={key: Outcome(Delivery(said[0]), *said[1:]) for key, said in row.answers.items()},
    )
