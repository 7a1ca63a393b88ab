"""One SMTP connection as a conversation: what we say leaves at once, replies are awaited one by one, nobody is trusted.

Own, because a pipelined transaction needs one write and one wake-up where a library has one for each command.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import cast

from gateway.upstream.smtp.outcomes import Lost, Trouble, unanswered
from gateway.upstream.smtp.replies import NotSmtp, Replies, Reply

BUFFER = 256 * 1024  # octets that wait for the network before the writer has to


class Conversation(asyncio.Protocol):
    """One task speaks at a time, or an ``ear``, which is called when there may be a reply, the end, or room for more.

    After `Trouble` from here the connection is closed.
    """

    def __init__(self) -> None:
        self._replies = Replies()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._ended: Trouble | None = None
        self.is_full = False  # what is said now waits in memory for the network
        self.ear: Callable[[], None] | None = None

    # What the event loop tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by what it does, not by its class
        self._transport.set_write_buffer_limits(high=BUFFER)

    def data_received(self, data: bytes) -> None:
        try:
            self._replies.feed(data)
        except NotSmtp as nonsense:
            self._end(Trouble(unanswered("connect", f"the server's answer is not SMTP: {nonsense}")))
        if self._replies.ready or self._ended is not None:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        reason = f": {exc}" if exc is not None else ""
        self._end(Lost(unanswered("connect", f"the connection was lost{reason}")))
        self._wake()

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        self._wake()

    # What we do

    @property
    def ready(self) -> deque[Reply]:
        """Replies that nobody has taken, in order."""
        return self._replies.ready

    @property
    def ended(self) -> Trouble | None:
        """Why no other reply will come."""
        return self._ended

    @property
    def is_quiet(self) -> bool:
        """Whether the connection stands, and nothing was said that nobody asked for."""
        return self._ended is None and self._replies.is_between

    @property
    def was_lost(self) -> bool:
        """Whether the other side ended it, or the network did."""
        return isinstance(self._ended, Lost)

    def say(self, data: bytes) -> None:
        if self._ended is None and self._transport is not None:
            self._transport.write(data)

    async def reply(self, stage: str, limit: float) -> Reply:
        """The next reply, within ``limit`` seconds. Raises `Trouble` where none comes, `Lost` when it was cut off."""
        ready = self._replies.ready
        while not ready:  # room to write again wakes us, too
            await self._until(stage, limit)
            if not ready and self._ended is not None:
                raise self._ended.at(stage)
        return ready.popleft()

    async def ask(self, command: bytes, stage: str, limit: float) -> Reply:
        self.say(command)
        return await self.reply(stage, limit)

    async def start_tls(self, context: ssl.SSLContext, host: str, limit: float) -> None:
        """Raises OSError. The caller has made sure that the conversation is quiet: nothing said in clear may count."""
        assert self._transport is not None
        transport = await asyncio.get_running_loop().start_tls(
            self._transport, self, context, server_hostname=host, ssl_handshake_timeout=limit
        )
        if transport is None:
            raise ConnectionResetError("the connection was lost")
        self.connection_made(transport)

    def give_up(self, stage: str) -> None:
        """Ends it because a reply did not come in time."""
        self._end(Trouble(unanswered(stage, "the server did not answer in time")))

    def close(self) -> None:
        """Ends it at once, without waiting for the other side's end of TLS."""
        self._end(Trouble(unanswered("connect", "the connection was closed")))

    def hang_up(self) -> None:
        """QUIT, without waiting for the answer."""
        if self._ended is None and self._transport is not None:
            self._transport.write(b"QUIT\r\n")
            self._transport.close()
        self._ended = self._ended or Trouble(unanswered("connect", "the connection was closed"))

    def _end(self, why: Trouble) -> None:
        self._ended = self._ended or why
        if self._transport is not None:
            self._transport.abort()

    def _wake(self) -> None:
        if self.ear is not None:
            self.ear()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _until(self, stage: str, limit: float) -> None:
        """Waits for a whole reply, the end, or room for more."""
        if self._ended is not None:
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(limit, self._late, stage)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _late(self, stage: str) -> None:
        self.give_up(stage)
        self._wake()
