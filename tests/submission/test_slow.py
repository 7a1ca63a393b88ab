"""F2: who sends an octet now and then is left when the whole was due, however often an octet comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from gateway.submission.terms import Timers
from tests.peers.ca import Ca
from tests.submission.dialogue import Peer
from tests.submission.house import house
from tests.submission.signed_in import greeted
from tests.waiting import until

PATIENCE = 0.5  # seconds of each timer
EVERY = 0.1  # seconds between two octets
OCTETS = 60  # six seconds' worth
LEFT_WITHIN = 4.0  # seconds, on a busy machine: less than the octets last

SHORT = Timers(command=PATIENCE, sign_in=PATIENCE, data_grace=PATIENCE)


@asynccontextmanager
async def dripping(peer: Peer) -> AsyncIterator[None]:
    """Meanwhile an octet of a line without end comes now and then."""
    dripper = asyncio.create_task(_drip(peer))
    try:
        yield
    finally:
        dripper.cancel()


async def _drip(peer: Peer) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(OCTETS):
        peer.send(b"N")
        await until(partial(_is_past, loop.time() + EVERY))


def _is_past(due: float) -> bool:
    return asyncio.get_running_loop().time() >= due


async def left(peer: Peer) -> bytes:
    """What was said before the server hung up, which it does in time."""
    async with asyncio.timeout(LEFT_WITHIN), dripping(peer):
        return await peer.rest()


@pytest.mark.parametrize("before", [(), ("EHLO x",)], ids=["greeting", "command"])
async def test_F2_a_command_that_drips_is_not_waited_for(before: tuple[str, ...]) -> None:
    async with house(timers=SHORT) as found:
        peer = await Peer.connect(found.port)
        await peer.reply()
        for command in before:
            await peer.ask(command)
        assert (await left(peer)).startswith(b"421 4.4.2")
        await peer.close()


@pytest.mark.parametrize("command", ["AUTH PLAIN", "AUTH LOGIN", "AUTH LOGIN YW5h"])
async def test_F2_an_answer_to_a_sign_in_that_drips_is_not_waited_for(command: str) -> None:
    async with house(timers=SHORT) as found:
        peer = await greeted(found.port)
        assert (await peer.ask(command)).startswith("334")
        assert (await left(peer)).startswith(b"421 4.4.2")
        assert found.tried == []
        await peer.close()


async def test_F2_a_handshake_that_drips_is_not_waited_for(ca: Ca) -> None:
    async with house(ca, listen=[], listen_tls=["127.0.0.1:0"], timers=SHORT) as found:
        peer = await Peer.connect(found.port)
        peer.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # a ClientHello of 512 octets begins
        assert b"220" not in await left(peer)
        await peer.close()


async def test_F2_a_handshake_behind_starttls_that_drips_is_not_waited_for(ca: Ca) -> None:
    async with house(ca, timers=SHORT) as found:
        peer = await greeted(found.port)
        assert (await peer.ask("STARTTLS")).startswith("220 ")
        peer.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert b"250" not in await left(peer)
        await peer.close()
