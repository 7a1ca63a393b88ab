"""One mail program's session: greeting, STARTTLS, and transactions that end in a submission (RFC 5321, 6409)."""

# ruff: noqa: N802 (the names of commands are aiosmtpd's)

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from gateway.domain.errors import BadMessage
from gateway.domain.firm import Member
from gateway.domain.mail import Submission, Wish
from gateway.policy.hold import MAX_HOLD, latest
from gateway.policy.resubmission import start_fingerprint
from gateway.submission import replies
from gateway.submission.commands import Mail, Rcpt, read_mail, read_recipient
from gateway.submission.conversation import Patient, Prompt
from gateway.submission.data import Intake
from gateway.submission.ends import ConnectionLost, Silence
from gateway.submission.replies import Refused, Reply
from gateway.submission.signing import SigningIn
from gateway.submission.terms import Accept, Terms
from gateway.submission.wire import Wire
from gateway.submission.wishes import NOTHING_ASKED

MAX_RECIPIENTS = 1_000  # of one message; RFC 5321 section 4.5.3.1.8 asks for 100, Postfix takes these
COPIES = 2  # of a message in memory until it is durable: as it came, and as it leaves
FLOOD = 20  # times the size limit: more than that is no message that is too large, but an attack


@dataclass(slots=True)
class Transaction:
    """From MAIL to the end of DATA; recipients by key, in order, as each was named first."""

    mail: Mail
    recipients: dict[str, Rcpt] = field(default_factory=dict)

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """One a recipient, or none at all where nobody asked for anything."""
        found = tuple(one.wish for one in self.recipients.values())
        return found if found != (NOTHING_ASKED,) * len(found) else ()


