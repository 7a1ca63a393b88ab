"""The queue's own clock: it goes on while the daemon runs, whatever the wall clock is set to (hostile E1).

Waiting mail ages by it, and the waits between attempts are counted on it. It is kept in the database, and a restart
goes on from there: the time in which nobody could try anything does not count, for it can't be told from a clock that
was set while we were away, and no message may come back because of either. Moments that people see, and those at
which mail was asked to leave, are the wall clock's; when that jumps, the waits are moved along with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import BigInteger, Connection, bindparam, delete, insert, select, type_coerce, update

from gateway.domain.mail import QueueEntry, QueueState
from gateway.store import errands, marks, sent
from gateway.store.compiled import Compiled
from gateway.store.schema import queue_clock, queue_entry

log = structlog.get_logger()

JUMP = timedelta(seconds=2)  # gained or lost at once; what is less is a clock that is being kept right
NOTE_EVERY = timedelta(minutes=1)  # what a crash takes from the age of a message, at most
_TICK = timedelta(microseconds=1)

_ENTRY = queue_entry.c
_KEPT = Compiled(select(queue_clock.c.at, queue_clock.c.wall))
_MOVED = update(queue_entry).values(
    next_attempt=type_coerce(_ENTRY.next_attempt, BigInteger) + bindparam("ticks", type_=BigInteger)
)
_TRIED = _MOVED.where(_ENTRY.state.in_([QueueState.QUEUED.value, QueueState.ACTIVE.value]), _ENTRY.attempts > 0)
# Accepted in what is the future now: by the clock from before. What was asked to leave then still does.
_NEW = _MOVED.where(
    _ENTRY.state == QueueState.QUEUED.value,
    _ENTRY.attempts == 0,
    _ENTRY.not_before.is_(None),
    _ENTRY.accepted_at > bindparam("wall"),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """Both clocks at one moment."""

    at: datetime  # the queue's
    wall: datetime

    @property
    def ahead(self) -> timedelta:
        """The wall clock, of the queue's."""
        return self.wall - self.at


def utc_now() -> datetime:
    return datetime.now(UTC)


class QueueClock:
    """``wall`` is the clock that people see and set; ``steady`` gives seconds that nobody sets. For any thread."""

    def __init__(self, wall: Callable[[], datetime] = utc_now, steady: Callable[[], float] = time.monotonic) -> None:
        self.wall = wall
        self._steady = steady
        self._begun = steady()
        self._base = wall()

    def __call__(self) -> datetime:
        """A moment on the queue's clock; its distance from another one is all that it tells."""
        return self._base + timedelta(seconds=self._steady() - self._begun)

    def waited(self, entry: QueueEntry) -> timedelta:
        """For how long the message has been ours to deliver."""
        return timedelta() if entry.began is None else self() - entry.began

    def start(self, connection: Connection) -> None:
        """Once, before anything else: go on from where the last run ended.

        A wall clock that shows less than then was certainly set; one that shows more may only have gone on.
        """
        kept = _kept(connection)
        if kept is not None:
            self._base = kept.at
        now = self._look()
        back = kept is not None and now.wall - kept.wall <= -JUMP
        if kept is not None and back:
            _move(connection, now.wall - kept.wall, now)
        if back or not marks.any_there(connection):
            marks.mark(connection, now.at, now.wall)
        _note(connection, now)

    def done_before(self, connection: Connection, keep: timedelta) -> datetime:
        """What ended before this moment of the wall clock ended ``keep`` ago, whatever that clock was set to since."""
        self.keep(connection)
        now = self._look()
        marks.mark(connection, now.at, now.wall)
        return marks.shown_before(connection, now.at - keep)

    def keep(self, connection: Connection) -> None:
        """Move what waits along with a wall clock that jumped. To be called before waits are compared with it."""
        kept, now = _kept(connection), self._look()
        if kept is None:
            return
        by = now.ahead - kept.ahead
        if abs(by) >= JUMP:
            _move(connection, by, now)
        if by <= -JUMP:
            marks.mark(connection, now.at, now.wall)
        if abs(by) >= JUMP or now.at - kept.at >= NOTE_EVERY:
            _note(connection, now)

    def _look(self) -> Kept:
        return Kept(self(), self.wall())


def on_the_wall(connection: Connection, moment: datetime) -> datetime:
    """A moment of the queue's clock as a row has it: by the wall clock as it was when waits were last moved."""
    kept = _kept(connection)
    return moment if kept is None else moment + kept.ahead


def _kept(connection: Connection) -> Kept | None:
    row = _KEPT.first(connection, {})
    return None if row is None else Kept(row.at, row.wall)


def _note(connection: Connection, now: Kept) -> None:
    connection.execute(delete(queue_clock))
    connection.execute(insert(queue_clock), {"at": now.at, "wall": now.wall})


def _move(connection: Connection, by: timedelta, now: Kept) -> None:
    """Forward, only what an attempt put off: all else is sooner due at worst, and no peer relies on its wait."""
    ticks = by // _TICK
    moved = connection.execute(_TRIED, {"ticks": ticks}).rowcount
    if by < timedelta():
        moved += connection.execute(_NEW, {"ticks": ticks, "wall": now.wall}).rowcount
        sent.hasten(connection, ticks, now.wall)
        errands.hasten(connection, ticks, now.wall)
    log.warning("clock-jumped", seconds=round(by.total_seconds()), moved=moved)
