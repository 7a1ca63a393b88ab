"""The client's record: messages, where they were seen, what was saved of them, and the firm's feed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.domain.large import Mail
from gateway.domain.verdict import Verdict, Weighed


class Direction(StrEnum):
    """Which box of the client a message lies in."""

    INBOX = "inbox"
    SENT = "sent"


class Mark(StrEnum):
    """What a person should know of why a message lies in a client's record."""

    AMBIGUOUS = "ambiguous"  # its address is that of several clients, and nobody has said yet whose it is
    BY_TAG = "by tag"
    BY_THREAD = "by thread"
    BY_HAND = "by hand"
    BOUNCE = "bounce"  # a server's mail that a message of ours failed


class SyncState(StrEnum):
    """The state of a mailbox's link."""

    OFF = "off"
    CONNECTING = "connecting"
    BACKFILLING = "backfilling"
    LIVE = "live"
    RETRYING = "retrying"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Location:
    """Where a message was seen upstream (RFC 9051 section 2.3.1.1).

    ``number``: the provider's own for the message, the same in all folders of the mailbox; 0 where it has none.
    ``labels``: what the provider has instead of folders; its own begin with a backslash.
    """

    mailbox: str
    folder: str
    uidvalidity: int
    uid: int
    number: int = 0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a folder has been read: every UID below ``uidnext`` is dealt with."""

    mailbox: str
    folder: str
    uidvalidity: int
    uidnext: int
    highestmodseq: int = 0


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What filing needs of a header, decoded and bounded; never a key."""

    message_id: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    subject: str
    sender: str  # From as shown to a person
    recipients: str  # To and Cc as shown to a person
    date: datetime | None
    people: tuple[str, ...] = ()  # keys of those in From, To and Cc; empty where a field can be read in two ways

    @property
    def answers(self) -> tuple[str, ...]:
        """The Message-IDs of what it answers, each once, the nearest before the farthest."""
        return tuple(dict.fromkeys((*self.in_reply_to, *reversed(self.references))))


class Note(StrEnum):
    """What a person has to know about an attachment."""

    NONE = ""
    DAMAGED = "damaged"  # its encoding did not decode cleanly, or its container breaks off
    ENCRYPTED = "encrypted"  # kept as it came: only its recipient can open it
    UNSCANNED = "not scanned"  # too large for the scanner


@dataclass(frozen=True, slots=True)
class Attachment:
    """One part that a person would call an attachment: the name as the sender wrote it, and its decoded bytes.

    ``part`` says where it lies: as IMAP numbers parts, into forwarded messages too, then behind slashes its number
    within containers (`winmail.dat`, PKCS#7, uuencoded text).
    """

    number: int
    name: str
    content_type: str
    content: bytes = field(repr=False)
    note: Note = Note.NONE
    part: str = ""
    shown: bool = False  # the HTML shows it: a picture between the words, or a logo below them

    @property
    def damaged(self) -> bool:
        return self.note is Note.DAMAGED


@dataclass(frozen=True, slots=True)
class Message:
    """One e-mail of the store."""

    id: int
    sha256: str
    size: int
    facts: HeaderFacts
    filed_at: datetime
    author_login: str = ""  # for mail that left through the gateway
    grant: str = ""
    weighed: Weighed | None = None  # None: of mail that nobody asked about, as what left through the gateway


@dataclass(frozen=True, slots=True)
class Filing:
    """A message in one client's record."""

    client: str
    message: Message
    direction: Direction
    thread: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Talk:
    """A thread of a client as it is listed: how much there is of it, and what came last."""

    thread: int
    messages: int
    last: int  # the id of the newest message
    at: datetime  # when that was written
    sender: str  # of that
    subject: str  # of the first


@dataclass(frozen=True, slots=True)
class Document:
    """An attachment saved for a client; ``path`` is relative to the data folder, ``message`` the first that had it."""

    id: int
    client: str
    name: str
    original_name: str
    content_type: str
    size: int
    sha256: str
    path: str
    message: int
    saved_at: datetime
    note: Note = Note.NONE
    sent_at: datetime | None = None  # of that message, as the next three
    sender: str = ""
    recipients: str = ""
    subject: str = ""


