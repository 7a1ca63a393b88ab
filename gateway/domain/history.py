"""A queue entry's way: attempts that did not deliver at once, its sent copy, what was reported, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.mail import ErrandKind, Outcome


@dataclass(frozen=True, slots=True)
class Tried:
    """One transaction with an upstream server; seconds are where the time went."""

    at: datetime  # when the attempt began
    attempt: int  # which one of the entry's
    upstream: str  # host:port
    waiting: float  # for a free connection
    connecting: float
    sending: float
    answers: Mapping[str, Outcome]  # by address key


@dataclass(frozen=True, slots=True)
class SentState:
    """Where the copy in the Sent folder stands, or another errand of the message in a mailbox."""

    state: str  # "due", "active", "done"
    attempts: int
    next_attempt: datetime
    last_error: str  # why it waits; of what is done, how it came about where we did not do it


@dataclass(frozen=True, slots=True)
class ErrandState:
    """Where an errand beside the sent copy stands."""

    kind: ErrandKind
    mailbox: str
    stands: SentState


@dataclass(frozen=True, slots=True)
class Reported:
    """A report about the entry that was sent to its author: itself an entry of the queue."""

    queue_id: str
    at: datetime
    subject: str


@dataclass(frozen=True, slots=True)
class CameBack:
    """What a mail told later about one recipient for whom the upstream had taken the message.

    Its outcome is FAILED, PENDING (a server behind the upstream still tries) or DELIVERED (one confirms it).
    """

    address: str  # key
    at: datetime  # when that mail was seen
    outcome: Outcome
    message: int | None = None  # that mail, where it lies in a client's record


@dataclass(frozen=True, slots=True)
class History:
    """Attempts oldest first; ``sent`` is None before the first delivery, and for reports, of which no copy is kept."""

    tried: tuple[Tried, ...] = ()
    sent: SentState | None = None
    reports: tuple[Reported, ...] = ()
    errands: tuple[ErrandState, ...] = ()
    came_back: tuple[CameBack, ...] = ()  # in the order in which it was seen
