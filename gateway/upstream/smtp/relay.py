"""The relay: for each mailbox a few connections that are kept for the next message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from gateway.domain.address import Address
from gateway.domain.errors import SignInRefused
from gateway.domain.firm import Endpoint, Mailbox
from gateway.domain.mail import Asked
from gateway.policy.pace import limits_for
from gateway.upstream.smtp.account import open_account
from gateway.upstream.smtp.lane import Attempt, Job, Lane, is_for
from gateway.upstream.smtp.message import Message
from gateway.upstream.smtp.outcomes import Trouble
from gateway.upstream.smtp.patience import Patience
from gateway.upstream.smtp.transaction import NOTHING_ASKED, Envelope
from gateway.upstream.smtp.turns import Turns

GOODBYE = 2.0  # seconds for the answer to QUIT, which changes nothing any more
KNOCK = 5.0  # seconds for a look whether anybody is there

_Place = tuple[str, Endpoint]  # a mailbox's mail goes by one server; now and then by a second one

log = structlog.get_logger()


class SmtpRelay:
    """``hostname`` is what we call ourselves in EHLO; ``trust`` a PEM file of authorities besides the system's."""

    def __init__(self, *, hostname: str, trust: Path | None = None, patience: Patience | None = None) -> None:
        self._hostname = hostname
        self._trust = trust
        self._patience = patience or Patience()
        self._lanes: dict[_Place, Lane[Turns]] = {}
        self._latest: dict[str, Lane[Turns]] = {}  # by mailbox: where its last message went

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
        """One transaction, see `deliver_all`; an outcome for each recipient, whatever it came to."""
        made: list[Attempt] = []
        envelope = Envelope(sender, recipients, smtputf8, asked or NOTHING_ASKED)
        unreached = await self.deliver_all(mailbox, [envelope], raw, made.append)
        return unreached or made[0]

    async def deliver_all(
        self, mailbox: Mailbox, envelopes: Sequence[Envelope], raw: bytes, told: Callable[[Attempt], None]
    ) -> Attempt | None:
        """One transaction after the other. ``raw`` has CRLF line ends. ``told`` hears of each as it is over.

        What is asked is handed on where the server announces DSN; whether it did is in the attempt.

        What went wrong is in the outcomes: PENDING to try again, FAILED for good. Returned is the first transaction for
        which no connection was to be had, and no other is made then. Only SignInRefused is raised: nothing more was
        sent, and trying again will not help before the settings have changed. A message may have been delivered
        although its outcome is PENDING at stage "final" (RFC 1047).
        """
        lane = self._lane(mailbox)
        job = Job(mailbox, Message(raw), envelopes, told, asyncio.get_running_loop().time())
        failures, turns, word = lane.failures, None, lane.enter(job)
        while word is None or await _heard(word, lane, job, turns):
            found = await self._connected(lane, job, failures)
            if isinstance(found, Attempt):
                return found
            turns, word = found, job.word()
            turns.take(job)
        return None

    async def _connected(self, lane: Lane[Turns], job: Job, failures: int) -> Turns | Attempt:
        """A connection that is ready for the job, else what became of its next transaction."""
        opening = asyncio.get_running_loop().time()
        try:
            turns = self._kept(lane, job.mailbox)
            if turns is None:
                turns = await self._new(lane, job.mailbox, failures)
                job.connecting += asyncio.get_running_loop().time() - opening
            if job.message.is_large:
                await _look_through(job.message, turns)
        except Trouble as trouble:
            lane.freed()
            return job.unreached(trouble, opening, asyncio.get_running_loop().time())
        except BaseException:
            lane.freed()
            raise
        return turns

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
        resting = [turns for lane in self._lanes.values() for turns in lane.resting]
        for lane in self._lanes.values():
            lane.is_closed = True
            lane.resting.clear()
        await asyncio.gather(*map(_say_goodbye, resting))

    def _lane(self, mailbox: Mailbox) -> Lane[Turns]:
        key = mailbox.key
        lane = self._latest.get(key)
        if lane is None or lane.mailbox is not mailbox:
            place, most = (key, mailbox.smtp), limits_for(mailbox).connections
            lane = self._latest[key] = self._lanes.setdefault(place, Lane(mailbox, most))
            lane.mailbox, lane.most = mailbox, most
        return lane

    def _kept(self, lane: Lane[Turns], mailbox: Mailbox) -> Turns | None:
        """A connection that is still open and quiet, and was opened with the settings of now."""
        while lane.resting:
            turns = lane.resting.pop()
            if turns.is_good and is_for(turns.line, mailbox):
                return turns
            turns.end()
        return None

    async def _new(self, lane: Lane[Turns], mailbox: Mailbox, failures: int) -> Turns:
        """One opens at a time; whoever waited while it failed has failed too: a dead server or a wrong password is
        tried once, not once for each message.
        """
        async with lane.door:
            turns = self._kept(lane, mailbox)
            if turns is not None:
                return turns
            if lane.error is not None and lane.failures != failures and lane.account == mailbox.account:
                raise lane.error from None
            try:
                line = await open_account(mailbox, hostname=self._hostname, trust=self._trust, patience=self._patience)
            except (Trouble, SignInRefused) as error:
                lane.error, lane.account = error, mailbox.account
                lane.failures += 1
                raise
            lane.error = None
            return Turns(line, lane, self._patience, asyncio.get_running_loop())


async def _heard(word: asyncio.Future[bool], lane: Lane[Turns], job: Job, turns: Turns | None) -> bool:
    """Whether the job may have a connection now; False when all of it is over."""
    try:
        return await word
    except asyncio.CancelledError:
        if not word.cancelled() and word.result():
            lane.freed()  # it was told so in the same moment
        elif turns is not None:
            turns.abandon(job)
        raise


async def _look_through(message: Message, turns: Turns) -> None:
    """In a thread: more octets than may hold up the others. What is wrong with it, its transaction says."""
    try:
        await asyncio.to_thread(message.fitted, turns.line.extensions)
    except Trouble as trouble:
        log.debug("unfit", text=trouble.outcome.text)
    except BaseException:
        turns.end()
        raise


async def _say_goodbye(turns: Turns) -> None:
    turns.forget()
    conversation = turns.line.conversation
    try:
        await conversation.ask(b"QUIT\r\n", "quit", GOODBYE)
    except Trouble as trouble:
        log.debug("no goodbye", mailbox=turns.line.mailbox.key, error=trouble.outcome.text)
    conversation.close()
    await asyncio.sleep(0)
