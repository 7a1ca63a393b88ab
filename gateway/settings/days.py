"""Days as the firm's file has them: TOML's own, or "2026-08-01" where the document is JSON."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Annotated

from pydantic import BeforeValidator

from gateway.domain.errors import Fault
from gateway.settings.faults import path_of

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")  # date.fromisoformat takes weeks and days run together as well


def parse_day(value: object) -> date:
    """A day of the calendar; ValueError with a sentence."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"there is no day {value} in the calendar") from None
    raise ValueError("must be a day like 2026-08-01")


Day = Annotated[date, BeforeValidator(parse_day)]


def as_json(table: dict[str, object]) -> list[Fault]:
    """Write every day in ``table`` as JSON can carry it, in place; a time of day is a fault, nothing here has one."""
    faults: list[Fault] = []
    for key, value in table.items():
        table[key] = _plain(value, (key,), faults)
    return faults


def _plain(value: object, path: tuple[int | str, ...], faults: list[Fault]) -> object:
    match value:
        case dict():
            return {key: _plain(inner, (*path, key), faults) for key, inner in value.items()}
        case list():
            return [_plain(inner, (*path, number), faults) for number, inner in enumerate(value)]
        case datetime() | time():
            faults.append(Fault(path_of(path), "is a time: only days, like 2026-08-01, have a place here"))
            return None
        case date():
            return value.isoformat()
        case _:
            return value
