"""An IMAP server that says exactly what a test tells it to, and remembers every octet that it was sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from gateway.domain.firm import Endpoint, Secret, Security
from gateway.upstream.imap import ImapSession, open_session

CAPABILITY = "IMAP4rev1 SASL-IR AUTH=PLAIN IDLE UIDPLUS LITERAL+"
PASSWORD = "hush-Hush"


class Talk:
    """One connection, from the server's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: bytearray) -> None:
        self.reader = reader
        self.writer = writer
        self.tag = ""
        self._heard = heard

    async def say(self, *lines: str | bytes) -> None:
        """Send lines, each with CRLF."""
        self.raw(*(line if isinstance(line, bytes) else line.encode() for line in lines), end=b"\r\n")
        await self.writer.drain()

    def raw(self, *octets: bytes, end: bytes = b"") -> None:
        self.writer.write(b"".join(each + end for each in octets))

    async def line(self) -> bytes:
        line = await self.reader.readline()
        self._heard += line
        if not line:
            raise ConnectionResetError
        return line.rstrip(b"\r\n")

    async def octets(self, count: int) -> bytes:
        octets = await self.reader.readexactly(count)
        self._heard += octets
        return octets

    async def hear(self, verb: str) -> str:
        """Take a command, check that it is the one expected, and return its arguments."""
        tag, _, rest = (await self.line()).decode("utf-8").partition(" ")
        assert rest.startswith(verb), f"expected {verb}, got {rest}"
        self.tag = tag
        return rest[len(verb) :].lstrip()

    async def ok(self, text: str = "done") -> None:
        await self.say(f"{self.tag} OK {text}")

    async def greet(self, capability: str = CAPABILITY) -> None:
        await self.say(f"* OK [CAPABILITY {capability}] hello")

    async def welcome(self, capability: str = CAPABILITY) -> None:
        """Greet and let anybody in."""
        await self.greet(capability)
        await self.hear("AUTHENTICATE PLAIN")
        await self.ok(f"[CAPABILITY {capability}] in")

    async def show(self, exists: int = 3, uidnext: int = 4) -> None:
        """Answer an EXAMINE."""
        await self.hear("EXAMINE")
        await self.say(f"* {exists} EXISTS", "* OK [UIDVALIDITY 7] x", f"* OK [UIDNEXT {uidnext}] x")
        await self.ok("[READ-ONLY] looked")

    async def listen(self) -> None:
        """Say nothing more, and hear until the client hangs up or logs out."""
        while octets := await self.reader.read(65536):
            self._heard += octets
            if octets.endswith(b" LOGOUT\r\n"):
                return


class Scripted:
    """``async with Scripted(script) as server``: a failed expectation of the script fails the test at the end."""

    host = "127.0.0.1"

    def __init__(self, script: Callable[[Talk], Awaitable[None]], tls: ssl.SSLContext | None = None) -> None:
        self.heard = bytearray()
        self.connections = 0
        self.port = 0
        self._script = script
        self._tls = tls
        self._tasks: list[asyncio.Task[None]] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.host, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        failed = [result for result in results if isinstance(result, AssertionError)]
        if failed and error is None:
            raise failed[0]

    def endpoint(self, security: Security = Security.NONE) -> Endpoint:
        return Endpoint(self.host, self.port, security)

    async def session(self, *, timeout: float = 5) -> ImapSession:  # noqa: ASYNC109  # the session's own
        return await open_session(self.endpoint(), "ana@firm.example", Secret(PASSWORD), timeout=timeout)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.append(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._script(Talk(reader, writer, self.heard))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client hung up: what it did is what the test looks at
        finally:
            writer.transport.abort()