class Session(SigningIn):
    """What is said before MAIL is forgotten at STARTTLS, what is said after it at RSET, EHLO and the end of DATA."""

    def __init__(self, wire: Wire, terms: Terms) -> None:
        self._mail: Transaction | None = None
        super().__init__(wire, terms)

    def smtp_HELO(self, hostname: str) -> None:
        self._greet(hostname)
        self._say(Reply(250, "", self._terms.hostname))

    def smtp_EHLO(self, hostname: str) -> None:
        self._greet(hostname)
        offers = [self._terms.hostname, "PIPELINING", f"SIZE {self._terms.max_size}", "8BITMIME", "SMTPUTF8", "DSN"]
        # RFC 4865: the longest wait, in seconds, and until when; said before AUTH too, for all here is submission.
        longest = MAX_HOLD // timedelta(seconds=1)
        offers.append(f"FUTURERELEASE {longest} {latest(self._terms.now()):%Y-%m-%dT%H:%M:%SZ}")
        if self._terms.tls is not None and not self._wire.tls:
            offers.append("STARTTLS")
        if self._may_sign_in:
            offers.append("AUTH PLAIN LOGIN")
        lines = "".join(f"250-{offer}\r\n" for offer in offers)
        self._wire.say(f"{lines}250 ENHANCEDSTATUSCODES\r\n".encode())

    async def smtp_STARTTLS(self, arg: str) -> None:
        """RFC 3207."""
        _no_argument(arg)
        if self._wire.tls:
            raise Refused(replies.TLS_ALREADY)
        if self._terms.tls is None:
            raise Refused(replies.TLS_NOT_NOW)
        self._say(replies.READY_FOR_TLS)
        await self._start_tls()
        self._forget()

    def smtp_NOOP(self, arg: str) -> None:
        self._say(replies.OK)

    def smtp_RSET(self, arg: str) -> None:
        _no_argument(arg)
        self._reset()
        self._say(replies.OK)

    async def smtp_QUIT(self, arg: str) -> None:
        _no_argument(arg)
        await self._leave(replies.BYE)

    async def smtp_AUTH(self, arg: str) -> None:
        if self._mail is not None:
            raise Refused(replies.MAIL_TWICE)
        await super().smtp_AUTH(arg)

    def smtp_MAIL(self, arg: str) -> None:
        self._need_sign_in()
        if self._mail is not None:
            raise Refused(replies.MAIL_TWICE)
        mail = read_mail(arg, limit=self._terms.max_size, now=self._terms.now())
        self._mail, self._utf8 = Transaction(mail), mail.smtputf8
        self._say(replies.SENDER_OK)

    def smtp_RCPT(self, arg: str) -> None:
        self._need_sign_in()
        if self._mail is None:
            raise Refused(replies.MAIL_FIRST)
        named = read_recipient(arg, smtputf8=self._utf8)
        key = named.address.key
        if key not in self._mail.recipients and len(self._mail.recipients) >= MAX_RECIPIENTS:
            raise Refused(replies.TOO_MANY_RECIPIENTS)
        self._mail.recipients.setdefault(key, named)
        self._say(replies.RECIPIENT_OK)

    async def smtp_DATA(self, arg: str) -> None:
        member = self._need_sign_in()
        _no_argument(arg)
        if self._mail is None:
            raise Refused(replies.MAIL_FIRST)
        if not self._mail.recipients:
            raise Refused(replies.RCPT_FIRST)
        self._say(replies.GO_AHEAD)
        mail, recipients = self._mail.mail, (one.address for one in self._mail.recipients.values())
        mark = start_fingerprint(member.login, mail.sender, recipients)
        with closing(Intake(self._terms.max_size, mark)) as intake:
            try:
                accept = await self._receive(intake, member, self._mail)
            except ConnectionLost:
                raise
            except Exception:
                self._left = True  # what still comes of the message must not be taken for commands
                raise
            done, self._mail = self._mail, None
            async with self._terms.room.take(COPIES * intake.received):
                raw = await asyncio.to_thread(intake.message) if intake.is_large else intake.message()
                queue_id = await accept(self._submission(member, done, raw, mark.hexdigest()))
        self._say(replies.accepted(queue_id))

    async def _receive(self, intake: Intake, member: Member, mail: Transaction) -> Accept:
        """What lies between 354 and the end; who accepts it. Raises Refused and ConnectionLost.

        While one piece is put away the next may come; for a third the peer waits for the disk.
        """
        loop, timers = asyncio.get_running_loop(), self._terms.timers
        clock, spilling, accept = loop.time, None, self._terms.accept
        start = clock()
        while True:
            due = start + timers.data_grace + intake.received / timers.data_rate
            try:
                rest = intake.feed(await self._wire.block(max(0.0, min(timers.command, due - clock()))))
            except Silence:
                raise Refused(replies.TOO_SLOW, hang_up=True) from None
            except BadMessage:
                raise Refused(replies.SMUGGLING, hang_up=True) from None
            if rest is not None:
                self._wire.give_back(rest)
                break
            if intake.received > FLOOD * self._terms.max_size:
                raise Refused(replies.FLOODED, hang_up=True)
            if intake.is_full:
                if spilling is not None:
                    await spilling
                if not intake.is_large:
                    holder, accept = await self._terms.begin(self._submission(member, mail, intake.so_far()))
                    intake.hold_in(holder)
                spilling = loop.run_in_executor(None, intake.spill, intake.take())
        if spilling is not None:
            await spilling
        return accept

    def _submission(self, member: Member, done: Transaction, raw: bytes, fingerprint: str = "") -> Submission:
        return Submission(
            login=member.login,
            sender=done.mail.sender,
            recipients=tuple(one.address for one in done.recipients.values()),
            raw=raw,
            received_at=self._terms.now(),
            peer=self._wire.peer,
            tls=self._wire.tls,
            smtputf8=self._utf8,
            wishes=done.wishes,
            envid=done.mail.envid,
            return_full=done.mail.return_full,
            not_before=done.mail.not_before,
            fingerprint=fingerprint,
        )

    def _greet(self, hostname: str) -> None:
        if not hostname.strip():
            raise Refused(replies.NEEDS_HOST)
        self.session.host_name = hostname.strip()
        self._reset()

    def _reset(self) -> None:
        self._mail = None
        self._utf8 = False

    def _forget(self) -> None:
        super()._forget()
        self._mail = None

    def _lost(self, reason: str) -> None:
        """Worth a line only where a message was under way."""
        super()._lost(reason or ("lost in the middle of a message" if self._mail is not None else ""))

    prompt: ClassVar[Mapping[str, Prompt]] = {
        "HELO": smtp_HELO,
        "EHLO": smtp_EHLO,
        "MAIL": smtp_MAIL,
        "RCPT": smtp_RCPT,
        "RSET": smtp_RSET,
        "NOOP": smtp_NOOP,
    }
    patient: ClassVar[Mapping[str, Patient]] = {
        "STARTTLS": smtp_STARTTLS,
        "AUTH": smtp_AUTH,
        "DATA": smtp_DATA,
        "QUIT": smtp_QUIT,
    }


def _no_argument(arg: str) -> None:
    if arg.strip():
        raise Refused(replies.NO_ARGUMENT)
