"""One accepted connection: reading within limits, writing with back-pressure, STARTTLS that trusts no plaintext."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

HIGH_WATER = 256 * 1024  # octets buffered before the peer has to wait; above every line limit
DRAIN_TIMEOUT = 300.0  # seconds for a peer to take what fits in its window: five minutes, as SMTP gives a block of DATA
HANDSHAKE_TIMEOUT = 60.0  # seconds; a person's slowest link needs two or three


class ConnectionLost(Exception):
    """The peer is gone, or we hung up: nothing more can be read or written."""


class LineTooLong(Exception):
    """No line end within the limit; what follows cannot be told from commands, so the connection has to end."""


class Wire(asyncio.Protocol):
    """``begin`` is called once with the open wire. Reading is for one task at a time."""

    def __init__(self, begin: Callable[[Wire], None], *, tls: bool = False) -> None:
        self._begin = begin
        self._buffer = bytearray()
        self._searched = 0  # how much of the buffer is known to hold no line end
        self._eof = False
        self._reading_paused = False
        self._arrived: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self.lost = False
        self.tls = tls
        self.peer = ""

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if isinstance(name, tuple) else ""
        self._begin(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > HIGH_WATER and not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()
        _wake(self._arrived)

    def eof_received(self) -> bool:
        self._eof = True
        _wake(self._arrived)
        return not self.tls  # a half-closed plain peer still reads our answer; TLS has no half-close

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = self._eof = True
        _wake(self._arrived)
        _wake(self._writable)

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        _wake(self._writable)
        self._writable = None

    # What a session calls

    async def line(self, limit: int) -> bytes:
        """The next line with its LF; at most ``limit`` octets, else LineTooLong."""
        while (end := self._buffer.find(b"\n", self._searched)) < 0:
            self._searched = len(self._buffer)
            if self._searched >= limit:
                raise LineTooLong
            await self._more()
        if end >= limit:
            raise LineTooLong
        return self._consume(end + 1)

    async def take(self, count: int) -> bytes:
        """Exactly ``count`` octets."""
        taken = bytearray()
        while len(taken) < count:
            if not self._buffer:
                await self._more()
            taken += self._consume(min(count - len(taken), len(self._buffer)))
        return bytes(taken)

    async def until(self, mark: bytes, limit: int, *, start: bytes = b"") -> bytes | None:
        """All before ``mark``, which is consumed; None where that is more than ``limit`` octets, which are dropped.

        ``start`` counts as read already, so that a mark may begin before what comes.
        """
        taken = bytearray(start)
        too_much = False
        while True:
            if not self._buffer:
                await self._more()
            tail = bytes(taken[-(len(mark) - 1) :])  # the mark may have come in two pieces
            found = (tail + self._buffer).find(mark)
            if found >= 0:
                taken += self._consume(found + len(mark) - len(tail))
                break
            taken += self._consume(len(self._buffer))
            if len(taken) > limit + len(mark):
                too_much = True
                del taken[: -(len(mark) - 1)]
        return None if too_much or len(taken) - len(mark) > limit else bytes(taken[: -len(mark)])

    def write(self, data: bytes) -> None:
        if self._transport is None or self.lost or self._transport.is_closing():
            raise ConnectionLost
        self._transport.write(data)

    async def drain(self) -> None:
        """Waits until the peer has taken most of what was written; hangs up on one that takes nothing."""
        if self.lost:
            raise ConnectionLost
        if self._writable is None:
            return
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT):
                await self._writable
        except TimeoutError:
            self.abort()
            raise ConnectionLost from None

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Hangs up where plaintext came in behind the command (RFC 3207 section 6, CVE-2011-0411)."""
        if self._transport is None or self._buffer:
            self.abort()
            raise ConnectionLost
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport, self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_TIMEOUT
            )
        except OSError as error:  # a handshake that failed, or took too long
            raise ConnectionLost from error
        self._transport = cast("asyncio.Transport", transport)
        self.tls = True

    def close(self) -> None:
        """Ends the connection after what was written has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Ends the connection now."""
        if self._transport is not None:
            self._transport.abort()

    async def _more(self) -> None:
        if self._eof:
            raise ConnectionLost
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
        self._arrived = asyncio.get_running_loop().create_future()
        await self._arrived

    def _consume(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._searched = 0
        return data


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
