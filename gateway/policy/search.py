"""What a person types into a search, read as a query: nothing that they can type is an error.

::

    popescu invoice         both words, anywhere
    popes*                  words that begin so (four letters at least)
    "land registry"         next to each other
    from:al to:ana subject:lease client:pacino
    before:2026-03-14 after:2025 has:attachment in:inbox in:sent
    -word -from:ana         without it
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date

from gateway.domain.record import Direction
from gateway.domain.search import Field, Query, Term
from gateway.policy.words import words_of

MAX_LENGTH = 1_000  # characters: a long sentence; what comes behind is left out, and said to be
MAX_TERMS = 16  # each costs a look through all messages that have the word
MAX_PHRASE = 16  # words next to each other
MIN_PREFIX = 4  # letters: with three, SQLite worked more than a second on half a million messages, in one uncut step

_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»＂", '"'))
_PIECE = re.compile(r'(-?)(?:([A-Za-z]{2,10}):)?(?:"([^"]*)"?+(\*?)|([^\s"]*))')
_FIELDS = {"from": Field.FROM, "to": Field.TO, "subject": Field.SUBJECT}
_NAMES = frozenset({*_FIELDS, "client", "before", "after", "has", "in"})
_DATE = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?")


def parse(text: str) -> Query:
    """Read it; whatever was not understood is looked for as words, or left out with a note. Never raises."""
    reading = _Reading()
    if len(text) > MAX_LENGTH:
        reading.note(f"only the first {MAX_LENGTH} characters were looked at")
    for match in _PIECE.finditer(text[:MAX_LENGTH].translate(_QUOTES)):
        minus, name, quoted, star, plain = match.groups()
        value = plain if quoted is None else quoted + star
        reading.take(name or "", value or "", unwanted=bool(minus), written=match[0])
    return reading.query()


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    terms: list[Term] = field(default_factory=list)
    clients: list[tuple[str, ...]] = field(default_factory=list)
    other_than: list[tuple[str, ...]] = field(default_factory=list)
    box: Direction | None = None
    attachment: bool | None = None
    since: date | None = None
    before: date | None = None
    notes: list[str] = field(default_factory=list)

    def query(self) -> Query:
        return Query(
            tuple(self.terms),
            tuple(self.clients),
            tuple(self.other_than),
            self.box,
            self.attachment,
            self.since,
            self.before,
            tuple(dict.fromkeys(self.notes)),
        )

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def take(self, name: str, value: str, *, unwanted: bool, written: str) -> None:
        """One piece: a word, a phrase or a condition."""
        known = name.lower()
        if known in _NAMES and not words_of(value):
            self.note(f"{name}: was left out: what it asks for follows at once, as in {name}:word")
        elif known in _FIELDS:
            self._term(value, _FIELDS[known], unwanted)
        elif known == "client":
            self._client(value, unwanted)
        elif known in {"before", "after"}:
            self._day(known, value, unwanted)
        elif known == "has" and value.lower() in {"attachment", "attachments"}:
            self.attachment = not unwanted
        elif known == "in" and value.lower() in set(Direction):
            box = Direction(value.lower())
            self.box = _OTHER[box] if unwanted else box
        elif known in {"has", "in"}:
            self.note(f"{written} was left out: write has:attachment, in:inbox or in:sent")
        else:
            self._term(f"{name} {value}", Field.ANY, unwanted)

    def _term(self, value: str, where: Field, unwanted: bool) -> None:
        words = words_of(value)
        if not words:
            return
        if len(self.terms) == MAX_TERMS:
            self.note(f"only the first {MAX_TERMS} words and phrases were looked for")
            return
        if len(words) > MAX_PHRASE:
            self.note(f"only the first {MAX_PHRASE} words of a phrase were looked for")
        prefix = value.endswith("*") and len(words) <= MAX_PHRASE
        if prefix and len(words[-1]) < MIN_PREFIX:
            self.note(f"{words[-1]}* was looked for as a word: {MIN_PREFIX} letters at least stand before a *")
            prefix = False
        self.terms.append(Term(tuple(words[:MAX_PHRASE]), where, prefix, unwanted))

    def _client(self, value: str, unwanted: bool) -> None:
        (self.other_than if unwanted else self.clients).append(tuple(words_of(value))[:MAX_PHRASE])

    def _day(self, name: str, value: str, unwanted: bool) -> None:
        """``after`` is from that day on, ``before`` until the day ahead of it: the one is the other's negation."""
        day = _date(value)
        if day is None:
            self.note(f"{name}:{value} was left out: write {name}:2026-03-14, {name}:2026-03 or {name}:2026")
        elif (name == "after") != unwanted:
            self.since = day if self.since is None else max(self.since, day)
        else:
            self.before = day if self.before is None else min(self.before, day)


_OTHER = {Direction.INBOX: Direction.SENT, Direction.SENT: Direction.INBOX}


def _date(text: str) -> date | None:
    match = _DATE.fullmatch(text)
    try:
        return date(int(match[1]), int(match[2] or 1), int(match[3] or 1)) if match else None
    except ValueError:
        return None


def names_client(words: tuple[str, ...], name_words: list[str]) -> bool:
    """Whether all words of a ``client:`` are words of the name, or begin one."""
    return all(any(one.startswith(word) for one in name_words) for word in words)
