"""The admin face on its Unix socket, served inside the daemon's own loop."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import structlog
from uvicorn.config import Config
from uvicorn.server import ServerState

from gateway.admin import unix
from gateway.admin.application import build
from gateway.admin.gate import Gate
from gateway.admin.peer import Door, group_id
from gateway.admin.protocol import PeerProtocol
from gateway.admin.services import Services

KEEP_ALIVE_SECONDS = 30  # a web page asks again within it; an idle connection costs little here
GRACE_SECONDS = 3.0  # for answers under way when the daemon stops
MAX_HEADER_OCTETS = 16 * 1024

_HEADERS = [("x-content-type-options", "nosniff"), ("cache-control", "no-store")]
_log = structlog.get_logger()


class AdminServer:
    """``start`` returns when the socket listens; ``stop`` when every answer is out (or its grace is over).

    Without uvicorn's own Server: that one takes the signals, polls ten times a second, and wants a task.
    """

    def __init__(self, services: Services, *, socket_path: Path, group: str | None) -> None:
        self._services = services
        self._path = socket_path
        self._group = group
        self._state = ServerState()
        self._stopping = asyncio.Event()
        self._server: asyncio.AbstractServer | None = None
        self._mine = (0, 0)

    async def start(self) -> None:
        """Raises Conflict or Faulty (see `unix.bind`); nothing is left behind then."""
        group = group_id(self._group)
        config = self._config(Door(own_uid=os.geteuid(), group_id=group))
        self._state.default_headers = config.encoded_headers
        sock = unix.bind(self._path, group)
        self._mine = unix.identity(self._path)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: PeerProtocol(config, self._state), sock=sock, backlog=unix.BACKLOG
        )
        _log.info("admin_listening", socket=str(self._path), group=self._group)

    async def stop(self) -> None:
        """Idempotent; the socket file goes first, so that nobody new comes."""
        if self._server is None:
            return
        server, self._server = self._server, None
        unix.remove(self._path, self._mine)
        server.close()
        self._stopping.set()
        for connection in list(self._state.connections):
            connection.shutdown()
        await self._drain()

    async def _drain(self) -> None:
        tasks = set(self._state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        for connection in list(self._state.connections):
            connection.transport.abort()

    def _config(self, door: Door) -> Config:
        config = Config(
            Gate(build(self._services, self._stopping), door),
            loop="none",
            http=PeerProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            headers=_HEADERS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=MAX_HEADER_OCTETS,
        )
        config.load()
        return config
