"""One IMAP connection: its state, what it may do in it, and how each command is answered (RFC 9051 section 3)."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

import structlog

from gateway.domain.errors import PosternError
from gateway.proxy.imap.answers import Answered, Bad, No, refusal
from gateway.proxy.imap.mailstore import Account, Mailstore, Row
from gateway.proxy.imap.parse import Arguments, Command, TooBig, Unreadable, read_command
from gateway.proxy.imap.view import FolderReplaced, View
from gateway.proxy.wire import ConnectionLost, LineTooLong, Wire

MAX_MESSAGE = 50 * 1024 * 1024  # octets that APPEND takes: what submission takes, and Gmail's attachments twice over
SIGN_IN_PATIENCE = 60.0  # seconds without a command before sign-in
PATIENCE = 30 * 60.0  # seconds without a command; RFC 9051 section 5.4 wants 30 minutes
MAX_BAD = 20  # commands in a row that are none: this is no mail program

HOLDS_NUMBERS = frozenset({"FETCH", "STORE", "SEARCH"})  # no EXPUNGE while one runs, RFC 9051 section 7.5.1

log = structlog.get_logger()


class State(IntEnum):
    """How far a connection has come; a command is allowed from its state on."""

    GREETED = 0
    SIGNED_IN = 1
    SELECTED = 2


@dataclass(frozen=True, slots=True)
class Options:
    """``require_tls``: no password in clear, except from loopback where ``trust_loopback`` says so."""

    tls: ssl.SSLContext | None = None
    require_tls: bool = True
    trust_loopback: bool = True
    max_message: int = MAX_MESSAGE
    without: frozenset[str] = frozenset()  # capabilities that are neither offered nor obeyed


Handler = Callable[["Session", Command], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Verb:
    """A command's function, which returns the text of its tagged OK, and where it is allowed."""

    run: Handler
    since: State = State.GREETED
    until: State = State.SELECTED
    needs: str = ""  # the capability it belongs to
    uid: bool = False  # may come behind UID


