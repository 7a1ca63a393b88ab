"""The application and uvicorn's settings for it. Loading FastAPI takes longer than all the rest of a start."""

from __future__ import annotations

import asyncio

from uvicorn.config import Config
from uvicorn.server import ServerState

from gateway.admin.application import build
from gateway.admin.gate import Gate
from gateway.admin.peer import Door
from gateway.admin.protocol import PeerProtocol
from gateway.admin.services import Services

KEEP_ALIVE_SECONDS = 30  # a web page asks again within it; an idle connection costs little here
MAX_HEADER_OCTETS = 16 * 1024

_HEADERS = [("x-content-type-options", "nosniff"), ("cache-control", "no-store")]


class Http:
    """Makes the protocol of each connection, and knows those that are open."""

    def __init__(self, services: Services, door: Door, stopping: asyncio.Event) -> None:
        self._config = _config(Gate(build(services, stopping), door, services.tokens.recognise))
        self.state = ServerState()
        self.state.default_headers = self._config.encoded_headers

    def connection(self) -> PeerProtocol:
        return PeerProtocol(self._config, self.state)


def _config(gate: Gate) -> Config:
    config = Config(
        gate,
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
