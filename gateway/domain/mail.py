"""A message on its way out: submission, envelope, decision, queue entry, outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.domain.address import Address
from gateway.domain.firm import Client, Mailbox, Member, Signature


class Notify(StrEnum):
    """Of what an author wants to be told (RFC 3461 section 4.1); none of them is its NEVER."""

    SUCCESS = "success"
    FAILURE = "failure"
    DELAY = "delay"


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for one recipient; the default is what RFC 3461 section 4.1 gives those who ask for nothing."""

    notify: frozenset[Notify] = frozenset({Notify.FAILURE, Notify.DELAY})
    orcpt: str = ""  # the original recipient with its type, "rfc822;al@pacino.example", decoded; empty: not given


@dataclass(frozen=True, slots=True)
class Submission:
    """What a mail program handed over: canonical CRLF bytes, dot-unstuffed, with no bare CR, bare LF or NUL."""

    login: str
    sender: Address | None  # MAIL FROM; None for <>
    recipients: tuple[Address, ...]  # RCPT TO, in order, no doubles
    raw: bytes = field(repr=False)
    received_at: datetime
    peer: str = ""  # IP address of the mail program
    tls: bool = False
    smtputf8: bool = False
    wishes: tuple[Wish, ...] = ()  # one a recipient, in their order; empty: nobody asked for anything
    envid: str = ""  # the author's own name for the envelope, RFC 3461 section 4.4, decoded
    return_full: bool = False  # RET=FULL: reports carry the whole message, not only its header
    not_before: datetime | None = None  # FUTURERELEASE, RFC 4865: aware UTC
    fingerprint: str = ""  # what it shares with the same submission again; empty: it may come as often as it likes


@dataclass(frozen=True, slots=True)
class Decision:
    """What rules made of an authorised submission: all that rendering needs, nothing left to decide later."""

    member: Member  # who wrote
    mailbox: Mailbox  # through which account, and as whose address, it leaves
    grant: str  # why the member may: "attached", "allow_others_to_send", or the grant with its days
    identity: str  # who chose the mailbox: "asked" (From), "answered" (what the client wrote to), or "rule"
    display_name: str | None  # None: the one that the author wrote
    reply_to: Address | None  # None: as the author wrote it
    show_sender: bool  # the author's own address in Sender
    signature: Signature | None
    bcc: tuple[Address, ...]  # envelope only
    clients: tuple[Client, ...]  # whose recipients are among the envelope's
    is_reply: bool = False  # it gets the shorter signature
    rules: tuple[str, ...] = ()  # names of those that acted, in order
    in_office_hours: bool = False  # it waits until the office is open


class Delivery(StrEnum):
    """Where one recipient stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class QueueState(StrEnum):
    """Where a queue entry stands."""

    QUEUED = "queued"  # due now or at next_attempt
    ACTIVE = "active"  # an attempt is booked and under way
    HELD = "held"  # by a person, or because the account's sign-in was refused
    DONE = "done"  # every recipient delivered, failed or cancelled


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to for one recipient."""

    delivery: Delivery  # PENDING means: try again later
    code: int  # SMTP reply code; 0 when there was none
    status: str  # enhanced status code, RFC 3463: "2.0.0", "4.4.1", …
    text: str  # the peer's words, or ours, cleaned to one printable line
    # "connect", "tls", "auth", "mail", "rcpt", "data", "final"; "returned": by a mail that came later; "gateway": ours
    stage: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient of a queue entry."""

    address: Address
    delivery: Delivery = Delivery.PENDING
    bcc: bool = False  # added by a rule: relayed in a transaction of its own
    last: Outcome | None = None
    wish: Wish = Wish()


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """An accepted message. ``id`` is what logs and people quote; its bytes are in the store under ``sha256``."""

    id: str
    login: str  # who wrote
    mailbox: str  # key of the mailbox it leaves through
    sender: Address | None  # envelope sender; None for <> (a delivery report)
    recipients: tuple[Recipient, ...]
    sha256: str
    size: int  # octets
    message_id: str
    subject: str
    accepted_at: datetime
    next_attempt: datetime
    state: QueueState = QueueState.QUEUED
    attempts: int = 0
    smtputf8: bool = False
    hold_reason: str = ""
    grant: str = ""
    rules: tuple[str, ...] = ()
    in_reply_to: str = ""
    envid: str = ""
    return_full: bool = False
    not_before: datetime | None = None  # when it was to leave, where that was not at once
    # From when on its waiting counts, by the queue's own clock, not the wall's; None until it is in the queue, and
    # while it waits for its time.
    began: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the next server in the words of RFC 3461, where it knows them: of MAIL, and of RCPT by key."""

    mail: str = ""
    rcpt: Mapping[str, str] = field(default_factory=dict)


class ErrandKind(StrEnum):
    """What else is to be done in a mailbox once a message was delivered."""

    AUTHOR_COPY = "author-copy"  # a copy into the Sent of the author's own mailbox
    ANSWERED = "answered"  # \Answered on the message that was answered


@dataclass(frozen=True, slots=True)
class Errand:
    """A duty beside the sent copy: done once, in its own time, and never a reason to send again."""

    queue_id: str
    kind: ErrandKind
    mailbox: str  # key of the mailbox that it is done in
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class SentCopy:
    """The duty to append what was delivered to the mailbox's Sent folder, once."""

    queue_id: str
    mailbox: str
    sha256: str
    message_id: str
    attempts: int
    next_attempt: datetime
    last_error: str = ""
