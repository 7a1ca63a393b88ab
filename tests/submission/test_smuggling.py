"""DATA: only CRLF.CRLF ends it, whatever else looks like an end is refused, and limits hold while it comes in."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import BadMessage, TooLarge
from gateway.mime.check import line_fault
from gateway.store.scratch import Scratch
from gateway.submission import session as session_module
from gateway.submission.data import SPILL, Intake
from gateway.submission.terms import Timers
from tests.submission.dialogue import Peer
from tests.submission.house import LIMIT, House, house
from tests.submission.signed_in import signed_in, to_data
from tests.waiting import until

SCRATCH = Path(mkdtemp())  # empty again after each example
FAKE_ENDS = (
    b"\n.\n",
    b"\n.\r",
    b"\r.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n\0.\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
)
SECOND = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<v@y.example>\r\nDATA\r\nSubject: 2\r\n\r\ntwo\r\n.\r\n"


@pytest.mark.parametrize("end", FAKE_ENDS, ids=repr)
async def test_S1_a_fake_end_of_data_is_refused_and_the_connection_ends(end: bytes) -> None:
    async with house() as found:
        peer = await to_data(found.port)
        peer.send(b"Subject: 1\r\n\r\none" + end + SECOND)
        assert (await peer.reply()).startswith("554 5.6.0")
        assert await peer.rest() == b""
        assert found.accepted == []
        await peer.close()


@pytest.mark.parametrize("end", FAKE_ENDS, ids=repr)
async def test_S1_it_is_seen_at_whatever_octet_the_message_is_cut(end: bytes) -> None:
    raw = b"Subject: 1\r\n\r\none" + end + SECOND
    for cut in range(10, 24 + len(end)):
        with pytest.raises(BadMessage):
            _take([raw[:cut], raw[cut : cut + 1], raw[cut + 1 :]])


@pytest.mark.parametrize("end", FAKE_ENDS, ids=repr)
async def test_S2_a_fake_end_beyond_the_size_limit_is_refused_too(end: bytes) -> None:
    async with house() as found:
        peer = await to_data(found.port)
        peer.send(b"x" * 76 + b"\r\n")
        peer.send((b"x" * 76 + b"\r\n") * (2 * LIMIT // 78) + b"one" + end + SECOND)
        assert (await peer.reply()).startswith("554 5.6.0")
        assert await peer.rest() == b""
        assert found.accepted == []
        await peer.close()


@given(
    st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"..", b"x", b"\0", b"\r\n.\r\n"]), max_size=12), st.data()
)
def test_M2_what_is_taken_is_clean_and_what_was_meant(pieces: list[bytes], data: st.DataObject) -> None:
    """Against the definition: unstuffed lines up to the first CRLF.CRLF, cut into blocks anywhere."""
    stream = b"".join(pieces) + b"\r\n.\r\n"
    whole, _, rest = (b"\r\n" + stream).partition(b"\r\n.\r\n")
    wanted = (whole + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    blocks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    for scratch in (None, SCRATCH):  # in memory, and each block through a file
        try:
            taken, left = _take(blocks, scratch)
        except BadMessage:
            assert line_fault(whole + b"\r\n") is not None
            continue
        assert (taken, left) == (wanted, rest)
        assert line_fault(taken) is None


def _take(blocks: list[bytes], scratch: Path | None = None) -> tuple[bytes, bytes]:
    with closing(Intake(LIMIT)) as intake:
        if scratch is not None:
            intake.hold_in(Scratch(scratch))
        for number, block in enumerate(blocks):
            rest = intake.feed(block)
            if rest is not None:
                return intake.message(), rest + b"".join(blocks[number + 1 :])
            if scratch is not None:
                intake.spill(intake.take())
    raise AssertionError("no end was found")


@pytest.mark.parametrize(
    "body",
    [b".\r\n", b"..\r\n.\r\n", b".x\r\n", b"", b"." * 998 + b"\r\n", b"y" * 998 + b"\r\n.z\r\n", b"a\r\n.\r\nb\r\n"],
)
async def test_S4_dots_are_taken_off_and_nothing_else(body: bytes) -> None:
    async with house() as found:
        peer = await to_data(found.port)
        stuffed = (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:]
        for octet in stuffed:
            peer.send(bytes([octet]))
        peer.send(b".\r\n")
        assert (await peer.reply()).startswith("250 2.0.0")
        assert found.accepted[0].raw == body
        await peer.close()


async def test_F6_a_lie_about_the_size_is_read_to_its_end_and_the_session_goes_on() -> None:
    async with house() as found:
        peer = await signed_in(found.port)
        await peer.ask("MAIL FROM:<ana@firm.example> SIZE=10")
        await peer.ask("RCPT TO:<c@client.example>")
        await peer.ask("DATA")
        line = b"RCPT TO:<v@y.example>\r\n"
        for _ in range(4):
            peer.send(line * (LIMIT // len(line)))
            await peer.writer.drain()
        peer.send(b".\r\n")
        assert (await peer.reply()).startswith("552 5.3.4")
        await _sends_one(peer, found)
        await peer.close()


async def test_F6_a_declared_size_is_refused_before_the_message() -> None:
    async with house() as found:
        peer = await signed_in(found.port)
        assert (await peer.ask(f"MAIL FROM:<ana@firm.example> SIZE={LIMIT + 1}")).startswith("552 5.3.4")
        await _sends_one(peer, found)
        await peer.close()


async def test_F6_the_limit_is_of_the_message_not_of_its_dots() -> None:
    async with house() as found:
        peer = await to_data(found.port)
        lines = LIMIT // 4
        peer.send(b"..x\r\n" * lines + b".\r\n")
        assert (await peer.reply()).startswith("250 ")
        assert len(found.accepted[0].raw) == LIMIT
        await peer.ask("MAIL FROM:<ana@firm.example>")
        await peer.ask("RCPT TO:<c@client.example>")
        await peer.ask("DATA")
        peer.send(b"..x\r\n" * lines + b"y\r\n.\r\n")
        assert (await peer.reply()).startswith("552 5.3.4")
        await peer.close()


async def test_F6_memory_stays_bounded_and_an_endless_message_is_cut() -> None:
    async with house() as found:
        peer = await to_data(found.port)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        block = (b"x" * 998 + b"\r\n") * 100
        with contextlib.suppress(ConnectionError):
            for _ in range(400):
                peer.send(block)
                await peer.writer.drain()
        with contextlib.suppress(ConnectionError):
            assert (await peer.reply()).startswith("554 5.3.4")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
        assert found.accepted == []
        peer.writer.transport.abort()


def test_a_message_over_the_limit_is_dropped_while_it_comes() -> None:
    intake = Intake(1_000)
    intake.feed(b"x" * 998 + b"\r\n")
    intake.feed(b"x" * 998 + b"\r\n")
    assert intake.feed(b".\r\nQUIT\r\n") == b"QUIT\r\n"
    with pytest.raises(TooLarge):
        intake.message()


async def test_F2_data_that_trickles_is_cut_but_not_what_moves() -> None:
    timers = Timers(command=5, data_grace=0.3, data_rate=2_000)
    async with house(timers=timers) as found:
        slow, steady = await to_data(found.port), await to_data(found.port)

        async def move() -> None:
            for _ in range(12):
                steady.send(b"x" * 998 + b"\r\n")
                due = (
                    asyncio.get_running_loop().time() + 0.1
                )  # seconds: four times the rate that is asked for, for longer than the grace
                await until(partial(_is_past, due))
            steady.send(b".\r\n")

        slow.send(b"x")
        mover = asyncio.ensure_future(move())
        assert (await slow.reply()).startswith("421 4.4.2")
        await mover
        assert (await steady.reply()).startswith("250 ")
        for peer in (slow, steady):
            await peer.close()


def _is_past(due: float) -> bool:
    return asyncio.get_running_loop().time() >= due


async def _sends_one(peer: Peer, found: House) -> None:
    await peer.ask("MAIL FROM:<ana@firm.example>")
    await peer.ask("RCPT TO:<c@client.example>")
    await peer.ask("DATA")
    peer.send(b"Subject: y\r\n\r\n.\r\n")
    assert await peer.reply() == "250 2.0.0 Accepted as q1"
    assert found.accepted[0].raw == b"Subject: y\r\n\r\n"


async def test_S4_a_large_message_is_the_same_bytes_behind_its_file_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    lines = [b"." * (number % 3) + b"line %d" % number + b"x" * (number % 90) for number in range(40_000)]
    stuffed = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    assert len(stuffed) > 4 * SPILL
    async with house(data_dir=tmp_path, max_message_size=8_000_000) as found:
        peer = await to_data(found.port)
        peer.send(stuffed + b".\r\n")
        assert (await peer.reply()).startswith("250")
        assert found.accepted[0].raw == b"".join(line + b"\r\n" for line in lines)
        assert list((tmp_path / "tmp").iterdir()) == []
        await peer.close()


class Starved(Intake):
    """Finds no memory for what came."""

    def feed(self, block: bytes | bytearray) -> bytes | None:
        raise MemoryError


async def test_S1_B3_what_follows_a_fault_in_the_middle_of_a_message_is_not_taken_for_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with house() as found:
        with monkeypatch.context() as starving:
            starving.setattr(session_module, "Intake", Starved)
            peer = await to_data(found.port)
            peer.send(b"Subject: 1\r\n\r\none\r\n")
            assert (await peer.reply()).startswith("451 4.3.0")
        peer.send(SECOND)  # which this member may send
        assert await peer.rest() == b""
        assert found.accepted == []
        await peer.close()


async def test_a_message_for_which_the_disk_has_no_place_is_put_off_and_read_to_its_end(tmp_path: Path) -> None:
    async with house(data_dir=tmp_path / "gone", max_message_size=8_000_000) as found:
        peer = await to_data(found.port)
        peer.send((b"x" * 76 + b"\r\n") * (3 * SPILL // 78) + b".\r\nNOOP\r\n")
        assert (await peer.reply()).startswith("451 4.")
        assert (await peer.reply()).startswith("250")
        assert found.accepted == []
        await peer.close()
