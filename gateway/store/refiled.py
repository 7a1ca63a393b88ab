"""Does what a change means for the record, so many messages at a time that nobody who writes waits long for it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.domain.record import Direction, Duty, Mark
from gateway.domain.step import Doing, Refiling
from gateway.store.compiled import Compiled
from gateway.store.placing import put, take_out
from gateway.store.refiling import MESSAGES, Look, facts_of
from gateway.store.saving import owe
from gateway.store.schema import filing, saving, step_filing
from gateway.store.verdicts import is_waiting

AT_ONCE = 100  # messages that are read together; some forty are done while the writer is held

_ONE = (filing.c.client == bindparam("of_client"), filing.c.message == bindparam("number"))
_LIES = Compiled(select(filing.c.flags, filing.c.direction).where(*_ONE))
_MARK = Compiled(update(filing).where(*_ONE).values(flags=bindparam("marks")))
_DUTY = Compiled(
    select(saving.c.duty).where(saving.c.client == bindparam("of_client"), saving.c.message == bindparam("number"))
)
_NOTE = Compiled(insert(step_filing).prefix_with("OR IGNORE"))


@dataclass(frozen=True, slots=True)
class Deed:
    """Whose doing it is; ``by`` is for the trail."""

    step: int
    by: str
    at: datetime


def carry_out(
    connection: Connection, look: Look, numbers: Sequence[int], deed: Deed, seconds: float
) -> list[tuple[Refiling, ...]]:
    """The first of these messages, at least one, until so many seconds are over; noted with the step, and said."""
    end = time.monotonic() + seconds
    some = numbers[:AT_ONCE]
    becomes = look.again(connection, some)
    rows = {row.id: row for row in connection.execute(MESSAGES, {"numbers": some})}
    done: list[tuple[Refiling, ...]] = []
    for number in some:
        _refile(connection, rows[number], becomes[number], deed)
        done.append(becomes[number])
        if time.monotonic() >= end:
            break
    noted = [
        {"step": deed.step, "client": one.client, "message": one.message, "does": one.does.value}
        for refilings in done
        for one in refilings
    ]
    _NOTE.many(connection, noted)
    return done


def _refile(connection: Connection, row: Any, refilings: Sequence[Refiling], deed: Deed) -> None:
    left = [one.client for one in refilings if one.does is Doing.LEFT]
    saved = any(_was_saved(connection, client, row.id) for client in left)
    for one in refilings:
        match one.does:
            case Doing.FILED:
                _file(connection, row, one, deed, saved=saved)
            case Doing.LEFT:
                take_out(connection, one.client, one.message, by=deed.by, at=deed.at, step=deed.step)
            case Doing.DOUBTED | Doing.SETTLED:
                _mark(connection, row, one, deed)


def _file(connection: Connection, row: Any, one: Refiling, deed: Deed, *, saved: bool) -> None:
    """What was saved of a message that moves is saved for whom it moves to, and what waited until that was certain.

    Of other history, only where it is asked for; of what is unverified, once it is approved.
    """
    marks = [mark.value for mark in one.marks]
    held = is_waiting(connection, one.message)
    put(connection, one.client, one.message, facts_of(row), direction=one.direction, flags=marks, held=held)
    if Mark.AMBIGUOUS not in one.marks and not held:
        saves = saved or (row.saves and one.direction is Direction.INBOX)
        owe(connection, one.client, one.message, Duty.SAVE if saves else Duty.LOOK, deed.at)


def _mark(connection: Connection, row: Any, one: Refiling, deed: Deed) -> None:
    """What waited until it is certain whose it is, is saved now; what is still unverified, once it is approved."""
    place = {"of_client": one.client, "number": one.message}
    lies = _LIES.first(connection, place)
    marks = [flag for flag in lies.flags if flag != Mark.AMBIGUOUS.value]
    received = lies.direction == Direction.INBOX.value
    if one.does is Doing.SETTLED and row.saves and received and not is_waiting(connection, one.message):
        owe(connection, one.client, one.message, Duty.SAVE, deed.at)
    if one.does is Doing.DOUBTED:
        marks.append(Mark.AMBIGUOUS.value)
    _MARK.run(connection, place | {"marks": marks})


def _was_saved(connection: Connection, client: str, number: int) -> bool:
    duty = _DUTY.first(connection, {"of_client": client, "number": number})
    return duty is not None and duty.duty in {Duty.SAVE.value, Duty.IMPORT.value}
