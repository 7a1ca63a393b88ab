"""What is to leave through a mailbox by one server: who waits for a connection, and the connections that rest."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from gateway.domain.errors import SignInRefused
from gateway.domain.firm import Mailbox
from gateway.upstream.smtp.account import Line
from gateway.upstream.smtp.message import Message
from gateway.upstream.smtp.outcomes import NoAnswer, Trouble
from gateway.upstream.smtp.transaction import Envelope, Outcomes

Resting = TypeVar("Resting")


class Attempt(NamedTuple):
    """What a transaction came to, and where the time went, in seconds."""

    outcomes: Outcomes  # by address key, one for each recipient
    upstream: str  # host:port
    waiting: float  # for a free connection
    connecting: float  # TCP, TLS, EHLO, AUTH; 0 where a connection was kept
    sending: float  # from MAIL to the last reply
    answered: bool = True  # whether anybody took the connection
    reports: bool = False  # whether the server was told what the author wants to know, and will tell it


@dataclass(slots=True, eq=False)
class Job:
    """A message that somebody waits for, with its transactions in their order.

    ``told`` hears, on the loop, of each when it is over.
    """

    mailbox: Mailbox
    message: Message
    envelopes: Sequence[Envelope]
    told: Callable[[Attempt], None]
    since: float  # on the loop's clock: when its next transaction began to wait
    connecting: float = 0.0  # seconds of that
    begun: int = 0  # of its transactions
    future: asyncio.Future[bool] | None = None  # whether a connection may be opened for the rest; False: all is over

    @property
    def is_open(self) -> bool:
        return self.begun < len(self.envelopes)

    @property
    def is_waited_for(self) -> bool:
        return self.future is not None and not self.future.done()

    def word(self) -> asyncio.Future[bool]:
        """The next word on it."""
        self.future = asyncio.get_running_loop().create_future()
        return self.future

    def tell(self, *, may_connect: bool) -> bool:
        """False: nobody waits for it any more."""
        if self.future is None or self.future.done():
            return False
        self.future.set_result(may_connect)
        return True

    def fail(self, error: Exception) -> None:
        """A fault of our own: it is over for whoever waits."""
        self.begun = len(self.envelopes)
        if self.future is not None and not self.future.done():
            self.future.set_exception(error)

    @property
    def upstream(self) -> str:
        return f"{self.mailbox.smtp.host}:{self.mailbox.smtp.port}"

    def unreached(self, trouble: Trouble, opening: float, now: float) -> Attempt:
        """The next transaction, as no connection could be opened for it from ``opening`` on."""
        outcomes = {one.key: trouble.outcome for one in self.envelopes[self.begun].recipients}
        answered = not isinstance(trouble, NoAnswer)
        return Attempt(outcomes, self.upstream, opening - self.since, now - opening, 0.0, answered)


@dataclass(slots=True, eq=False)
class Lane(Generic[Resting]):
    """``mailbox`` is the firm's as it was seen last, ``most`` how many connections it may have."""

    mailbox: Mailbox
    most: int
    busy: int = 0  # connections in use, or being opened
    waiting: deque[Job] = field(default_factory=deque)
    resting: list[Resting] = field(default_factory=list)
    trusts: bool = True  # whether the server answers envelopes that leave behind a message
    is_closed: bool = False  # nothing rests any more
    door: asyncio.Lock = field(default_factory=asyncio.Lock)  # one is opened at a time
    failures: int = 0
    error: Trouble | SignInRefused | None = None  # of the last opening
    account: tuple[object, ...] = ()

    def enter(self, job: Job) -> asyncio.Future[bool] | None:
        """None: the job may have a connection at once; else what tells of it."""
        if self.busy < self.most:
            self.busy += 1
            return None
        self.waiting.append(job)
        return job.word()

    def next_for(self, line: Line) -> Job | None:
        """Whoever is next, where it may go over this connection without being looked at first; it is taken out."""
        if self.busy > self.most:  # the firm has changed it
            return None
        while self.waiting and not self.waiting[0].is_waited_for:
            self.waiting.popleft()
        if not self.waiting or self.waiting[0].message.is_large or not is_for(line, self.waiting[0].mailbox):
            return None
        return self.waiting.popleft()

    def rests(self, turns: Resting) -> None:
        """The connection is good, and nobody can use it now."""
        self.resting.append(turns)
        self.freed()

    def back(self, job: Job) -> None:
        """The connection that it waited for is slow: it has the first that comes free, or a new one."""
        self.waiting.appendleft(job)
        if self.busy < self.most:
            self.busy += 1
            self.freed()

    def freed(self) -> None:
        """A connection less is in use: whoever waits first may have one."""
        while self.waiting and self.busy <= self.most:
            if self.waiting.popleft().tell(may_connect=True):
                return
        self.busy -= 1


def is_for(line: Line, mailbox: Mailbox) -> bool:
    """Whether the connection was opened with the settings of now."""
    return line.mailbox is mailbox or line.mailbox.account == mailbox.account
