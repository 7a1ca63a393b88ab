"""The listeners of submission: sockets of our own or of systemd's, how many may connect, and a graceful stop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import structlog

from gateway.domain.status import Listener
from gateway.settings.gateway import Settings
from gateway.store.room import Room
from gateway.submission import replies
from gateway.submission.replies import Reply
from gateway.submission.session import Session
from gateway.submission.terms import Accept, Begin, SignIn, Terms, Timers
from gateway.submission.wire import Wire

MAX_PER_PEER = 200  # connections of one address: an office behind one router, each with three mail programs
MAX_CONNECTIONS = 12_000  # of all; 25 KB each without TLS
BACKLOG = 512  # connections that wait to be accepted: an office that comes back after a power cut
IMPLICIT_TLS_PORT = 465  # RFC 8314 section 7.3

log = structlog.get_logger()


class SubmissionServer:
    """``sign_in`` answers None for a wrong password; ``accept`` the queue id once the message is durable.

    All may raise PosternError, whose sentence is shown to the mail program; all else is `451` to it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        tls: ssl.SSLContext | None,
        sign_in: SignIn,
        accept: Accept,
        begin: Begin,
        now: Callable[[], datetime],
        timers: Timers | None = None,
        room: Room | None = None,
    ) -> None:
        submission = settings.submission
        self._settings = submission
        self._terms = Terms(
            hostname=submission.hostname,
            max_size=submission.max_message_size,
            require_tls=submission.require_tls,
            tls=tls,
            sign_in=sign_in,
            accept=accept,
            now=now,
            timers=timers or Timers(),
            begin=begin,
            room=room or Room(),
        )
        self._servers: list[asyncio.Server] = []
        self._sessions: dict[asyncio.Task[None], Wire] = {}
        self._peers: Counter[str] = Counter()
        self._stopping = False

    async def start(self, sockets: Sequence[socket.socket] = ()) -> tuple[Listener, ...]:
        """Listens on ``sockets`` where some were handed over, else where the settings say. Raises OSError.

        A socket that was handed over is of implicit TLS where its port is among ``listen_tls`` or is 465.
        """
        tls_ports = {listen.port for listen in self._settings.listen_tls} | {IMPLICIT_TLS_PORT}
        found: list[Listener] = []
        try:
            if sockets:
                for sock in sockets:
                    found += await self._serve(sock, tls=_port(sock) in tls_ports)
            else:
                for listen in self._settings.listen:
                    found += await self._bind(listen.host, listen.port, tls=False)
                for listen in self._settings.listen_tls:
                    found += await self._bind(listen.host, listen.port, tls=True)
        except BaseException:
            self._close()
            raise
        return tuple(found)

    async def stop(self, grace: float) -> None:
        """No new connections; who waits for a command gets 421, who sends a message ``grace`` seconds to finish it."""
        self._stopping = True
        self._close()
        for wire in self._sessions.values():
            wire.interrupt()
        if self._sessions:
            await asyncio.wait(self._sessions, timeout=grace)
        for task, wire in list(self._sessions.items()):
            wire.say(replies.CLOSING.wire())
            wire.close()
            task.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _bind(self, host: str, port: int, *, tls: bool) -> list[Listener]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Wire(partial(self._opened, tls=tls)), host or None, port, backlog=BACKLOG, reuse_address=True
        )
        return self._listening(server, tls=tls)

    async def _serve(self, sock: socket.socket, *, tls: bool) -> list[Listener]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Wire(partial(self._opened, tls=tls)), sock=sock, backlog=BACKLOG)
        return self._listening(server, tls=tls)

    def _listening(self, server: asyncio.Server, *, tls: bool) -> list[Listener]:
        self._servers.append(server)
        name = "submission-tls" if tls else "submission"
        found = [Listener(name, _host(sock), _port(sock)) for sock in server.sockets]
        for listener in found:
            log.info("listening", name=listener.name, host=listener.host, port=listener.port)
        return found

    def _opened(self, wire: Wire, *, tls: bool) -> None:
        refusal = self._refusal(wire.peer)
        if refusal is not None:
            log.info("session-refused", peer=wire.peer, reply=refusal.code, reason=refusal.text)
            wire.refuse(b"" if tls else refusal.wire())
            return
        self._peers[wire.peer] += 1
        task = asyncio.get_running_loop().create_task(Session(wire, self._terms).run(tls=tls))
        self._sessions[task] = wire
        task.add_done_callback(self._ended)

    def _refusal(self, peer: str) -> Reply | None:
        if self._stopping:
            return replies.CLOSING
        if len(self._sessions) >= MAX_CONNECTIONS:
            return replies.SERVER_FULL
        return replies.TOO_MANY_CONNECTIONS if self._peers[peer] >= MAX_PER_PEER else None

    def _ended(self, task: asyncio.Task[None]) -> None:
        wire = self._sessions.pop(task)
        self._peers[wire.peer] -= 1
        if not self._peers[wire.peer]:
            del self._peers[wire.peer]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("session-failed", peer=wire.peer, error=type(error).__name__)

    def _close(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()


def _host(sock: socket.socket) -> str:
    name = sock.getsockname()
    return str(name[0]) if isinstance(name, tuple) else str(name)


def _port(sock: socket.socket) -> int:
    name = sock.getsockname()
    return int(name[1]) if isinstance(name, tuple) else 0
