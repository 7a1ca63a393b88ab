"""Large literals go to a sink as they come: whole, with the server held back, and with an end to everything odd."""

from __future__ import annotations

import asyncio
import hashlib
import random
import threading
from collections.abc import Iterator

import pytest

from gateway.domain.errors import NoSpace, ProtocolFault, TooLarge, Unreachable
from gateway.upstream.imap.pour import POURED
from tests.upstream.imap.scripted import Scripted, Talk
from tests.upstream.imap.test_hostile import answering, looked
from tests.waiting import stays, until

RAW = random.Random(7).randbytes(3 * POURED)
SMALL = b"x" * (POURED - 1)
WAIT = 20.0  # seconds


class Memory:
    """A sink; where it is shut, a write waits until it is opened, and where it is full it fails."""

    def __init__(self, *, room: int = 10**9) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self.open = threading.Event()
        self.open.set()
        self._room = room

    def __len__(self) -> int:
        return self._size

    @property
    def octets(self) -> bytes:
        return b"".join(self._parts)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.octets).hexdigest()

    def head(self, most: int) -> bytes:
        return self.octets[:most]

    def slices(self, start: int = 0) -> Iterator[bytes]:
        yield self.octets[start:]

    def write(self, octets: bytes) -> None:
        self.open.wait(WAIT)
        if self._size + len(octets) > self._room:
            raise NoSpace("full")
        self._parts.append(octets)
        self._size += len(octets)


def fetched(raw: bytes, uid: int = 1) -> bytes:
    return b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n%b)" % (uid, uid, len(raw), raw)


async def test_a_large_literal_goes_to_the_sink_and_a_small_one_does_not() -> None:
    sinks: list[Memory] = []

    def sink() -> Memory:
        sinks.append(Memory())
        return sinks[-1]

    async with Scripted(answering(fetched(SMALL, 1), fetched(RAW, 2), fetched(RAW[:POURED], 3))) as server:
        session = await looked(server)
        async with asyncio.timeout(WAIT):
            found = await session.fetch_bodies({1: len(SMALL), 2: len(RAW), 3: POURED}, len(RAW), sink)
    assert found == {1: SMALL, 2: sinks[0], 3: sinks[1]}
    assert [one.octets for one in sinks] == [RAW, RAW[:POURED]]


@pytest.mark.parametrize("cut", [1, 1000, 65_536, 3 * POURED])
async def test_the_literal_is_whole_however_the_server_cuts_it(cut: int) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        await talk.hear("UID FETCH")
        answer = fetched(RAW) + b"\r\n" + f"{talk.tag} OK done\r\n".encode()
        few = 300 if cut == 1 else 0  # octet by octet only where it matters: around its ends
        for start in range(0, few, cut):
            talk.raw(answer[start : start + cut])
            await talk.writer.drain()
        for start in range(few, len(answer), max(cut, 1000)):
            talk.raw(answer[start : start + max(cut, 1000)])
            await talk.writer.drain()
        await talk.listen()

    sink = Memory()
    async with Scripted(script) as server, asyncio.timeout(WAIT):
        assert await (await looked(server)).fetch_body(1, len(RAW), lambda: sink) is sink
    assert sink.octets == RAW


async def test_a_slow_disk_holds_the_server_back() -> None:
    sent = 0
    large = bytes(32 * 1024 * 1024)

    async def script(talk: Talk) -> None:
        nonlocal sent
        await talk.welcome()
        await talk.show()
        await talk.hear("UID FETCH")
        talk.raw(b"* 1 FETCH (UID 1 BODY[]<0> {%d}\r\n" % len(large))
        while sent < len(large):
            talk.raw(large[sent : sent + 65_536])
            sent += 65_536
            await talk.writer.drain()
        await talk.say(")", f"{talk.tag} OK done")
        await talk.listen()

    sink = Memory()
    sink.open.clear()
    async with Scripted(script) as server, asyncio.timeout(WAIT * 2):
        session = await looked(server)
        fetching = asyncio.create_task(session.fetch_body(1, len(large), lambda: sink))

        async def held_back() -> bool:
            return sent < len(large) // 2 and len(sink) == 0

        await until(lambda: sent > POURED, timeout=WAIT, what="some of it sent")
        await stays(held_back, 2.0, "the server held back")
        sink.open.set()
        assert await fetching is sink
    assert len(sink) == len(large)


async def test_B1_a_full_disk_ends_the_fetch_with_its_own_error_and_takes_no_more() -> None:
    sink = Memory(room=POURED)
    async with Scripted(answering(fetched(RAW * 20))) as server:
        session = await looked(server)
        with pytest.raises(NoSpace):
            await session.fetch_body(1, len(RAW) * 20, lambda: sink)
        with pytest.raises(Unreachable):
            await session.fetch_headers(1, 1)


async def test_D4_a_line_that_breaks_in_the_middle_of_a_literal_is_a_lost_connection() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        await talk.hear("UID FETCH")
        talk.raw(fetched(RAW)[: 2 * POURED])
        await talk.writer.drain()

    async with Scripted(script) as server:
        with pytest.raises(Unreachable):
            await (await looked(server)).fetch_body(1, len(RAW), Memory)


async def test_D4_more_large_literals_than_were_asked_for_are_refused() -> None:
    made: list[Memory] = []

    def sink() -> Memory:
        made.append(Memory())
        return made[-1]

    async with Scripted(answering(*(fetched(RAW[:POURED]) for _ in range(5)))) as server:
        with pytest.raises(ProtocolFault):
            await (await looked(server)).fetch_body(1, 5 * POURED, sink)
    assert len(made) == 1


async def test_D4_a_literal_larger_than_was_asked_for_is_refused_before_it_comes() -> None:
    sink = Memory()
    async with Scripted(answering(b"* 1 FETCH (UID 1 BODY[]<0> {4294967296}")) as server:
        with pytest.raises(ProtocolFault):
            await (await looked(server)).fetch_body(1, len(RAW), lambda: sink)
    assert sink.octets == b""
    async with Scripted(answering(fetched(RAW))) as server:
        with pytest.raises(TooLarge):
            await (await looked(server)).fetch_body(1, len(RAW) - 1, lambda: sink)
