"""A small HTTP server that keeps what it was sent and answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass
class Listener:
    """``answers`` are given in turn, the last for good; an empty one hangs up."""

    port: int = 0
    answers: list[bytes] = field(default_factory=lambda: [b"HTTP/1.1 204 No Content\r\n\r\n"])
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    _serving: set[asyncio.Task[object] | None] = field(default_factory=set)

    def answer(self, *statuses: int) -> None:
        self.answers = [f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/\r\n\r\n".encode() for status in statuses]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.current_task())
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return  # hung up in the middle: what came by then is not a request
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def end(self) -> None:
        """Until every connection is closed."""
        if self._serving:
            await asyncio.wait([task for task in self._serving if task is not None])

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        exact = dict(line.split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(fields["content-length"]))
        self.lines.append(head[0])
        self.requests.append(({name.lower(): value for name, value in exact.items()}, body))
        writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        await writer.drain()


@contextlib.asynccontextmanager
async def listening(context: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Listener]:
    """On that port, or a free one."""
    listener = Listener()
    server = await asyncio.start_server(listener._serve, "127.0.0.1", port, ssl=context)
    listener.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listener
    await listener.end()
