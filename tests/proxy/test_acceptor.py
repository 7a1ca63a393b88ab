"""Who is just calling when a listener stops is hung up on, however far the call has come."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from gateway.proxy.acceptor import Acceptor
from gateway.proxy.wire import Wire


async def _wait(wire: Wire) -> None:
    await wire.line(100)


@pytest.mark.parametrize("turns", range(6))
async def test_a_call_of_the_last_moment_ends_with_the_listener(turns: int) -> None:
    acceptor = Acceptor("test", _wait)
    port = await acceptor.listen("127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", port)) as caller:
        for _ in range(turns):  # of the event loop: accepted, given a transport, told of
            await asyncio.sleep(0)
        await acceptor.stop()
        assert acceptor.connections == 0
        caller.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.to_thread(caller.recv, 1) == b""
