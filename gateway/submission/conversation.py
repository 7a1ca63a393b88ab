"""How a session runs: greeting, one command after the other, and every way in which it can end."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import ClassVar

import structlog
from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Session as State

from gateway.domain.errors import PosternError
from gateway.submission import replies
from gateway.submission.commands import is_web_request, read_command
from gateway.submission.ends import ConnectionLost, Garbled, Interrupted, LineTooLong, Silence
from gateway.submission.replies import Refused, Reply
from gateway.submission.terms import Terms
from gateway.submission.wire import Rest, Wire

COMMAND_LIMIT = 2_048  # octets; RFC 5321 asks for 512 and its extensions for some hundred more; Postfix takes these
AUTH_LIMIT = 12_288  # octets, RFC 4954 section 4
MAX_ERRORS = 30  # of one connection; a working mail program makes none, a prober of all relay forms makes 19

Prompt = Callable[..., None]
Patient = Callable[..., Awaitable[None]]

log = structlog.get_logger()
logging.getLogger("mail.log").disabled = True  # aiosmtpd's own, which would write content and credentials


class Conversation(SMTP):
    """Commands are ``smtp_*`` methods, as in aiosmtpd: each says its one reply or raises Refused or PosternError.

    Those that are ``prompt`` wait for nothing and are answered where their line comes in; the ``patient`` ones are
    awaited by the session's task, before the next line is looked at.

    aiosmtpd's constructor looks through all attributes for each connection (0.3 ms), its loop reads line by line,
    and its command methods accept what we must not: none of these is used.
    """

    session: State
    prompt: ClassVar[Mapping[str, Prompt]] = {}
    patient: ClassVar[Mapping[str, Patient]] = {}

    def __init__(self, wire: Wire, terms: Terms) -> None:
        self._wire = wire
        self._terms = terms
        self._errors = 0
        self._left = False
        self._utf8 = False
        self._forget()

    async def run(self, *, tls: bool = False) -> None:
        """From greeting to hang-up; never raises but CancelledError. With ``tls``, TLS from the first octet."""
        try:
            if tls:
                await self._start_tls()
            self._say(Reply(220, "", f"{self._terms.hostname} ESMTP Postern"))
            while not self._left:
                await self._step()
        except Interrupted:
            await self._leave(replies.CLOSING)
        except Silence:
            self._note("session-timed-out")
            await self._leave(replies.TIMED_OUT)
        except ConnectionLost as lost:
            self._lost(str(lost))
        finally:
            self._wire.abort()

    async def _step(self) -> None:
        rest: Rest | None = await self._next_rest()
        while rest is not None:
            try:
                await rest()
                rest = None
            except Exception as error:  # noqa: BLE001  # what is no answer to the client is raised again
                rest = self._settle(error)

    async def _next_rest(self) -> Rest | None:
        """Answers commands until one has to be waited for, or a line is none."""
        try:
            return await self._wire.commands(self._obey, AUTH_LIMIT, self._terms.timers.command)
        except LineTooLong:
            return self._settle(Refused(replies.LINE_TOO_LONG, hang_up=True))
        except Garbled:
            return self._settle(Refused(replies.BARE_LINE_END, hang_up=True))

    def _obey(self, line: bytes) -> Rest | None:
        """Answers, or says what has to be awaited before there is an answer. Never raises."""
        try:
            return self._take(line)
        except Exception as error:  # noqa: BLE001  # answered
            return self._settle(error)

    def _take(self, line: bytes) -> Rest | None:
        if is_web_request(line):
            self._note("session-refused", reason="not SMTP")
            return self._hang_up
        if len(line) > COMMAND_LIMIT and line[:5].upper() != b"AUTH ":
            raise Refused(replies.LINE_TOO_LONG)
        verb, argument = read_command(line)
        if at_once := self.prompt.get(verb):
            at_once(self, argument)
            return None
        if method := self.patient.get(verb):
            return partial(method, self, argument)
        raise Refused(replies.NOT_HERE if verb in _NOT_HERE else replies.UNKNOWN)

    def _settle(self, error: Exception) -> Rest | None:
        """Answers what went wrong; raises what is no answer, but the end of the session."""
        if isinstance(error, Refused):
            return self._refuse(error)
        if isinstance(error, PosternError):
            self._note("submission-refused", error=type(error).__name__, reason=error.sentence, detail=error.detail)
            return self._answer(replies.for_error(error))
        if isinstance(error, ConnectionLost | Interrupted | Silence):
            raise error
        # The client learns nothing of it, and the log none of the content.
        trace = "".join(traceback.format_tb(error.__traceback__))
        self._note("session-error", error=type(error).__name__, trace=trace)
        return self._answer(replies.INTERNAL)

    def _answer(self, reply: Reply) -> Rest | None:
        """To what went wrong; where that was in the middle of a message, it is the last one."""
        if self._left:
            return partial(self._leave, reply)
        self._say(reply)
        return None

    def _refuse(self, refused: Refused) -> Rest | None:
        self._errors += refused.reply.code // 100 == 5
        if self._errors > MAX_ERRORS:
            refused = Refused(replies.TOO_MANY_ERRORS, hang_up=True)
        if refused.hang_up:
            self._note("session-refused", reply=refused.reply.code, reason=refused.reply.text)
            return partial(self._leave, refused.reply)
        self._say(refused.reply)
        return None

    async def _hang_up(self) -> None:
        self._left = True

    async def _start_tls(self) -> None:
        assert self._terms.tls is not None
        await self._wire.start_tls(self._terms.tls, self._terms.timers.sign_in)

    def _forget(self) -> None:
        """Back to how it was at the greeting (RFC 3207 section 4.2)."""
        self.session = State(asyncio.get_running_loop())
        self._utf8 = False

    def _lost(self, reason: str) -> None:
        if reason:
            self._note("session-aborted", reason=reason)

    def _say(self, reply: Reply) -> None:
        self._wire.say(reply.wire(utf8=self._utf8))

    async def _leave(self, reply: Reply) -> None:
        self._left = True
        self._say(reply)
        await self._wire.hang_up(patiently=reply is not replies.BYE)

    def _note(self, event: str, **fields: object) -> None:
        log.info(event, peer=self._wire.peer, tls=self._wire.tls, **fields)


# Commands of SMTP and of its extensions that we do not offer; RFC 5321 section 4.2.4 has 502 for them.
_NOT_HERE = frozenset(
    {
        "VRFY", "EXPN", "HELP", "ETRN", "ATRN", "TURN", "SEND", "SOML", "SAML",
        "BDAT", "BURL", "XCLIENT", "XFORWARD", "PROXY",
    }
)  # fmt: skip
