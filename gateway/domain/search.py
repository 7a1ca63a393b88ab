"""What somebody looks for in the record, and what was found: a query that can't be wrong, and pages of hits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gateway.domain.record import Direction, Message


class Field(StrEnum):
    """Where a term has to stand; ANY is all of them, and the text of documents besides."""

    ANY = "any"
    SUBJECT = "subject"
    FROM = "from"
    TO = "to"


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand next to each other in one field; ``prefix``: the last may go on."""

    words: tuple[str, ...]
    field: Field = Field.ANY
    prefix: bool = False
    unwanted: bool = False

    def __post_init__(self) -> None:
        if not self.words or not all(self.words):
            raise ValueError("a term has words")


@dataclass(frozen=True, slots=True)
class Query:
    """Every term counts; ``clients`` are words of clients' names, of which one has to be the message's.

    ``since`` is the first day, ``before`` the day behind the last one. ``notes`` are sentences for whoever asked: what
    was left out of their words, and how to write it.
    """

    terms: tuple[Term, ...] = ()
    clients: tuple[tuple[str, ...], ...] = ()
    other_than: tuple[tuple[str, ...], ...] = ()  # clients whose mail is unwanted
    box: Direction | None = None
    attachment: bool | None = None
    since: date | None = None
    before: date | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is asked for: that finds nothing rather than everything."""
        asked = self.terms or self.clients or self.other_than or self.box or self.since or self.before
        return not asked and self.attachment is None


@dataclass(frozen=True, slots=True)
class Texts:
    """A message as search knows it: words of each field, folded and joined by spaces, and what to show of it."""

    subject: str
    sender: str
    recipients: str
    body: str = ""
    documents: str = ""  # names of attachments, and what is written in them
    excerpt: str = ""  # as written: the body, then a line for each attachment
    has_attachment: bool = False

    @property
    def size(self) -> int:
        """In characters, all fields together."""
        fields = (self.subject, self.sender, self.recipients, self.body, self.documents, self.excerpt)
        return sum(map(len, fields))


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that was found, the clients under whom the asker may see it, and the place where a word stood."""

    message: Message
    clients: tuple[str, ...]
    box: Direction
    snippet: str


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits, newest first; ``next`` is the cursor behind it, None after the last page."""

    hits: tuple[Hit, ...]
    next: int | None
    waiting: int  # messages that were filed and are not in the index yet
