"""One connection as octets: lines and blocks within time limits, replies in batches, STARTTLS without plaintext.

A command that can be answered without waiting for anything is answered where its last octet comes in, in the call of
the event loop: waking the session's task for each of them took as long again as the command.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import cast

from gateway.submission.ends import ConnectionLost, Garbled, Interrupted, LineTooLong, Silence

HIGH_WATER = 256 * 1024  # octets read ahead before the peer has to wait: one read of asyncio's
_LINE_STARTS = frozenset(range(0x20, 0x7F)) | frozenset(b"\r\n")  # a TLS handshake on a plain port has 0x16
PEERS = 1_024  # addresses kept read: the same offices come back all day
BREATH = 64  # commands answered in one go: then other sessions get their turn
LINGER = 3.0  # seconds in which the peer may still read our last words; longer helps nobody
LINGER_OCTETS = 16_000_000  # of what the peer still sends meanwhile, so that our last words are not lost in a reset

Rest = Callable[[], Awaitable[None]]  # what is still to be done for a command, by the session's task
Obey = Callable[[bytes], Rest | None]  # takes a line without its CRLF; None: answered


class Wire(asyncio.Protocol):
    """``opened`` is called once. One task reads; what `say` collects leaves before it waits (RFC 2920 section 3.2)."""

    def __init__(self, opened: Callable[[Wire], None]) -> None:
        self._opened = opened
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._searched = 0  # octets of the buffer known to hold no LF
        self._out = bytearray()
        self._eof = False
        self._lingering: int | None = None  # octets that may still be thrown away
        self._paused = False
        self._interruptible = False
        self._stopping = False
        self._obey: Obey | None = None  # while the session waits for a command
        self._limit = 0  # octets of a command line
        self._patience = 0.0  # seconds for one
        self._rest: Rest | None = None
        self._deadline = 0.0  # of what is waited for, by the loop's clock
        self._timer: asyncio.TimerHandle | None = None
        self._timed = 0.0  # when the timer goes off
        self._arrived: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self.lost = False
        self.tls = False
        self.peer = ""  # IP address; empty where the peer has none

    @property
    def is_loopback(self) -> bool:
        """Whether the peer is on this machine; false where it can't be told."""
        return bool(self.peer) and _parsed(self.peer).is_loopback

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.peer = _peer_of(transport)
        self._opened(self)

    def data_received(self, data: bytes) -> None:
        if self._lingering is not None:
            self._lingering -= len(data)
            if self._lingering < 0:
                self.abort()
            return
        self._buffer += data
        if len(self._buffer) > HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        if self._obey is None:
            _wake(self._arrived)
            return
        try:
            if not self._answer(self._obey):
                return
        except (Garbled, LineTooLong, ConnectionLost) as error:
            _fail(self._arrived, error)
        else:
            _wake(self._arrived)
        self._obey = None  # what comes now waits until the session asks again

    def eof_received(self) -> bool:
        self._eof = True
        _wake(self._arrived)
        if self._lingering is not None and self._transport is not None:
            self._transport.close()
        return not self.tls  # a half-closed peer still reads our answer; TLS has no half-close

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = self._eof = True
        if self._timer is not None:
            self._timer.cancel()  # it would keep all of this in memory until it goes off
        for future in (self._arrived, self._writable, self._gone):
            _wake(future)

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        _wake(self._writable)
        self._writable = None

    # Called by the session

    async def commands(self, obey: Obey, limit: int, patience: float) -> Rest:
        """Show each line to ``obey`` as it comes, until one leaves something to be done: that.

        Raises LineTooLong beyond ``limit`` octets, Garbled, Silence when a whole line has not come ``patience`` seconds
        after the last one was answered, ConnectionLost, and Interrupted.
        """
        self._limit, self._patience = limit, patience
        self._deadline = asyncio.get_running_loop().time() + patience
        while True:
            if self._stopping:
                raise Interrupted
            if self._writable is not None:
                await _until(self._deadline, self._writable)
            if not self._answer(obey):
                await self._await_commands(obey)
            elif self._rest is None:
                self._write()
                await asyncio.sleep(0)
            rest, self._rest = self._rest, None
            if rest is not None:
                return rest

    async def line(self, limit: int, patience: float) -> bytes:
        """The next line without its CRLF.

        Raises LineTooLong beyond ``limit`` octets, Garbled, Silence when the whole line has not come after
        ``patience`` seconds, and ConnectionLost.
        """
        deadline = asyncio.get_running_loop().time() + patience
        while (line := self._line(limit)) is None:
            await self._more(deadline)
        return line

    async def block(self, patience: float) -> bytearray:
        """Whatever has come, at least one octet. Raises Silence and ConnectionLost."""
        if not self._buffer:
            deadline = asyncio.get_running_loop().time() + patience
            while not self._buffer:
                await self._more(deadline)
        block, self._buffer = self._buffer, bytearray()
        self._searched = 0
        return block

    def give_back(self, data: bytes) -> None:
        """Octets of a block that turned out to be the next commands."""
        self._buffer[:0] = data
        self._searched = 0

    def say(self, data: bytes) -> None:
        """Goes out with the next flush, or before the next wait."""
        self._out += data

    async def flush(self) -> None:
        """Waits while the peer does not read."""
        self._write()
        if self._writable is not None:
            await self._writable

    async def start_tls(self, context: ssl.SSLContext, patience: float) -> None:
        """Raises ConnectionLost where no handshake comes about.

        asyncio would hand plaintext that was buffered before the handshake to us after it: so the connection is
        dropped where there is any (RFC 3207 section 6, CVE-2011-0411).
        """
        self._write()  # the 220; from here until asyncio has the socket nothing is awaited, so nothing can come in
        if self._buffer or self._transport is None:
            self.abort()
            raise ConnectionLost("plaintext behind STARTTLS")
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport, self, context, server_side=True, ssl_handshake_timeout=patience
            )
        except OSError as error:  # ssl.SSLError is one, and so is the handshake that took too long
            raise ConnectionLost(type(error).__name__) from error
        if transport is None:
            raise ConnectionLost("hung up in the TLS handshake")
        self._transport = transport
        self.tls = True

    def interrupt(self) -> None:
        """Ends the wait for the next command, now or when it comes to that."""
        self._stopping = True
        if self._interruptible:
            _wake(self._arrived)

    async def hang_up(self, *, patiently: bool = True) -> None:
        """Ends the connection after what was said last; ``patiently`` where the peer may still be sending.

        A socket that is closed on unread octets resets the connection, and the peer may lose our last words.
        """
        if self.lost or self._transport is None:
            return
        self._buffer.clear()
        self._lingering = LINGER_OCTETS
        self._gone = asyncio.get_running_loop().create_future()
        timer = asyncio.get_running_loop().call_later(LINGER, self.abort)
        try:
            self._resume()
            await self.flush()
            if self._transport.is_closing():
                return
            if patiently and not self._eof and self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()
            await self._gone
        except ConnectionLost:
            return
        finally:
            timer.cancel()

    def refuse(self, words: bytes) -> None:
        """Says so and ends the connection, without a session."""
        self.say(words)
        self.close()

    def close(self) -> None:
        """Ends the connection once what was said has left; the peer gets no time to finish."""
        if self._transport is not None and not self.lost and self._lingering is None:
            self._transport.write(self._out)
            self._transport.close()

    def abort(self) -> None:
        """Ends the connection now."""
        if self._transport is not None:
            self._transport.abort()

    def _write(self) -> None:
        if self.lost or self._transport is None or self._transport.is_closing():
            raise ConnectionLost
        if self._out:
            self._transport.write(self._out)
            self._out = bytearray()

    def _answer(self, obey: Obey) -> bool:
        """Every line that is there; whether the session has to go on by itself. Raises Garbled and LineTooLong."""
        answered, goes_on = 0, False
        while not goes_on and (line := self._line(self._limit)) is not None:
            self._rest = obey(line)
            answered += 1
            goes_on = self._rest is not None or self._writable is not None or answered == BREATH
        if answered:
            self._deadline = asyncio.get_running_loop().time() + self._patience
            if not goes_on:
                self._write()
                self._resume()
        return goes_on

    def _line(self, limit: int) -> bytes | None:
        """The next line, taken out of the buffer, without its CRLF; None while its end has not come."""
        buffer = self._buffer
        if buffer and buffer[0] not in _LINE_STARTS:
            raise Garbled
        end = buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(buffer)
        if end >= limit or (end < 0 and self._searched >= limit):
            raise LineTooLong
        if end < 0:
            return None
        line = bytes(buffer[: end + 1])
        del buffer[: end + 1]
        self._searched = 0
        if not line.endswith(b"\r\n"):
            raise Garbled
        return line[:-2]

    def _resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    async def _await_commands(self, obey: Obey) -> None:
        """Answers what comes, in the event loop's call, until something else is to be done."""
        self._obey = obey
        try:
            await self._more(self._deadline, interruptible=True)
        finally:
            self._obey = None

    async def _more(self, deadline: float, *, interruptible: bool = False) -> None:
        """Waits until something came; Silence at the deadline, by the loop's clock."""
        if interruptible and self._stopping:
            raise Interrupted
        self._write()
        if self._writable is not None:
            await _until(deadline, self._writable)
        if self._eof:
            raise ConnectionLost
        self._resume()
        self._interruptible = interruptible
        self._arrived = asyncio.get_running_loop().create_future()
        self._watch(deadline)
        try:
            await self._arrived
        finally:
            self._interruptible = False
            self._arrived = None

    def _watch(self, deadline: float) -> None:
        """Have the timer go off by then. It stays when nothing is waited for any more: most waits end at once."""
        self._deadline = deadline
        if self._timer is not None:
            if self._timed <= deadline:
                return
            self._timer.cancel()
        self._timed = deadline
        self._timer = asyncio.get_running_loop().call_at(deadline, self._look)

    def _look(self) -> None:
        """Whether what is waited for is late; it may be another thing than when the timer was set."""
        self._timer = None
        if self._arrived is None:
            return
        if asyncio.get_running_loop().time() < self._deadline:
            self._watch(self._deadline)
        else:
            _fail(self._arrived, Silence())


_parsed = lru_cache(PEERS)(ip_address)


def _peer_of(transport: asyncio.BaseTransport) -> str:
    name = transport.get_extra_info("peername")
    if not isinstance(name, tuple):
        return ""
    address = _parsed(str(name[0]).partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


async def _until(deadline: float, future: asyncio.Future[None]) -> None:
    try:
        async with asyncio.timeout_at(deadline):
            await future
    except TimeoutError:
        raise Silence from None


def _fail(future: asyncio.Future[None] | None, error: Exception) -> None:
    if future is not None and not future.done():
        future.set_exception(error)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
