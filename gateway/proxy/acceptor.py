"""Listening sockets and the tasks that serve what they accept: every task is kept, and awaited when it stops."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine

import structlog

from gateway.proxy.wire import HANDSHAKE_TIMEOUT, ConnectionLost, Wire

MAX_CONNECTIONS = 1_000  # ten times what an office of thirty holds open with three mail programs each

log = structlog.get_logger()


class Acceptor:
    """Runs ``serve`` for each connection; what it raises ends that connection only."""

    def __init__(self, name: str, serve: Callable[[Wire], Coroutine[None, None, None]]) -> None:
        self._name = name
        self._serve = serve
        self._servers: list[asyncio.Server] = []
        self._open: dict[asyncio.Task[None], Wire] = {}

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._open)

    async def listen(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> int:
        """The port listened on: a free one where ``port`` is 0. With ``tls``, from the first octet."""
        server = await asyncio.get_running_loop().create_server(
            lambda: Wire(self._begin, tls=tls is not None),
            host,
            port,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT if tls else None,
            reuse_address=True,
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def drop(self) -> None:
        """Hangs up on everybody, in the middle of whatever they are doing."""
        for task, wire in list(self._open.items()):
            wire.abort()
            task.cancel()

    async def stop(self) -> None:
        """Nothing listens and nothing runs when it returns."""
        await self._stop_accepting()
        for server in self._servers:
            server.close()
        self.drop()
        await asyncio.gather(*self._open, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    async def _stop_accepting(self) -> None:
        """CPython never closes what it accepted and has made no transport for when its server closes: wait for that."""
        loop = asyncio.get_running_loop()
        for server in self._servers:
            for listening in server.sockets:
                loop.remove_reader(listening)
        for _ in range(2):  # turns of the event loop: a transport, and who is told of it
            await asyncio.sleep(0)

    def _begin(self, wire: Wire) -> None:
        if len(self._open) >= MAX_CONNECTIONS:
            log.warning("connection refused", face=self._name, peer=wire.peer, open=len(self._open))
            wire.abort()
            return
        task = asyncio.get_running_loop().create_task(self._run(wire))
        self._open[task] = wire
        task.add_done_callback(lambda done: self._open.pop(done, None))

    async def _run(self, wire: Wire) -> None:
        try:
            await self._serve(wire)
        except (ConnectionLost, OSError) as error:
            log.debug("connection lost", face=self._name, peer=wire.peer, error=type(error).__name__)
        except Exception:
            log.exception("connection failed", face=self._name, peer=wire.peer)
        finally:
            wire.close()
