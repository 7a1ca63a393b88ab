"""uvicorn's HTTP/1.1 connection with the peer's credentials in its scope, a deadline, and honest refusals."""

from __future__ import annotations

import asyncio
import sys

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from gateway.admin.peer import peer_of
from gateway.admin.problems import bare_problem

REQUEST_SECONDS = 30.0  # for a whole request to come in: the largest takes a second on a Unix socket
MAX_CONNECTIONS = 64  # as many as wait in the backlog; each holds at most a header and a body


class PeerProtocol(H11Protocol):
    """One connection; ``scope["state"]`` has its ``peer`` (absent where the kernel would not say), and ``abort``."""

    def __init__(self, config: Config, server_state: ServerState) -> None:
        super().__init__(config, server_state, {})
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self.app_state = {"peer": peer_of(transport.get_extra_info("socket")), "abort": transport.abort}
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn while it handles h11's RemoteProtocolError, whose hint is better than 400."""
        status = getattr(sys.exc_info()[1], "error_status_hint", 400)
        self._refuse(status)

    def _watch(self) -> None:
        reading = self.conn.their_state in {h11.IDLE, h11.SEND_BODY}
        if not reading or self.transport.is_closing():
            self._unwatch()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._too_slow)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        self._refuse(408)

    def _refuse(self, status: int) -> None:
        """One answer and no more on this connection; nothing where an answer has begun already."""
        if not self.transport.is_closing() and self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            body = bare_problem(status)
            headers = [
                (b"content-type", b"application/problem+json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
