"""A line-by-line IMAP client that says exactly what a test wants said."""

from __future__ import annotations

import asyncio
import itertools
import re
import ssl
from types import TracebackType
from typing import Self

WITHIN = 20.0  # seconds for any answer
_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")


class Talk:
    """An async context manager; answers are lines without their CRLF, literals included where they stand."""

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._tls = tls
        self._tags = (f"a{number}" for number in itertools.count(1))

    async def __aenter__(self) -> Self:
        name = "localhost" if self._tls else None
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._tls, server_hostname=name, limit=2**22
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> bytes:
        """One answer; empty where the server hung up."""
        whole = b""
        async with asyncio.timeout(WITHIN):
            while True:
                line = await self.reader.readline()
                whole += line
                found = _LITERAL.search(line)
                if not found:
                    return whole.removesuffix(b"\r\n")
                whole += await self.reader.readexactly(int(found[1]))

    async def rest(self) -> bytes:
        """All that comes until the server hangs up."""
        async with asyncio.timeout(WITHIN):
            return await self.reader.read()

    async def do(self, command: str | bytes) -> list[bytes]:
        """All answers to a command, the tagged one last and without its tag."""
        tag = next(self._tags).encode()
        await self.send(tag + b" " + (command.encode() if isinstance(command, str) else command) + b"\r\n")
        return await self.until(tag)

    async def until(self, tag: bytes) -> list[bytes]:
        """All answers up to the one with that tag."""
        answers: list[bytes] = []
        while True:
            answer = await self.answer()
            if not answer:
                return answers
            if answer.startswith(tag + b" "):
                return [*answers, answer.removeprefix(tag + b" ")]
            answers.append(answer)

    async def sign_in(self, address: str = "al@pacino.example", password: str = "secret") -> Self:
        """Past the greeting and signed in."""
        assert (await self.answer()).startswith(b"* OK ")
        assert (await self.do(f'LOGIN "{address}" "{password}"'))[-1].startswith(b"OK ")
        return self
