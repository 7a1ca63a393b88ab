"""Who changed what, and when: a chain in which each line vouches for all before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, text

from gateway.domain.record import Activity
from gateway.store.columns import clean, to_ticks
from gateway.store.reader import Reader
from gateway.store.schema import activity

BEGINNING = "0" * 64  # what stands for the link before the first line

_LAST = select(activity.c.number, activity.c.link).order_by(activity.c.number.desc()).limit(1)
_GIVEN = text("SELECT seq FROM sqlite_sequence WHERE name = 'activity'")  # numbers once given are not given again
_NEWEST = select(activity).order_by(activity.c.number.desc()).limit(bindparam("most"))
_BEFORE = _NEWEST.where(activity.c.number < bindparam("number"))
_ADD = insert(activity)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be written down; ``what`` says from what to what, and never a secret."""

    kind: str
    name: str
    verb: str
    what: str = ""


def link_of(before: str, number: int, at: int, words: Sequence[str]) -> str:
    """SHA-256 in hex over the link before and the line as a JSON array in ASCII.

    ``at`` is in microseconds since 1970; ``words`` are who, kind, name, verb and what.
    """
    line = json.dumps([number, at, *words], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(f"{before}\n{line}".encode("ascii")).hexdigest()


def book(connection: Connection, entries: Sequence[Entry], by: str, at: datetime) -> None:
    """Add lines within the caller's transaction."""
    last = connection.execute(_LAST).one_or_none()
    number, link = given(connection), last.link if last is not None else BEGINNING
    for entry in entries:
        number += 1
        words = [clean(one) for one in (by, entry.kind, entry.name, entry.verb, entry.what)]
        link = link_of(link, number, to_ticks(at), words)
        who, kind, name, verb, what = words
        values = {"number": number, "at": at, "who": who, "kind": kind, "name": name, "verb": verb, "what": what}
        connection.execute(_ADD, values | {"link": link})


def given(connection: Connection) -> int:
    """The highest number that a line ever had; 0 while there was none. Lines that go leave a gap that shows."""
    number: int = connection.execute(_GIVEN).scalar() or 0
    return number


class ActivityShelf:
    """The trail, to be read; only those who change something write it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def list(self, limit: int, before: int | None = None) -> list[Activity]:
        """Newest first; ``before`` is the number of the last one seen."""
        query = _NEWEST.params(most=limit) if before is None else _BEFORE.params(most=limit, number=before)
        return [_read(row) for row in await self._reader.run(lambda connection: connection.execute(query).all())]


def _read(row: Row[Any]) -> Activity:
    return Activity(row.number, row.at, row.who, row.kind, row.name, row.verb, row.what, row.link)
