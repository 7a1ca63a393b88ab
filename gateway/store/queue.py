"""The queue: every accepted message with, per recipient, where its delivery stands; attempts are booked before made."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy import Case, Connection, Update, and_, bindparam, case, func, literal, select, update

from gateway.domain.errors import Conflict
from gateway.domain.mail import Outcome, QueueEntry, QueueState, Recipient, SentCopy
from gateway.policy.queue import PERSONS, QueueAction, after
from gateway.policy.resubmission import WINDOW
from gateway.store import attempts, claims, damaged, errands, results, sent
from gateway.store.bodies import Bodies, Body, keep_all
from gateway.store.clock import Kept, QueueClock
from gateway.store.columns import Moment
from gateway.store.compiled import Compiled
from gateway.store.damaged import Unreadable
from gateway.store.feed import Bell
from gateway.store.queue_rows import add_entries, read_entries, read_entry, read_named, unknown
from gateway.store.reader import Reader
from gateway.store.schema import queue_entry
from gateway.store.writer import Writer

log = structlog.get_logger()

# The class below has a method named list.
Entries = list[QueueEntry]
Recipients = list[Recipient]
Copies = list[SentCopy]

_ENTRY = queue_entry.c
_BY_ID = Compiled(select(queue_entry).where(_ENTRY.id == bindparam("id")))
_STATE = select(_ENTRY.number, _ENTRY.state).where(_ENTRY.id == bindparam("id"))
_SET = update(queue_entry).where(_ENTRY.number == bindparam("entry"))
_OLDEST = select(func.min(_ENTRY.accepted_at)).where(_ENTRY.state != QueueState.DONE.value)
_WAITING = (QueueState.QUEUED.value, QueueState.ACTIVE.value)
_COUNTS = select(_ENTRY.state, func.count()).group_by(_ENTRY.state)


_MARKS = func.json_each(bindparam("marks")).table_valued("value")
_REPEATED = Compiled(
    select(_ENTRY.id, _ENTRY.fingerprint, _ENTRY.accepted_at)
    .where(_ENTRY.fingerprint.in_(select(_MARKS.c.value)), _ENTRY.accepted_at > bindparam("earliest"))
    .order_by(_ENTRY.number)
)


class Desk(Protocol):
    """Who attends to entries; asked and told on the loop."""

    def book(self, entry: QueueEntry) -> QueueEntry:
        """The entry as it is to be queued: where the desk is going to make its first attempt that is booked, and the
        entry is ACTIVE and begun.
        """
        ...

    def told(self, entry: QueueEntry, kept: bool) -> None:
        """Whether what `book` gave is in the queue now; once for each, also where nobody waits for that any more."""
        ...


@dataclass(frozen=True, slots=True)
class _New:
    body: Body
    entry: QueueEntry
    fingerprint: str  # empty: it may come as often as it likes


class AcceptedAlready(Conflict):
    """The same submission again; ``queue_id`` is what became of the first."""

    def __init__(self, sentence: str, *, queue_id: str = "", detail: str = "") -> None:
        super().__init__(sentence, detail=detail)
        self.queue_id = queue_id


class Queue:
    """Each method is one transaction, durable when it returns. `NotFound` for an unknown id."""

    def __init__(self, writer: Writer, reader: Reader, bodies: Bodies, clock: QueueClock, bell: Bell) -> None:
        self._bell = bell
        self.clock = clock
        self._writer = writer
        self._reader = reader
        self._bodies = bodies

    async def add(self, entry: QueueEntry, raw: bytes, fingerprint: str = "", *, desk: Desk | None = None) -> None:
        """Keep the message and its entry. `Conflict` when the id is there already, `NoSpace` when nothing was kept.

        `AcceptedAlready` when an entry with the same fingerprint was accepted within `WINDOW`: that one counts.
        """
        await self.enter(entry, await self._bodies.prepare(raw, entry.sha256), fingerprint, desk=desk)

    async def enter(self, entry: QueueEntry, body: Body, fingerprint: str = "", *, desk: Desk | None = None) -> None:
        """The same for a body that was made ready before: whose hash ``entry`` has."""
        booked = self._begun(entry if desk is None else desk.book(entry))
        told = None if desk is None else partial(desk.told, booked)
        await self._writer.run_together(_add, _New(body, booked, fingerprint), told)

    def _begun(self, entry: QueueEntry) -> QueueEntry:
        """It ages from now on, unless it is to leave later: then from when it does."""
        return entry if entry.not_before or entry.began else replace(entry, began=self.clock())

    async def claim(
        self, now: datetime, limit: int, rooms: Mapping[str, int] | None = None, each: int | None = None
    ) -> Entries:
        """Book an attempt for what is due, longest due first; each is ACTIVE and ours now.

        ``rooms`` says how many of a mailbox, ``each`` of any other one; whoever is not limited may have them all.
        What waits for a mailbox without room costs nothing.
        """
        return (await self.take(now, limit, rooms or {}, limit if each is None else each)).entries

    async def take(self, now: datetime, limit: int, rooms: Mapping[str, int], each: int) -> claims.Taken:
        """Claim, and see what is left as `due` does: one turn for the dispatcher instead of two."""

        def work(connection: Connection) -> claims.Taken:
            self.clock.keep(connection)
            return claims.take(connection, Kept(self.clock(), now), limit, rooms, each)

        try:
            return await self._writer.run(work)
        except Unreadable:
            aside = await self._writer.run(lambda connection: claims.set_damaged_aside(connection, now), self._ring)
            log.error("queue-entries-damaged", entries=len(aside))
        return await self._writer.run(work)

    def _ring(self, events: Sequence[int]) -> None:
        for number in events:
            self._bell.ring(number)

    def record(
        self,
        id: str,  # noqa: A002 - the word of the API
        outcomes: Mapping[str, Outcome],
        *,
        recipients: Sequence[Recipient] = (),
    ) -> Coroutine[None, None, None]:
        """Keep what an attempt came to, by address key; the first delivery makes the sent copy a duty.

        A delivery is never taken back, and what was settled stays so unless it turns out to be delivered. Whoever
        knows the entry's ``recipients``, all and in their order, spares looking for them.
        """
        return self._writer.run_together(results.keep, results.Progress(id, outcomes, recipients))

    def settle(
        self,
        id: str,  # noqa: A002
        state: QueueState,
        next_attempt: datetime,
        hold_reason: str = "",
        outcomes: Mapping[str, Outcome] | None = None,
        *,
        recipients: Sequence[Recipient] = (),
        is_owed: bool = False,
    ) -> Coroutine[None, None, None]:
        """End an attempt, and keep what it came to as `record` does, in one transaction.

        ``next_attempt`` of what is QUEUED again is a moment of `clock`, so that a jump of the wall clock in between
        changes nothing; else it is when it ended. ``is_owed``: a delivery was recorded before, so that the sent copy is
        a duty already.
        `Conflict` when the state forbids it, or when DONE is said with recipients still pending.
        """
        end = results.Settlement(id, outcomes or {}, recipients, is_owed, state, next_attempt, hold_reason)
        return self._writer.run_together(results.keep, end)

    async def hasten(self, mailbox: str, now: datetime) -> int:
        """Its server answers again: what waits because nobody did is due now; how many."""

        def work(connection: Connection) -> int:
            self.clock.keep(connection)
            return claims.hasten(connection, mailbox, now)

        return await self._writer.run(work)

    async def due(self) -> dict[str, datetime]:
        """When the first entry of each mailbox that has any waiting is due."""
        return await self._reader.run(claims.due)

    async def get(self, id: str) -> QueueEntry:  # noqa: A002
        return await self._reader.run(lambda connection: _get(connection, id))

    async def entries(self, ids: Sequence[str]) -> dict[str, QueueEntry]:
        """Several by their ids, in one look."""
        return await self._reader.run(lambda connection: _named(connection, ids))

    async def list(self, state: QueueState | None = None, limit: int = 100, before: str | None = None) -> Entries:
        """Newest first; ``before`` is the id of the last one seen."""
        query = select(queue_entry).order_by(_ENTRY.number.desc()).limit(limit)
        if state is not None:
            query = query.where(_ENTRY.state == state.value)

        def look(connection: Connection) -> Entries:
            if before is None:
                return read_entries(connection, query)
            return read_entries(connection, query.where(_ENTRY.number < _number(connection, before)))

        return await self._reader.run(look)

    async def act(self, id: str, action: str, now: datetime) -> QueueEntry:  # noqa: A002
        """A person's hold, release, retry or cancel; `Conflict` where the entry's state forbids it."""
        if action not in PERSONS:
            raise Conflict(f"there is no {action}: the queue knows {', '.join(PERSONS)}")

        def work(connection: Connection) -> QueueEntry:
            self.clock.keep(connection)
            number, current = _find(connection, id)
            state = after(current, QueueAction(action))
            values: dict[str, object] = {"state": state.value, "hold_reason": ""}
            if state is QueueState.QUEUED:
                values["next_attempt"] = now if action == QueueAction.RETRY else _its_time(now)
            if state is QueueState.DONE:
                values["next_attempt"] = now  # when it ended
                attempts.cancel(connection, number)
            connection.execute(_SET.values(**values), {"entry": number})
            return _get(connection, id)

        return await self._writer.run(work)

    async def hold_mailbox(self, mailbox: str, reason: str) -> int:
        """Hold what is queued for the mailbox; how many. ``reason`` must not be empty: it is what lets go of them."""
        held = _of_mailbox(mailbox, QueueState.QUEUED).values(state=QueueState.HELD.value, hold_reason=reason)
        return await self._writer.run(lambda connection: connection.execute(held).rowcount)

    async def release_mailbox(self, mailbox: str, now: datetime) -> int:
        """Queue again what was held for a reason of the mailbox; what a person held stays held."""
        freed = (
            _of_mailbox(mailbox, QueueState.HELD)
            .where(_ENTRY.hold_reason != "")
            .values(state=QueueState.QUEUED.value, hold_reason="", next_attempt=_its_time(now))
        )

        def work(connection: Connection) -> int:
            self.clock.keep(connection)
            return connection.execute(freed).rowcount

        return await self._writer.run(work)

    async def next_due(self) -> datetime | None:
        """When the first of all is due."""
        return min((await self.due()).values(), default=None)

    async def counts(self) -> dict[str, int]:
        """Entries by state, zeros included."""
        found = await self._reader.run(lambda connection: {row[0]: row[1] for row in connection.execute(_COUNTS)})
        return {state.value: found.get(state.value, 0) for state in QueueState}

    async def waiting(self, mailbox: str) -> int:
        """How many entries are to leave through a mailbox and are not held."""
        count = select(func.count()).where(_ENTRY.mailbox == mailbox, _ENTRY.state.in_(_WAITING))
        return await self._reader.run(lambda connection: connection.execute(count).scalar_one())

    async def oldest(self) -> datetime | None:
        """When the oldest that is not done was accepted."""
        return await self._reader.run(lambda connection: connection.execute(_OLDEST).scalar())

    async def unreported(self, id: str) -> Recipients:  # noqa: A002
        """Failed recipients whom the author was not told about."""
        return await self._reader.run(lambda connection: attempts.unreported(connection, _number(connection, id)))

    async def reported(
        self,
        id: str,  # noqa: A002
        failed: Sequence[Recipient],
        report: tuple[QueueEntry, bytes] | None,
    ) -> None:
        """Queue the report, if there is one, and mark its recipients as told, in one transaction.

        `Conflict` when one of them was told already: then nothing is queued.
        """
        body = None if report is None else await self._bodies.prepare(report[1], report[0].sha256)

        def work(connection: Connection) -> None:
            attempts.mark_reported(connection, _number(connection, id), failed)
            if body is not None and report is not None:
                _add(connection, [_New(body, self._begun(report[0]), "")])

        await self._writer.run(work)

    async def sent_due(self, now: datetime, limit: int) -> Copies:
        """Book an attempt for sent copies that are due; each is the caller's until `sent_done` or `sent_later`."""
        return await self._writer.run(lambda connection: sent.claim(connection, now, limit))

    async def sent_done(self, *queue_ids: str, note: str = "") -> None:
        """``note``: how they came there, where we did not put them there."""
        if note:
            await self._writer.run(lambda connection: sent.done(connection, queue_ids, note))
        else:
            await self._writer.run_together(_sent_done, queue_ids)

    async def sent_put_off(self, until: Mapping[str, datetime], note: str) -> None:
        """Claimed too early, and not tried: due again at that moment, by queue id."""
        await self._writer.run(lambda connection: sent.put_off(connection, until, note))

    async def sent_later(self, queue_id: str, at: datetime, error: str) -> None:
        await self._writer.run(lambda connection: sent.later(connection, _number(connection, queue_id), at, error))

    async def sent_next(self) -> datetime | None:
        return await self._reader.run(sent.next_due)


