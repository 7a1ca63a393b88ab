"""The admin face on its Unix socket, served inside the daemon's own loop."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from gateway.admin import unix
from gateway.admin.peer import Door, group_id
from gateway.admin.services import Services

if TYPE_CHECKING:
    from gateway.admin.http import Http

GRACE_SECONDS = 3.0  # for answers under way when the daemon stops

_log = structlog.get_logger()


class AdminServer:
    """``start`` returns when one can connect, ``open`` when whoever connected is answered, ``stop`` when all are.

    Without uvicorn's own Server: that one takes the signals, polls ten times a second, and wants a task.
    """

    def __init__(
        self, services: Services, *, socket_path: Path, group: str | None, group_needs_token: bool = False
    ) -> None:
        self._services = services
        self._path = socket_path
        self._group = group
        self._group_needs_token = group_needs_token
        self._stopping = asyncio.Event()
        self._sock: socket.socket | None = None
        self._door = Door(own_uid=os.geteuid())
        self._http: Http | None = None
        self._server: asyncio.AbstractServer | None = None
        self._mine = (0, 0)

    async def start(self) -> None:
        """Listens: connections wait in the backlog. Raises Conflict or Faulty (see `unix.bind`), leaving nothing."""
        group = group_id(self._group)
        self._door = Door(own_uid=os.geteuid(), group_id=group, group_needs_token=self._group_needs_token)
        self._sock = unix.bind(self._path, group)
        self._mine = unix.identity(self._path)
        self._sock.listen(unix.BACKLOG)
        _log.info("admin_listening", socket=str(self._path), group=self._group)

    async def open(self) -> None:
        """Answers from here on. The application is loaded in a thread: mail does not wait for it at a start."""
        assert self._sock is not None, "start comes first"
        self._http = await asyncio.to_thread(self._load)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._http.connection, sock=self._sock, backlog=unix.BACKLOG)

    def _load(self) -> Http:
        from gateway.admin.http import Http

        return Http(self._services, self._door, self._stopping)

    async def stop(self) -> None:
        """Idempotent; the socket file goes first, so that nobody new comes."""
        if self._sock is None:
            return
        sock, self._sock = self._sock, None
        unix.remove(self._path, self._mine)
        self._stopping.set()
        if self._server is None or self._http is None:
            sock.close()
            return
        self._server.close()
        await _drain(self._http)


async def _drain(http: Http) -> None:
    for connection in list(http.state.connections):
        connection.shutdown()
    tasks = set(http.state.tasks)
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
    for connection in list(http.state.connections):
        connection.transport.abort()
