"""The trial provider's SMTP submission server, small and strict; our own, because a library would keep the protocol.

A peer that must break off at any octet, answer late or answer nonsense can't be built on one that knows better.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gateway.mime.address import AddressFault, parse_address
from gateway.mime.check import line_fault
from gateway.proxy.wire import ConnectionLost, LineTooLong, Wire
from gateway.trial.faults import Faults, Garbage, Refuse
from gateway.trial.mouth import Mouth
from gateway.trial.store import TrialAccount, TrialStore

MAX_LINE = 12_288 + 16  # octets of a command; AUTH needs the most, RFC 4954 section 4
MAX_MESSAGE = 50 * 1024 * 1024  # octets, as the IMAP side
MAX_RECIPIENTS = 100  # of one message: the least that RFC 5321 section 4.5.3.1.8 allows
PATIENCE = 300.0  # seconds for a command, RFC 5321 section 4.5.3.2.7

_PATH = re.compile(r"<(?P<address>[^<>\x00-\x20\x7f]*)>(?P<parameters>(?: [!-~]+)*)")


@dataclass(frozen=True, slots=True)
class Relayed:
    """A message that the provider took over: octets as sent, dot-unstuffed."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes = field(repr=False)
    signed_in_as: str


class Refused(Exception):
    """Answered with its code and text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(slots=True)
class _Transaction:
    sender: str
    recipients: list[str] = field(default_factory=list)


class SmtpSession:
    """One connection, RFC 5321 with 6409's sign-in; nothing is taken from anybody who has not signed in."""

    def __init__(
        self,
        wire: Wire,
        store: TrialStore,
        faults: Faults,
        *,
        tls: ssl.SSLContext | None,
        require_tls: bool,
        without: frozenset[str],
        take: Callable[[Relayed], None],
    ) -> None:
        self._wire = wire
        self._store = store
        self._faults = faults
        self._mouth = Mouth(wire, faults)
        self._tls = tls
        self._require_tls = require_tls
        self._without = without
        self._take = take
        self._greeted = False
        self._account: TrialAccount | None = None
        self._transaction: _Transaction | None = None
        self._ended = False
        self._verbs: dict[str, tuple[str, Callable[[str], Awaitable[None]]]] = {
            "EHLO": ("ehlo", self._ehlo),
            "HELO": ("ehlo", self._helo),
            "STARTTLS": ("starttls", self._starttls),
            "AUTH": ("auth", self._auth),
            "MAIL": ("mail", self._mail),
            "RCPT": ("rcpt", self._rcpt),
            "DATA": ("data", self._data),
            "RSET": ("rset", self._rset),
            "NOOP": ("noop", self._noop),
            "QUIT": ("quit", self._quit),
        }

    async def run(self) -> None:
        await self._stage("connect", "", self._connected)
        await self._stage("greeting", "", self._greet)
        while not self._ended:
            try:
                async with asyncio.timeout(PATIENCE):
                    line = await self._wire.line(MAX_LINE)
            except TimeoutError:
                self._reply(421, "4.4.2 you have been silent for too long")
                return
            except LineTooLong:
                self._reply(500, "5.5.6 the line is too long")
                return
            await self._command(line)
            await self._wire.drain()

    async def _command(self, line: bytes) -> None:
        if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
            self._reply(500, "5.5.2 lines end with CRLF and hold no other control characters")
            return
        try:
            text = line[:-2].decode("utf-8")
        except UnicodeDecodeError:
            self._reply(500, "5.5.2 that is not UTF-8")
            return
        word, _, argument = text.partition(" ")
        stage, run = self._verbs.get(word.upper(), ("", self._unknown))
        await self._stage(stage, argument, lambda: run(argument))

    async def _stage(self, stage: str, argument: str, run: Callable[[], Awaitable[None]]) -> None:
        """One stage under the plan of faults."""
        instead = await self._mouth.meet(self._faults.take("smtp", stage, argument)) if stage else None
        try:
            if isinstance(instead, Garbage):
                self._mouth.write(instead.data)
            elif isinstance(instead, Refuse):
                self._refuse(int(instead.code), instead.text)
            else:
                await run()
        except Refused as refused:
            self._refuse(refused.code, refused.text)
        self._mouth.answered()

    def _refuse(self, code: int, text: str) -> None:
        self._reply(code, text)
        self._ended = self._ended or code == 421  # RFC 5321 section 3.8: the channel is closing

    def _reply(self, code: int, *lines: str) -> None:
        last = len(lines) - 1
        text = "".join(f"{code}{'-' if number < last else ' '}{line}\r\n" for number, line in enumerate(lines))
        self._mouth.write(text.encode("utf-8"))

    # Commands

    async def _connected(self) -> None:
        """Nothing is said yet; a fault may come here."""

    async def _greet(self) -> None:
        self._reply(220, "trial.example ESMTP")

    async def _unknown(self, argument: str) -> None:
        raise Refused(500, "5.5.1 there is no such command")

    async def _helo(self, argument: str) -> None:
        self._greeted, self._transaction = True, None
        self._reply(250, "trial.example")

    async def _ehlo(self, argument: str) -> None:
        if not argument.strip():
            raise Refused(501, "5.5.4 and who are you?")
        self._greeted, self._transaction = True, None
        offered = ["PIPELINING", f"SIZE {MAX_MESSAGE}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if self._tls is not None and not self._wire.tls:
            offered.append("STARTTLS")
        if self._may_sign_in:
            offered.append("AUTH PLAIN LOGIN")
        self._reply(250, "trial.example", *(word for word in offered if word.split(" ")[0] not in self._without))

    @property
    def _may_sign_in(self) -> bool:
        return self._wire.tls or not self._require_tls

    async def _starttls(self, argument: str) -> None:
        if self._tls is None or self._wire.tls or "STARTTLS" in self._without:
            raise Refused(502, "5.5.1 TLS is not to be had here")
        if argument:
            raise Refused(501, "5.5.4 STARTTLS stands alone")
        self._reply(220, "2.0.0 begin TLS now")
        await self._wire.start_tls(self._tls)
        self._greeted, self._account, self._transaction = False, None, None  # RFC 3207 section 4.2

    async def _auth(self, argument: str) -> None:
        if not self._greeted or self._transaction is not None:
            raise Refused(503, "5.5.1 not now")
        if not self._may_sign_in:
            raise Refused(538, "5.7.11 begin TLS first")
        if self._account is not None:
            raise Refused(503, "5.5.1 you have signed in already")
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() == "PLAIN":
            username, password = _plain(await self._response(initial, ""))
        elif mechanism.upper() == "LOGIN":
            username = await self._response(initial, "VXNlcm5hbWU6")
            password = await self._response("", "UGFzc3dvcmQ6")
        else:
            raise Refused(504, "5.5.4 PLAIN or LOGIN, please")
        self._account = self._store.check(username, password)
        if self._account is None:
            raise Refused(535, "5.7.8 wrong user name or password")
        self._reply(235, "2.7.0 signed in")

    async def _response(self, initial: str, prompt: str) -> str:
        if not initial:
            self._reply(334, prompt)
            initial = (await self._wire.line(MAX_LINE)).rstrip(b"\r\n").decode("ascii", "replace")
        if initial == "*":
            raise Refused(501, "5.7.0 you gave up")
        try:
            return base64.b64decode("" if initial == "=" else initial, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeError):
            raise Refused(501, "5.5.2 that is not base64") from None

    async def _mail(self, argument: str) -> None:
        if self._account is None:
            raise Refused(530, "5.7.0 sign in first")
        if self._transaction is not None:
            raise Refused(503, "5.5.1 one message at a time")
        sender, parameters = _path(argument, "FROM:")
        if sender.lower() not in {"", self._account.username.lower()}:
            raise Refused(553, "5.7.1 that is not your address")
        for parameter in parameters:
            name, _, value = parameter.upper().partition("=")
            if name == "SIZE" and value.isdigit() and len(value) <= 20:
                if int(value) > MAX_MESSAGE:
                    raise Refused(552, "5.3.4 the message is too big")
            elif (name, value) not in {("BODY", "7BIT"), ("BODY", "8BITMIME"), ("SMTPUTF8", "")}:
                raise Refused(555, "5.5.4 unknown parameter")
        self._transaction = _Transaction(sender)
        self._reply(250, "2.1.0 sender taken")

    async def _rcpt(self, argument: str) -> None:
        if self._transaction is None:
            raise Refused(503, "5.5.1 MAIL first")
        recipient, parameters = _path(argument, "TO:")
        if parameters:
            raise Refused(555, "5.5.4 unknown parameter")
        if not recipient:
            raise Refused(501, "5.1.3 and to whom?")
        if len(self._transaction.recipients) >= MAX_RECIPIENTS:
            raise Refused(452, "4.5.3 too many recipients")
        self._transaction.recipients.append(recipient)
        self._reply(250, "2.1.5 recipient taken")

    async def _data(self, argument: str) -> None:
        if self._transaction is None or not self._transaction.recipients:
            raise Refused(503 if self._transaction is None else 554, "5.5.1 no valid recipients")
        transaction = self._transaction
        self._reply(354, "go on, and end with a dot")
        await self._wire.drain()
        self._mouth.answered()
        stuffed = await self._wire.until(b"\r\n.\r\n", MAX_MESSAGE, start=b"\r\n")
        self._transaction = None
        await self._stage("final", " ".join(transaction.recipients), lambda: self._final(transaction, stuffed))

    async def _final(self, transaction: _Transaction, stuffed: bytes | None) -> None:
        if stuffed is None:
            raise Refused(552, "5.3.4 the message is too big")
        raw = (stuffed + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]
        fault = line_fault(raw)
        if fault is not None:
            raise Refused(550, f"5.6.0 {fault}")
        if self._account is None:
            raise ConnectionLost
        self._take(Relayed(transaction.sender, tuple(transaction.recipients), raw, self._account.username))
        self._reply(250, "2.0.0 message taken")

    async def _rset(self, argument: str) -> None:
        self._transaction = None
        self._reply(250, "2.0.0 forgotten")

    async def _noop(self, argument: str) -> None:
        self._reply(250, "2.0.0 nothing done")

    async def _quit(self, argument: str) -> None:
        self._ended = True
        self._reply(221, "2.0.0 until next time")


def _plain(response: str) -> tuple[str, str]:
    pieces = response.split("\0")
    if len(pieces) != 3 or pieces[0] not in {"", pieces[1]}:
        raise Refused(501, "5.5.2 PLAIN has three parts, and nobody acts as another here")
    return pieces[1], pieces[2]


def _path(argument: str, word: str) -> tuple[str, list[str]]:
    if argument[: len(word)].upper() != word:
        raise Refused(501, f"5.5.4 {word} was expected")
    found = _PATH.fullmatch(argument[len(word) :].lstrip(" "))
    if not found:
        raise Refused(501, "5.1.7 that is no address in angle brackets")
    if not found["address"]:
        return "", found["parameters"].split()
    try:
        return str(parse_address(found["address"])), found["parameters"].split()
    except AddressFault:
        raise Refused(501, "5.1.3 that is no address") from None