def _add(connection: Connection, items: Sequence[_New]) -> None:
    _refuse_repeated(connection, items)
    keep_all(connection, [item.body for item in items])
    add_entries(connection, [(item.entry, item.fingerprint) for item in items])


def _refuse_repeated(connection: Connection, items: Sequence[_New]) -> None:
    """Raises for the first that was accepted a short while ago; whoever brings several has them done one by one."""
    marks = {item.fingerprint: item.entry.accepted_at - WINDOW for item in items if item.fingerprint}
    if not marks:
        return
    for known in _REPEATED.all(connection, {"marks": json.dumps([*marks]), "earliest": min(marks.values())}):
        if known.accepted_at > marks[known.fingerprint]:
            raise AcceptedAlready("this was accepted already", queue_id=known.id)
    if len(marks) < sum(bool(item.fingerprint) for item in items):
        raise Conflict("two of these are the same")


def _sent_done(connection: Connection, items: Sequence[tuple[str, ...]]) -> None:
    sent.done(connection, [queue_id for item in items for queue_id in item])


def recover(connection: Connection, now: datetime) -> None:
    """After a crash: what was under way is due again, and what is in no state that there is waits for a person."""
    for number in damaged.strange(connection):
        damaged.set_aside(connection, number, now)
    queued = after(QueueState.ACTIVE, QueueAction.RECOVER)
    connection.execute(update(queue_entry).where(_ENTRY.state == QueueState.ACTIVE.value).values(state=queued.value))
    sent.recover(connection)
    errands.recover(connection)


