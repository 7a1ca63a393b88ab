"""A query as SQLite's FTS5 takes it: words in quotes, joined by operators that only we write; always a parameter."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo

from gateway.domain.search import Field, Query, Term
from gateway.policy.search import names_client
from gateway.policy.words import words_of
from gateway.store.index import SLOTS

MAX_CLIENTS = 256  # that the index is asked for; with more, what it proposes is looked through
STEPS = 2_000  # of SQLite's machine between two looks at the clock
NO_END = 2**62

_COLUMN = {Field.SUBJECT: "subject : ", Field.FROM: "sender : ", Field.TO: "recipients : ", Field.ANY: ""}
_LOOK = (
    "SELECT words.rowid, place.message, place.hash, place.excerpt"
    " FROM words CROSS JOIN place ON place.place = words.rowid"
    " WHERE place.message IS NOT NULL AND words MATCH ? AND words.rowid >= ? AND words.rowid < ?"
    " ORDER BY words.rowid DESC LIMIT ?"
)


class TooSlow(Exception):
    """Time was up before the look came to an end."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose mail is looked for: names, and the same as numbers of the index; None for no matter whose."""

    visible: frozenset[str] | None  # to the asker
    wanted: Mapping[str, int] | None
    unwanted: Mapping[str, int]

    def shown(self, clients: Collection[str]) -> tuple[str, ...]:
        """Of a message's clients those whom the asker sees; none where the message is not what was looked for."""
        hidden = self.wanted is not None and not self.wanted.keys() & set(clients)
        if hidden or self.unwanted.keys() & set(clients):
            return ()
        return tuple(name for name in clients if self.visible is None or name in self.visible)


@dataclass(frozen=True, slots=True)
class Match:
    """What to look for; ``first`` and ``end`` are places."""

    expression: str
    first: int
    end: int

    def behind(self, place: int) -> Match:
        """The same for what comes behind that place."""
        return replace(self, end=place)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that has the words; whether the asker may see it, the record says."""

    place: int
    message: int
    digest: bytes
    excerpt: bytes

    @property
    def text(self) -> str:
        return zlib.decompress(self.excerpt).decode()


def scope_of(query: Query, known: Mapping[str, int], visible: Collection[str] | None) -> Scope | None:
    """``known`` has every client of the index. None where those asked for are none that the asker sees."""
    mine = known if visible is None else {name: known[name] for name in visible if name in known}
    wanted = _named(mine, query.clients) if query.clients else mine
    if not wanted:
        return None
    everybody = visible is None and not query.clients
    seen = None if visible is None else frozenset(visible)
    return Scope(seen, None if everybody else wanted, _named(mine, query.other_than))


def _named(known: Mapping[str, int], asked: Sequence[tuple[str, ...]]) -> dict[str, int]:
    if not asked:
        return {}
    split = {name: words_of(name) for name in known}
    return {name: known[name] for name, words in split.items() if any(names_client(one, words) for one in asked)}


def match_of(query: Query, scope: Scope, zone: tzinfo, after: int | None) -> Match:
    """Days begin in ``zone``; ``after`` is the place of the last one seen."""
    needed = [_term(term) for term in query.terms if not term.unwanted]
    unwanted = [_term(term) for term in query.terms if term.unwanted]
    if scope.wanted is not None and len(scope.wanted) <= MAX_CLIENTS:
        needed.insert(0, _clients(scope.wanted))
    if scope.unwanted and len(scope.unwanted) <= MAX_CLIENTS:
        unwanted.append(_clients(scope.unwanted))
    if query.box is not None:
        needed.append(_marks([f"_{query.box}"]))
    if query.attachment is not None:
        (needed if query.attachment else unwanted).append(_marks(["_attachment"]))
    expression = " AND ".join(needed or [_marks(["_all"])])
    if unwanted:
        expression = f"({expression}) NOT ({' OR '.join(unwanted)})"
    first = 0 if query.since is None else _place(query.since, zone)
    end = NO_END if query.before is None else _place(query.before, zone)
    return Match(expression, first, end if after is None else min(end, after))


def _place(day: date, zone: tzinfo) -> int:
    try:
        return int(datetime.combine(day, datetime.min.time(), zone).timestamp() // 60) * SLOTS
    except OverflowError:  # the first or last day that there is, in a zone where it is none
        return 0 if day.year == 1 else NO_END


def _term(term: Term) -> str:
    phrase = " ".join(term.words).replace('"', '""')
    return f'{_COLUMN[term.field]}"{phrase}"' + ("*" if term.prefix else "")


def _clients(numbers: Mapping[str, int]) -> str:
    return _marks(f"_c{number}" for number in sorted(numbers.values()))


def _marks(marks: Iterable[str]) -> str:
    return f"marks : ({' OR '.join(marks)})"


def candidates(raw: sqlite3.Connection, match: Match, most: int, deadline: float) -> list[Candidate]:
    """Newest first. Raises TooSlow when ``deadline`` (of `time.monotonic`) comes before the end of the look."""
    raw.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
    try:
        rows = raw.execute(_LOOK, (match.expression, match.first, match.end, most)).fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise TooSlow from error
        raise
    finally:
        raw.set_progress_handler(None, 0)
    return [Candidate(*row) for row in rows]
