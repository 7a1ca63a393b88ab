"""Does what was planned for the record, within the transaction of the change that it follows from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.domain.record import Duty, Mark
from gateway.domain.step import Doing, Refiling
from gateway.store.compiled import Compiled
from gateway.store.placing import put, take_out
from gateway.store.refiling import AT_ONCE, MESSAGES, facts_of
from gateway.store.saving import owe
from gateway.store.schema import filing, saving, step_filing
from gateway.store.verdicts import is_waiting

_ONE = (filing.c.client == bindparam("of_client"), filing.c.message == bindparam("number"))
_LIES = Compiled(select(filing.c.flags).where(*_ONE))
_MARK = Compiled(update(filing).where(*_ONE).values(flags=bindparam("marks")))
_DUTY = Compiled(
    select(saving.c.duty).where(saving.c.client == bindparam("of_client"), saving.c.message == bindparam("number"))
)
_NOTE = Compiled(insert(step_filing))


@dataclass(frozen=True, slots=True)
class Deed:
    """Whose doing it is; ``by`` is for the trail."""

    step: int
    by: str
    at: datetime


def carry_out(connection: Connection, refilings: Sequence[Refiling], deed: Deed) -> None:
    """All of them, and note them with the step."""
    by_message: dict[int, list[Refiling]] = defaultdict(list)
    for one in refilings:
        by_message[one.message].append(one)
    numbers = sorted(by_message)
    for start in range(0, len(numbers), AT_ONCE):
        rows = connection.execute(MESSAGES, {"numbers": numbers[start : start + AT_ONCE]})
        for row in rows.all():
            _refile(connection, row, by_message[row.id], deed)
    noted = [
        {"step": deed.step, "client": one.client, "message": one.message, "does": one.does.value} for one in refilings
    ]
    _NOTE.many(connection, noted)


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
                _mark(connection, one)


def _file(connection: Connection, row: Any, one: Refiling, deed: Deed, *, saved: bool) -> None:
    """What was saved of a message that moves is saved for whom it moves to; of other history, only where asked for."""
    marks = [mark.value for mark in one.marks]
    held = is_waiting(connection, one.message)
    put(connection, one.client, one.message, facts_of(row), direction=one.direction, flags=marks, held=held)
    if Mark.AMBIGUOUS not in one.marks:
        owe(connection, one.client, one.message, Duty.SAVE if saved else Duty.LOOK, deed.at)


def _mark(connection: Connection, one: Refiling) -> None:
    place = {"of_client": one.client, "number": one.message}
    marks = [flag for flag in _LIES.first(connection, place).flags if flag != Mark.AMBIGUOUS.value]
    if one.does is Doing.DOUBTED:
        marks.append(Mark.AMBIGUOUS.value)
    _MARK.run(connection, place | {"marks": marks})


def _was_saved(connection: Connection, client: str, number: int) -> bool:
    duty = _DUTY.first(connection, {"of_client": client, "number": number})
    return duty is not None and duty.duty in {Duty.SAVE.value, Duty.IMPORT.value}
