"""The relay: for each mailbox a few connections that are kept for the next message."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from gateway.domain.address import Address
from gateway.domain.errors import SignInRefused
from gateway.domain.firm import Endpoint, Mailbox
from gateway.domain.mail import Asked, Delivery, Outcome
from gateway.policy.pace import limits_for
from gateway.upstream.smtp.account import Line, open_account
from gateway.upstream.smtp.outcomes import NoAnswer, Trouble
from gateway.upstream.smtp.patience import Patience
from gateway.upstream.smtp.transaction import Envelope, Outcomes, transact

MAX_IDLE = 30.0  # seconds; servers hang up on idle clients after a minute or more
GOODBYE = 2.0  # seconds for the answer to QUIT, which changes nothing any more
MAX_MESSAGES = 100  # over one connection; Gmail and Postfix end it around there
KNOCK = 5.0  # seconds for a look whether anybody is there

_Place = tuple[str, Endpoint]  # a mailbox's mail goes by one server; now and then by a second one

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a transaction came to, and where the time went, in seconds."""

    outcomes: Outcomes  # by address key, one for each recipient
    upstream: str  # host:port
    waiting: float  # for a free connection
    connecting: float  # TCP, TLS, EHLO, AUTH; 0 where a connection was kept
    sending: float  # from MAIL to the last reply
    answered: bool = True  # whether anybody took the connection
    reports: bool = False  # whether the server was told what the author wants to know, and will tell it


@dataclass(frozen=True, slots=True)
class _Done:
    outcomes: Outcomes
    connecting: float
    answered: bool
    reports: bool


