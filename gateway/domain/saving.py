"""The duty to make documents of what came in, and what became of each attachment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.record import Duty, EventKind, Note


@dataclass(frozen=True, slots=True)
class SavingDuty:
    """One message of one client that is still to be looked through."""

    client: str
    message: int
    duty: Duty
    sha256: str
    size: int  # octets of the message
    sender: str  # From as shown to a person
    date: datetime | None
    filed_at: datetime
    attempts: int
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """An attachment that is, or becomes, a document; ``path`` is empty where the content was one already."""

    part: str
    original_name: str
    content_type: str
    size: int
    sha256: str
    note: Note
    path: str = ""


class Fate(StrEnum):
    """Why an attachment is no document."""

    LEFT_OUT = "left-out"  # decoration
    INFECTED = "infected"


@dataclass(frozen=True, slots=True)
class Aside:
    """An attachment that stays in the raw message only."""

    part: str
    original_name: str
    content_type: str
    size: int
    sha256: str
    fate: Fate
    reason: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What one message came to for one client."""

    kept: tuple[Kept, ...] = ()
    aside: tuple[Aside, ...] = ()
    promised: tuple[tuple[str, str], ...] = ()  # service and link
    pictures: tuple[str, ...] = ()  # hashes of those that may come again
    sender: str = ""  # key of who wrote it
    events: tuple[tuple[EventKind, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """By which message something came: when it was written, by whom, to whom."""

    message: int
    sent_at: datetime | None
    sender: str
    recipients: str
    subject: str


@dataclass(frozen=True, slots=True)
class Origin:
    """One of the messages that brought a document, under the name that it had there."""

    part: str
    name: str
    letter: Letter


@dataclass(frozen=True, slots=True)
class ListedAside:
    """What was set aside, as it is listed."""

    id: int
    client: str
    aside: Aside
    at: datetime
    letter: Letter


@dataclass(frozen=True, slots=True)
class Promise:
    """A file that was promised with a link and not received."""

    id: int
    client: str
    service: str
    link: str
    at: datetime
    letter: Letter


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the scanner said of an attachment; both empty: nothing is wrong with it."""

    infection: str = ""  # its name
    too_large: bool = False  # it was not looked at


@dataclass(frozen=True, slots=True)
class Outstanding:
    """How much is still to be done; ``failed`` of it was tried, and ``last_error`` says why it waits."""

    waiting: int
    failed: int = 0
    last_error: str = ""
