"""An SMTP client that says exactly what a test wants said, and hears exactly what came."""

from __future__ import annotations

import asyncio
import base64
from types import TracebackType
from typing import Self

WITHIN = 20.0  # seconds for any reply


class Dialogue:
    """An async context manager over one connection."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)

    async def reply(self) -> str:
        """One reply with all its lines; empty where the server hung up."""
        whole = ""
        async with asyncio.timeout(WITHIN):
            while line := (await self.reader.readline()).decode():
                whole += line
                if line[3:4] != "-":
                    break
        return whole

    async def say(self, *lines: str | bytes) -> str:
        """Say all lines in one write; return the first reply."""
        for line in lines:
            self.writer.write((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return await self.reply()

    async def rest(self) -> bytes:
        """All that comes until the server hangs up."""
        async with asyncio.timeout(WITHIN):
            return await self.reader.read()

    async def sign_in(self, address: str = "al@pacino.example", password: str = "secret") -> Self:
        """Past the greeting and signed in."""
        assert (await self.reply()).startswith("220 ")
        assert (await self.say("EHLO test.example")).startswith("250-")
        response = base64.b64encode(f"\0{address}\0{password}".encode()).decode()
        assert (await self.say(f"AUTH PLAIN {response}")).startswith("235 ")
        return self
