"""A mail program of a few lines on asyncio, so that hundreds of them cost this side little."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator

from scripts.faults.letters import Letter

PATIENCE = 30.0  # seconds for a reply
FINAL = 180.0  # for the one to the message itself; RFC 5321 section 4.5.3.2.6 gives ten minutes


LARGE = 1_000_000  # octets that may take as long to send as to answer


class Refused(Exception):
    """The server said no; ``code`` is its reply's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code


class Gone(Exception):
    """The connection broke, or nothing came in time: nobody knows what became of the message."""


class Client:
    """One signed-in connection; `connected` gives it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def reply(self, patience: float = PATIENCE) -> tuple[int, str]:
        """Return the next reply's code and its last line's text."""
        try:
            async with asyncio.timeout(patience):
                line = await self._reader.readline()
                while line[3:4] == b"-":
                    line = await self._reader.readline()
        except (OSError, TimeoutError, ValueError) as error:
            raise Gone from error
        if not line.endswith(b"\n"):
            raise Gone
        return int(line[:3]), line[4:].decode("utf-8", "replace").strip()

    async def expect(self, *codes: int, patience: float = PATIENCE) -> str:
        code, text = await self.reply(patience)
        if code not in codes:
            raise Refused(code, text)
        return text

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            async with asyncio.timeout(PATIENCE if len(data) < LARGE else FINAL):
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise Gone from error

    async def sign_in(self, login: str, password: str) -> None:
        token = base64.b64encode(f"\0{login}\0{password}".encode())
        await self.write(b"EHLO fault.example\r\n")
        await self.expect(250)
        await self.write(b"AUTH PLAIN " + token + b"\r\n")
        await self.expect(235)

    async def send(self, sender: str, recipient: str, letter: Letter) -> None:
        """Return after 250. Raises Refused, or Gone. No line of our letters begins with a dot."""
        await self.write(f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode())
        codes = [await self.reply() for _ in range(3)]
        wrong = next((reply for reply in codes if reply[0] not in {250, 354}), None)
        if wrong is not None:
            if codes[-1][0] == 354:
                await self.write(b".\r\n")
                await self.reply()
            await self.reset()
            raise Refused(*wrong)
        await self.write(letter.raw + b".\r\n")
        await self.expect(250, patience=FINAL)

    async def reset(self) -> None:
        await self.write(b"RSET\r\n")
        await self.reply()

    async def noop(self) -> None:
        await self.write(b"NOOP\r\n")
        await self.expect(250)

    async def close(self) -> None:
        """At once: a daemon that reads nothing more would be waited for until it takes the rest of a letter."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


@contextlib.asynccontextmanager
async def connected(port: int, login: str, password: str, *, local: str = "127.0.0.1") -> AsyncIterator[Client]:
    """A signed-in client that calls from the loopback address ``local``. Raises Refused, or Gone."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(local, 0))
    except OSError as error:
        raise Gone from error
    client = Client(reader, writer)
    try:
        await client.expect(220)
        await client.sign_in(login, password)
        yield client
    finally:
        await client.close()