def _its_time(now: datetime) -> Case[datetime]:
    """At once; but what was to leave later, and was never tried, still leaves then."""
    return case(
        (and_(_ENTRY.attempts == 0, _ENTRY.next_attempt > now), _ENTRY.next_attempt), else_=literal(now, Moment)
    )


def _of_mailbox(mailbox: str, state: QueueState) -> Update:
    return update(queue_entry).where(_ENTRY.mailbox == mailbox, _ENTRY.state == state.value)


def _find(connection: Connection, queue_id: str) -> tuple[int, QueueState]:
    row = connection.execute(_STATE, {"id": queue_id}).one_or_none()
    if row is None:
        raise unknown(queue_id)
    return row.number, QueueState(row.state)


def _number(connection: Connection, queue_id: str) -> int:
    return _find(connection, queue_id)[0]


def _named(connection: Connection, ids: Sequence[str]) -> dict[str, QueueEntry]:
    try:
        return read_named(connection, ids)
    except Exception as error:
        if not damaged.is_unreadable(error):
            raise
        return {one: _get(connection, one) for one in ids}


def _get(connection: Connection, queue_id: str) -> QueueEntry:
    try:
        row = _BY_ID.first(connection, {"id": queue_id})
        found = None if row is None else read_entry(connection, row)
    except Exception as error:
        if not damaged.is_unreadable(error):
            raise
        return damaged.salvage(connection, connection.execute(_STATE, {"id": queue_id}).one().number)
    if found is None:
        raise unknown(queue_id)
    return found