class Session:
    """``run()`` serves the wire until either side has had enough."""

    def __init__(self, wire: Wire, store: Mailstore, options: Options, verbs: Mapping[str, Verb]) -> None:
        self.wire = wire
        self.store = store
        self.options = options
        self.account: Account | None = None
        self.view: View | None = None
        self.ended = False
        self.sign_ins_refused = 0
        self._verbs = verbs
        self._bad = 0

    @property
    def attributes(self) -> frozenset[str]:
        """What FETCH tells of each message beside what every server does; see `mailstore.Row`."""
        return frozenset()

    def selected(self, arguments: Arguments) -> Callable[[tuple[int, Row]], bool]:
        """Which of the messages that a FETCH names it means; reads its modifiers (RFC 4466), and knows none."""
        return lambda _: True

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """``wake`` is called after each change that IDLE tells of, until the function returned is called."""
        return self.view.folder.watch(wake) if self.view is not None else lambda: None

    @property
    def state(self) -> State:
        if self.account is None:
            return State.GREETED
        return State.SIGNED_IN if self.view is None else State.SELECTED

    @property
    def may_sign_in(self) -> bool:
        """Whether a password may be asked for on this connection."""
        if self.wire.tls or not self.options.require_tls:
            return True
        return self.options.trust_loopback and _is_loopback(self.wire.peer)

    def offers(self, capability: str) -> bool:
        return capability not in self.options.without

    async def run(self) -> None:
        await self.greet()
        while not self.ended:
            try:
                await self.perform(await self._next())
            except TimeoutError:
                self.bye("you have been silent for too long")
            except LineTooLong:
                self.write(b"* BAD the line is too long\r\n")
                self.bye("I can't tell where the next command starts")
            except TooBig as error:
                self._too_big(error)
            except Unreadable as error:
                self._bad_command(error.tag, str(error))
            await self.wire.drain()

    async def greet(self) -> None:
        self.tell(f"OK [CAPABILITY {self.capabilities()}] ready")

    async def perform(self, command: Command) -> None:
        """Answers one command."""
        try:
            text = await self._permitted(command).run(self, command)
            await self.update(expunges=command.uid or command.name not in HOLDS_NUMBERS)
            self.answer(command.tag, "OK", text)
            self._bad = 0
        except Answered:
            self._bad = 0
        except Bad as bad:
            self._bad_command(command.tag, str(bad))
        except No as no:
            self.answer(command.tag, "NO", no.text)
        except PosternError as error:
            log.info("imap command refused", command=command.name, reason=error.sentence, detail=error.detail)
            self.answer(command.tag, "NO", refusal(error).text)
        except FolderReplaced:
            self.bye("the folder was replaced by another one")
        except (ConnectionLost, LineTooLong):
            raise
        except Exception:
            log.exception("imap command failed", command=command.name)
            self.answer(command.tag, "NO", "[SERVERBUG] something went wrong here; it is in our log")

    def _permitted(self, command: Command) -> Verb:
        verb = self._verbs.get(command.name)
        if verb is None or (command.uid and not verb.uid) or (verb.needs and not self.offers(verb.needs)):
            raise Bad("there is no such command")
        if self.state < verb.since:
            raise Bad("sign in first" if self.account is None else "select a folder first")
        if self.state > verb.until:
            raise Bad("you have signed in already")
        return verb

    @property
    def patience(self) -> float:
        """Seconds that the client may be silent."""
        return SIGN_IN_PATIENCE if self.account is None else PATIENCE

    async def _next(self) -> Command:
        limit = 0 if self.account is None else self.options.max_message
        async with asyncio.timeout(self.patience):
            return await read_command(self.wire, append_limit=limit)

    async def line(self, limit: int) -> bytes:
        """A line that belongs to a command under way; hangs up where it does not come."""
        try:
            async with asyncio.timeout(self.patience):
                return await self.wire.line(limit)
        except TimeoutError:
            self.bye("you have been silent for too long")
            raise ConnectionLost from None

    def _too_big(self, error: TooBig) -> None:
        self.answer(error.tag, "NO" if error.tag != "*" else "BAD", "[TOOBIG] that is more than I take")
        if error.eager:
            self.bye("what you are sending now would be taken for commands")

    def _bad_command(self, tag: str, text: str) -> None:
        self.answer(tag, "BAD", text)
        self._bad += 1
        if self._bad >= MAX_BAD:
            self.bye("you don't speak IMAP")

    # Answers

    def write(self, data: bytes) -> None:
        """Everything that the client gets passes here."""
        self.wire.write(data)

    def tell(self, text: str | bytes) -> None:
        """An untagged answer."""
        self.write(b"* " + (text.encode("ascii") if isinstance(text, str) else text) + b"\r\n")

    def answer(self, tag: str, condition: str, text: str) -> None:
        self.write(f"{tag} {condition} {text}\r\n".encode("ascii", "replace"))

    def bye(self, text: str) -> None:
        self.tell(f"BYE {text}")
        self.ended = True

    async def update(self, *, expunges: bool) -> None:
        """Tells what changed in the selected folder."""
        if self.view is not None and not self.ended:
            for told in await self.view.updates(expunges=expunges):
                self.tell(told)

    @property
    def extensions(self) -> tuple[str, ...]:
        """What is offered after sign-in beside what every session offers."""
        return ()

    def capabilities(self) -> str:
        """What is true of this connection now (RFC 9051 section 6.1.1)."""
        offered = ["IMAP4rev1", "LITERAL+", "ID", "ENABLE", "SASL-IR"]
        if self.account is None:
            if self.options.tls is not None and not self.wire.tls:
                offered.append("STARTTLS")
            offered.append("AUTH=PLAIN" if self.may_sign_in else "LOGINDISABLED")
        else:
            offered += ["IDLE", "NAMESPACE", "SPECIAL-USE", "LIST-EXTENDED", "LIST-STATUS", "CHILDREN"]
            offered += ["UIDPLUS", "MOVE", "UNSELECT", f"APPENDLIMIT={self.options.max_message}", *self.extensions]
        return " ".join(name for name in offered if self.offers(name))


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
