"""How a session runs: greeting, one command after the other, and every way in which it can end."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

import structlog
from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Session as State

from gateway.domain.errors import PosternError
from gateway.submission import replies
from gateway.submission.commands import is_web_request, read_command
from gateway.submission.replies import Refused, Reply
from gateway.submission.terms import Terms
from gateway.submission.wire import ConnectionLost, Garbled, Interrupted, LineTooLong, Silence, Wire

COMMAND_LIMIT = 2_048  # octets; RFC 5321 asks for 512 and its extensions for some hundred more; Postfix takes these
AUTH_LIMIT = 12_288  # octets, RFC 4954 section 4
MAX_ERRORS = 30  # of one connection; a working mail program makes none, a prober of all relay forms makes 19
BREATH = 64  # commands between two moments in which other sessions get their turn

Method = Callable[..., Awaitable[None]]

log = structlog.get_logger()
logging.getLogger("mail.log").disabled = True  # aiosmtpd's own, which would write content and credentials


class Conversation(SMTP):
    """Commands are ``smtp_*`` methods, as in aiosmtpd: each says its one reply or raises Refused or PosternError.

    aiosmtpd's constructor looks through all attributes for each connection (0.3 ms), its loop reads line by line,
    and its command methods accept what we must not: none of these is used.
    """

    session: State
    commands: ClassVar[Mapping[str, Method]] = {}

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
            steps = 0
            while not self._left:
                await self._step()
                steps += 1
                if steps % BREATH == 0:
                    await asyncio.sleep(0)
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
        try:
            await self._obey(await self._command_line())
        except Refused as refused:
            await self._refuse(refused)
        except PosternError as error:
            self._note("submission-refused", error=type(error).__name__, reason=error.sentence, detail=error.detail)
            await self._answer(replies.for_error(error))
        except (ConnectionLost, Interrupted, Silence):
            raise
        except Exception as error:  # noqa: BLE001  # the client learns nothing of it, and the log none of the content
            trace = "".join(traceback.format_tb(error.__traceback__))
            self._note("session-error", error=type(error).__name__, trace=trace)
            await self._answer(replies.INTERNAL)

    async def _answer(self, reply: Reply) -> None:
        """To what went wrong; where that was in the middle of a message, it is the last one."""
        if self._left:
            await self._leave(reply)
        else:
            self._say(reply)

    async def _obey(self, line: bytes) -> None:
        if is_web_request(line):
            self._note("session-refused", reason="not SMTP")
            self._left = True
            return
        command = read_command(line)
        method = self.commands.get(command.verb)
        if method is None:
            raise Refused(replies.NOT_HERE if command.verb in _NOT_HERE else replies.UNKNOWN)
        await method(self, command.argument)

    async def _refuse(self, refused: Refused) -> None:
        self._errors += refused.reply.code // 100 == 5
        if self._errors > MAX_ERRORS:
            refused = Refused(replies.TOO_MANY_ERRORS, hang_up=True)
        if refused.hang_up:
            self._note("session-refused", reply=refused.reply.code, reason=refused.reply.text)
            await self._leave(refused.reply)
        else:
            self._say(refused.reply)

    async def _command_line(self) -> bytes:
        try:
            line = await self._wire.line(AUTH_LIMIT, self._terms.timers.command, interruptible=True)
        except LineTooLong:
            raise Refused(replies.LINE_TOO_LONG, hang_up=True) from None
        except Garbled:
            raise Refused(replies.BARE_LINE_END, hang_up=True) from None
        if len(line) > COMMAND_LIMIT and line[:5].upper() != b"AUTH ":
            raise Refused(replies.LINE_TOO_LONG)
        return line

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
