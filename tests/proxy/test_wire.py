"""Reading off a connection: the same whatever pieces the octets come in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.acceptor import Acceptor
from gateway.proxy.wire import ConnectionLost, LineTooLong, Wire

MARK = b"\r\n.\r\n"


class Pipe(asyncio.Transport):
    """A transport that goes nowhere and counts how often it was paused."""

    def __init__(self) -> None:
        super().__init__()
        self.paused = 0

    def pause_reading(self) -> None:
        self.paused += 1

    def resume_reading(self) -> None: ...


def opened() -> Wire:
    wire = Wire(lambda _: None)
    wire.connection_made(Pipe())
    return wire


async def fed(wire: Wire, pieces: list[bytes]) -> None:
    for piece in pieces:
        wire.data_received(piece)
        await asyncio.sleep(0)
    wire.eof_received()


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"x", b"\r\n.\r", b".\r\n"]), max_size=12))
async def test_S1_only_the_mark_ends_what_is_read(pieces: list[bytes]) -> None:
    wire, whole = opened(), b"\r\n" + b"".join(pieces)
    feeding = asyncio.ensure_future(fed(wire, pieces))
    if MARK in whole:
        assert await wire.until(MARK, 1000, start=b"\r\n") == whole[: whole.index(MARK)]
    else:
        with pytest.raises(ConnectionLost):
            await wire.until(MARK, 1000, start=b"\r\n")
    await feeding


@given(st.binary(min_size=50, max_size=200), st.integers(1, 7))
async def test_F6_what_is_over_the_limit_is_read_to_its_end_and_dropped(content: bytes, step: int) -> None:
    content = content.replace(b"\n", b"x")
    wire, whole = opened(), content + MARK + b"NEXT\r\n"
    feeding = asyncio.ensure_future(fed(wire, [whole[at : at + step] for at in range(0, len(whole), step)]))
    assert await wire.until(MARK, 40) is None
    assert await wire.line(100) == b"NEXT\r\n"
    await feeding


async def test_a_line_has_a_limit_and_what_follows_stays() -> None:
    wire = opened()
    wire.data_received(b"12345678\nabc\n")
    with pytest.raises(LineTooLong):
        await wire.line(8)
    assert await wire.line(9) == b"12345678\n"
    assert await wire.take(2) == b"ab"


async def test_a_peer_that_sends_too_fast_has_to_wait() -> None:
    wire, pipe = Wire(lambda _: None), Pipe()
    wire.connection_made(pipe)
    wire.data_received(b"x" * 300_000)
    wire.data_received(b"x" * 300_000)
    assert pipe.paused == 1
    assert len(await wire.take(600_000)) == 600_000


Serve = Callable[[Wire], Awaitable[None]]


async def test_what_one_connection_raises_ends_that_one_only() -> None:
    async def serve(wire: Wire) -> None:
        if (await wire.line(100)) == b"fail\n":
            raise RuntimeError("on purpose")
        wire.write(b"fine\n")

    acceptor = Acceptor("test", serve)
    port = await acceptor.listen("127.0.0.1", 0)
    try:
        for said, heard in ((b"fail\n", b""), (b"work\n", b"fine\n")):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            async with asyncio.timeout(10):
                assert await reader.read() == heard
            writer.close()
            await writer.wait_closed()
    finally:
        await acceptor.stop()
    assert acceptor.connections == 0
