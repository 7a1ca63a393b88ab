"""One IMAP connection: opened, protected, and commands run on it one by one, each within its own time."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.domain.errors import CommandRefused, ProtocolFault, Unreachable
from gateway.domain.firm import Endpoint, Security
from gateway.upstream.imap.command import Command, unasked
from gateway.upstream.imap.frame import fault
from gateway.upstream.imap.parse import Status, Tagged, Untagged
from gateway.upstream.imap.pour import Pour, Pouring, Sink
from gateway.upstream.imap.receive import Receiver, ignore
from gateway.upstream.tls import client_context

MAX_ANSWER = 2 * 1024 * 1024  # octets of answer to a command that fetches nothing
SLOWEST = 32 * 1024  # octets a second: what a transfer may take is its size at this rate, beside the time limit
CHUNK = 64 * 1024  # octets handed to the transport at once, so that a large message is not copied whole
LOGOUT_LIMIT = 3.0  # seconds: a farewell is a courtesy
KEEPALIVE = {"TCP_KEEPIDLE": 120, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 4}  # a peer that vanished is noticed in 4 minutes


class Connection:
    """Not shared: who uses it holds a lock around what belongs together. An abandoned command ends the connection."""

    def __init__(self, endpoint: Endpoint, timeout: float, unsolicited: Callable[[Untagged], None]) -> None:
        self.endpoint = endpoint
        self.utf8 = False  # text goes as UTF-8, and no charset may be named (RFC 9755 section 3)
        self._timeout = timeout
        self._receiver = Receiver(asyncio.get_running_loop(), unsolicited)

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server says it can do, in upper case."""
        return self._receiver.capabilities

    @property
    def state(self) -> str:
        """Where the session stands, in the words of aioimaplib: NONAUTH, AUTH, SELECTED, LOGOUT."""
        return self._receiver.state

    @state.setter
    def state(self, state: str) -> None:
        self._receiver.state = state

    async def open(self, trust: Path | None) -> None:
        """Connect, take the greeting, protect. Unreachable or ProtocolFault; nothing secret has been sent by then."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._connect(trust)
                await self._protect(trust)
        except BaseException as error:
            self.abort()
            if isinstance(error, ssl.SSLError):
                raise self._unprotected(error) from error
            if isinstance(error, OSError):
                raise self._unreachable(error) from error
            raise
        if not self.capabilities:
            await self.run(Command("CAPABILITY"))

    async def run(
        self,
        command: Command,
        collect: Callable[[Untagged], None] = ignore,
        *,
        answer: int = MAX_ANSWER,
        pouring: Pouring | None = None,
    ) -> Status:
        """Give a command and wait for its end; at most ``answer`` octets are taken. CommandRefused on NO and BAD.

        ``pouring``: where its large literals go.
        """
        status = await self.attempt(command, collect, answer=answer, pouring=pouring)
        if status.kind == "OK":
            return status
        raise CommandRefused(
            f"The mail server at {self.endpoint.host} refused {command.verb}: {status.text}",
            detail=f"{command.verb}: {status.kind} [{status.code}] {status.text}",
        )

    def pour(self, sink: Sink) -> Pour:
        """For a literal that is about to come, see `pouring` above."""
        return Pour(sink, self._receiver)

    async def attempt(
        self,
        command: Command,
        collect: Callable[[Untagged], None] = ignore,
        *,
        answer: int = MAX_ANSWER,
        pouring: Pouring | None = None,
    ) -> Status:
        """As `run`, and NO and BAD are returned, not raised."""
        patience = self._timeout + (command.size + (answer if answer > MAX_ANSWER else 0)) / SLOWEST
        silence = patience if command.size else self._timeout  # the kernel may hold much that has not left yet
        with self._exchange(command.verb, collect, answer, pouring) as tag:
            for piece in command.pieces(tag, unasked=unasked(self.capabilities)):
                await self._write(piece.octets, silence, patience)
                if piece.wait and not await self._invited(silence, patience):
                    break
            return await self._end(command, silence, patience)

    async def idle(self, changed: Callable[[], bool], limit: float) -> None:
        """IDLE (RFC 2177) until ``changed`` or ``limit`` seconds have passed; Unreachable where nobody answers DONE."""
        command = Command("IDLE")
        with self._exchange(command.verb, ignore, MAX_ANSWER) as tag:
            await self._write(b"%s IDLE\r\n" % tag.encode("ascii"), self._timeout, self._timeout)
            if await self._invited(self._timeout, self._timeout):
                receiver = self._receiver
                await receiver.until(lambda: changed() or receiver.tagged is not None, silence=limit, limit=limit)
                await self._write(b"DONE\r\n", self._timeout, self._timeout)
            status = await self._end(command, self._timeout, self._timeout)
        if status.kind != "OK":
            raise CommandRefused(f"The mail server at {self.endpoint.host} refused IDLE: {status.text}")

    def nudge(self) -> None:
        """Have whoever waits look again at what they wait for."""
        self._receiver.nudge()

    async def listen(self, changed: Callable[[], bool], limit: float) -> None:
        """Wait without a command until ``changed`` or for ``limit`` seconds; Unreachable when the line drops."""
        await self._receiver.until(changed, silence=limit, limit=limit)

    async def close(self) -> None:
        """Say goodbye where that is still possible, and be gone; never raises for a server's sake."""
        if self._receiver.error is None:
            with suppress(Unreachable, ProtocolFault, TimeoutError):
                async with asyncio.timeout(LOGOUT_LIMIT):
                    await self.attempt(Command("LOGOUT"))
        self.abort()
        receiver = self._receiver
        with suppress(Unreachable, ProtocolFault):
            await receiver.until(lambda: receiver.closed, silence=LOGOUT_LIMIT, limit=LOGOUT_LIMIT)

    def abort(self) -> None:
        """Hang up at once; whoever waits gets Unreachable."""
        self._receiver.fail(Unreachable("The connection to the mail server was given up."))

    @contextmanager
    def _exchange(
        self, verb: str, collect: Callable[[Untagged], None], answer: int, pouring: Pouring | None = None
    ) -> Iterator[str]:
        tag = self._receiver.begin(verb, collect, answer, pouring)
        try:
            yield tag
        except BaseException:
            self.abort()  # its late answer would be taken for the next command's
            raise
        finally:
            self._receiver.end()

    async def _connect(self, trust: Path | None) -> None:
        receiver = self._receiver
        implicit = client_context(trust) if self.endpoint.security is Security.TLS else None
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: receiver, self.endpoint.host, self.endpoint.port, ssl=implicit
        )
        _keep_alive(transport)
        await self._wait(lambda: receiver.greeting is not None, self._timeout, self._timeout)
        if receiver.error is not None:
            raise receiver.error

    async def _protect(self, trust: Path | None) -> None:
        if self.endpoint.security is not Security.STARTTLS:
            return
        greeting = self._receiver.greeting
        if greeting is None or greeting.kind != "OK":
            raise self._unsafe("it claims that we are signed in before the connection is protected")
        if not self.capabilities:
            await self.run(Command("CAPABILITY"))
        if "STARTTLS" not in self.capabilities:
            raise self._unsafe("it does not offer STARTTLS")
        await self.run(Command("STARTTLS"))
        if self._receiver.error is not None:  # more came behind the OK
            raise self._receiver.error
        transport = await asyncio.get_running_loop().start_tls(
            self._receiver.transport,
            self._receiver,
            client_context(trust),
            server_hostname=self.endpoint.host,
            ssl_handshake_timeout=self._timeout,
        )
        if transport is None:
            raise ConnectionResetError("lost during the TLS handshake")
        self._receiver.go_on_under_tls(transport)
        await self.run(Command("CAPABILITY"))

    async def _write(self, octets: bytes, silence: float, limit: float) -> None:
        if len(octets) <= CHUNK:
            self._receiver.transport.write(octets)
            if not self._receiver.writable:
                await self._wait(lambda: self._receiver.writable, silence, limit)
            return
        view = memoryview(octets)
        for start in range(0, len(view), CHUNK):
            self._receiver.transport.write(view[start : start + CHUNK])
            if not self._receiver.writable:
                await self._wait(lambda: self._receiver.writable, silence, limit)

    async def _invited(self, silence: float, limit: float) -> bool:
        """True when the server wants what comes next, False when it has ended the command instead."""
        receiver = self._receiver
        await self._wait(lambda: receiver.invitations > 0 or receiver.tagged is not None, silence, limit)
        if receiver.tagged is not None:
            return False
        receiver.invitations -= 1
        return True

    async def _end(self, command: Command, silence: float, limit: float) -> Status:
        receiver = self._receiver
        while True:
            await self._wait(lambda: receiver.tagged is not None or receiver.invitations > 0, silence, limit)
            if receiver.tagged is not None:
                tagged: Tagged = receiver.tagged
                return tagged.status
            receiver.invitations -= 1
            if command.verb == "AUTHENTICATE":
                await self._write(b"*\r\n", silence, limit)  # it explains a refusal and waits for our line
            elif command.verb != "IDLE":  # where "+ still here" is a habit of some
                raise fault(f"an invitation where nothing follows, in {command.verb}")

    async def _wait(self, done: Callable[[], bool], silence: float, limit: float) -> None:
        if not await self._receiver.until(done, silence=silence, limit=limit):
            raise Unreachable(
                f"The mail server at {self._place} did not answer in time.", detail=f"{silence:.0f} s, {limit:.0f} s"
            )

    @property
    def _place(self) -> str:
        return f"{self.endpoint.host}:{self.endpoint.port}"

    def _unreachable(self, error: OSError) -> Unreachable:
        sentence = f"No connection to the mail server at {self._place}. Check host, port and security of its settings."
        return Unreachable(sentence, detail=repr(error))

    def _unprotected(self, error: ssl.SSLError) -> Unreachable:
        reason = getattr(error, "verify_message", "") or error.reason or "the handshake failed"
        return Unreachable(
            f"The connection to the mail server at {self._place} can't be protected: {reason}. "
            "Check that the host name is the one in its certificate, and port and security of its settings.",
            detail=repr(error),
        )

    def _unsafe(self, reason: str) -> ProtocolFault:
        return ProtocolFault(
            f"The mail server at {self._place} was refused: {reason}. Nothing was sent to it. "
            "Check port and security of its settings.",
            detail=reason,
        )


def _keep_alive(transport: asyncio.BaseTransport) -> None:
    connected = transport.get_extra_info("socket")
    if connected is None:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        if hasattr(socket, option):  # Linux has them all, others some
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