class EventKind(StrEnum):
    """What a line of the feed is about."""

    CLIENT_MAIL = "client-mail"
    UNVERIFIED_MAIL = "unverified-mail"  # it breaks what its From domain says of its mail, and waits for a person
    MAIL_SENT = "mail-sent"
    BOUNCE = "bounce"
    SYNC_STOPPED = "sync-stopped"
    SYNC_RESUMED = "sync-resumed"
    SET_ASIDE = "set-aside"
    HISTORY = "history"
    INFECTED = "infected"
    SCANNER = "scanner"  # it does not answer, or does again


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the feed; ``number`` only grows."""

    number: int
    at: datetime
    kind: EventKind
    text: str
    client: str = ""
    mailbox: str = ""
    message: int | None = None
    queue_id: str = ""
    login: str = ""  # who wrote what it is about, where that is no client's business


@dataclass(frozen=True, slots=True)
class Activity:
    """One line of the audit trail; ``link`` vouches for it and for all lines before it."""

    number: int
    at: datetime
    who: str
    kind: str
    name: str
    verb: str
    what: str
    link: str


class Duty(StrEnum):
    """What a filed message is looked through for; the later a word in the alphabet, the more urgent."""

    IMPORT = "import"  # documents, because a person asked for those of history
    LOOK = "look"  # only which small pictures it has, so that they are known when they come again
    SAVE = "save"  # documents, of mail that has just come in


@dataclass(frozen=True, slots=True)
class NewFiling:
    """Everything that one filing transaction writes: message, location, filings, duty, events, cursor."""

    raw: Mail = field(repr=False)
    facts: HeaderFacts
    clients: tuple[tuple[str, Direction], ...]  # client name and box; at least one
    filed_at: datetime
    marks: Mapping[str, tuple[Mark, ...]] = field(default_factory=dict)  # by client name
    duty: Duty | None = None  # what its attachments are to be looked through for
    location: Location | None = None
    cursor: Cursor | None = None
    author_login: str = ""
    grant: str = ""
    queue_id: str = ""
    announce: bool = True  # False for history: nobody wants ten years of "new" mail in the feed
    verdict: Verdict | None = None  # kept where the message is new; one that is known keeps its own
    held: bool = False  # it is unverified, and nobody approved it
    withheld: bool = False  # it would have had documents
    saves: bool = False  # it is news in a mailbox whose attachments are saved, whether or not one knows yet for whom
    sha256: str = ""  # of the message, where it is known already
    revision: int = 0  # of the firm that said whose it is; 0: a person said so, or nobody counts revisions
    imported_by: str = ""  # who brought it, for the trail; empty: nobody did, it came by itself
    imported_at: datetime | None = None  # None: when it was filed
    approved: tuple[str, datetime] | None = None  # by whom and when, where another record had it so

    @property
    def savers(self) -> tuple[str, ...]:
        """The clients whose documents its attachments become: not those of whom nobody knows whether it is theirs."""
        names = dict.fromkeys(client for client, _ in self.clients)
        return tuple(name for name in names if Mark.AMBIGUOUS not in self.marks.get(name, ()))


@dataclass(frozen=True, slots=True)
class Filed:
    """What a filing came to; ``new`` is False when the message was known to every one of the clients already."""

    message: int
    new: bool
    sha256: str


@dataclass(frozen=True, slots=True)
class Search:
    """How far the look for mail of before has come: of ``found`` messages, ``done`` were dealt with."""

    addresses: tuple[str, ...]  # whose mail is looked for
    found: int = 0  # so far: addresses are searched for a few at a time
    done: int = 0


@dataclass(frozen=True, slots=True)
class MailboxSync:
    """How a mailbox's link stands."""

    mailbox: str
    state: SyncState
    since: datetime
    detail: str = ""  # a sentence: what is wrong and what to do
    synced_at: datetime | None = None  # the last completed round
    filed: int = 0
    skipped: int = 0
    history: Search | None = None  # None: none is being looked for