@dataclass(slots=True)
class _Door:
    """Where connections of a mailbox are opened."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    failures: int = 0
    error: Trouble | SignInRefused | None = None  # of the last opening
    account: tuple[object, ...] = ()


class SmtpRelay:
    """``hostname`` is what we call ourselves in EHLO; ``trust`` a PEM file of authorities besides the system's."""

    def __init__(self, *, hostname: str, trust: Path | None = None, patience: Patience | None = None) -> None:
        self._hostname = hostname
        self._trust = trust
        self._patience = patience or Patience()
        self._closed = False
        self._turns: dict[tuple[str, int], asyncio.Semaphore] = {}
        self._doors: defaultdict[_Place, _Door] = defaultdict(_Door)
        self._idle: defaultdict[_Place, list[Line]] = defaultdict(list)

    async def deliver(
        self,
        mailbox: Mailbox,
        sender: Address | None,
        recipients: Sequence[Address],
        raw: bytes,
        *,
        smtputf8: bool = False,
        asked: Asked | None = None,
    ) -> Attempt:
        """One transaction; an outcome for each recipient, by address key. ``raw`` has CRLF line ends.

        ``asked`` is handed on where the server announces DSN; whether it did is in the attempt.

        What went wrong is in the outcomes: PENDING to try again, FAILED for good. Only SignInRefused is raised: then
        nothing was sent, and trying again will not help before the settings have changed. A message may have been
        delivered although its outcome is PENDING at stage "final" (RFC 1047).
        """
        envelope = Envelope(sender, recipients, smtputf8, asked or Asked())
        begun = time.monotonic()
        failures = self._doors[_place(mailbox)].failures
        async with self._turn(mailbox):
            free = time.monotonic()
            try:
                done = await self._exchange(mailbox, envelope, raw, failures)
            except Trouble as trouble:
                outcomes = {address.key: trouble.outcome for address in recipients}
                done = _Done(outcomes, time.monotonic() - free, not isinstance(trouble, NoAnswer), reports=False)
            spent = time.monotonic() - free - done.connecting
        upstream = f"{mailbox.smtp.host}:{mailbox.smtp.port}"
        return Attempt(
            done.outcomes, upstream, free - begun, done.connecting, max(0.0, spent), done.answered, done.reports
        )

    async def _exchange(self, mailbox: Mailbox, envelope: Envelope, raw: bytes, failures: int) -> _Done:
        """Over a kept connection, else a new one; raises Trouble where none could be opened."""
        connecting = 0.0
        line = self._kept(mailbox)
        while True:
            if line is None:
                opening = time.monotonic()
                line = await self._new(mailbox, failures)
                connecting = time.monotonic() - opening
            outcomes = await transact(line, envelope, raw, self._patience)
            line.messages += 1
            self._keep(line)
            if line.messages == 1 or not _gone(line, outcomes):
                return _Done(outcomes, connecting, answered=True, reports=line.reports)
            line = None  # one fresh connection; the other kept ones are likely to be at their end too

    async def answers(self, mailbox: Mailbox) -> bool:
        """Whether anybody takes a connection at the mailbox's server; costs it a connection and no sign-in."""
        try:
            async with asyncio.timeout(KNOCK):
                _, writer = await asyncio.open_connection(mailbox.smtp.host, mailbox.smtp.port)
        except OSError as error:  # TimeoutError is one
            log.debug("no answer", mailbox=mailbox.key, error=type(error).__name__)
            return False
        writer.transport.abort()
        return True

    async def close(self) -> None:
        """Says goodbye on all idle connections; those in use are closed when they are done."""
        self._closed = True
        lines = [line for lines in self._idle.values() for line in lines]
        self._idle.clear()
        await asyncio.gather(*map(_say_goodbye, lines))

    def _turn(self, mailbox: Mailbox) -> asyncio.Semaphore:
        most = limits_for(mailbox).connections
        return self._turns.setdefault((mailbox.key, most), asyncio.Semaphore(most))

    def _kept(self, mailbox: Mailbox) -> Line | None:
        """A connection that is still open and quiet, and was opened with the settings of now."""
        idle = self._idle[_place(mailbox)]
        while idle:
            line = idle.pop()
            if line.closing is not None:
                line.closing.cancel()
            if line.conversation.is_quiet and line.mailbox.account == mailbox.account:
                return line
            line.conversation.hang_up()
        return None

    async def _new(self, mailbox: Mailbox, failures: int) -> Line:
        """One opens at a time; whoever waited while it failed has failed too: a dead server or a wrong password is
        tried once, not once for each message.
        """
        door = self._doors[_place(mailbox)]
        async with door.lock:
            line = self._kept(mailbox)
            if line is not None:
                return line
            if door.error is not None and door.failures != failures and door.account == mailbox.account:
                raise door.error from None
            try:
                line = await open_account(mailbox, hostname=self._hostname, trust=self._trust, patience=self._patience)
            except (Trouble, SignInRefused) as error:
                door.error, door.account = error, mailbox.account
                door.failures += 1
                raise
            door.error = None
            return line

    def _keep(self, line: Line) -> None:
        if self._closed or line.messages >= MAX_MESSAGES or not line.conversation.is_quiet:
            line.conversation.hang_up()
            return
        idle = self._idle[_place(line.mailbox)]
        line.closing = asyncio.get_running_loop().call_later(MAX_IDLE, self._expire, line)
        idle.append(line)

    def _expire(self, line: Line) -> None:
        idle = self._idle[_place(line.mailbox)]
        if line in idle:
            idle.remove(line)
            line.conversation.hang_up()


def _place(mailbox: Mailbox) -> _Place:
    return mailbox.key, mailbox.smtp


def _gone(line: Line, outcomes: dict[str, Outcome]) -> bool:
    """Whether a kept connection turned out to be at its end before any of the message left: then a new one may do."""
    if any(outcome.stage == "final" or outcome.delivery is not Delivery.PENDING for outcome in outcomes.values()):
        return False
    return line.conversation.was_lost or any(one.code == 421 and one.stage == "mail" for one in outcomes.values())


async def _say_goodbye(line: Line) -> None:
    if line.closing is not None:
        line.closing.cancel()
    try:
        await line.conversation.ask(b"QUIT\r\n", "quit", GOODBYE)
    except Trouble as trouble:
        log.debug("no goodbye", mailbox=line.mailbox.key, error=trouble.outcome.text)
    line.conversation.close()
    await asyncio.sleep(0)
