"""Octets out and in: dots stuffed whatever the blocks, replies whole whatever the pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.smtp.body import blocks
from gateway.upstream.smtp.replies import MAX_LINES, NotSmtp, Replies, Reply

LINES = st.lists(st.sampled_from([b"", b".", b"..", b".x", b"text", b"\r\n"]), max_size=30)


@given(LINES, st.booleans(), st.integers(2, 9))
def test_S4_blocks_of_any_size_carry_the_message_and_one_end(lines: list[bytes], end: bool, size: int) -> None:
    raw = b"\r\n".join(lines) + (b"\r\n" if end else b"")
    wire = b"".join(blocks(raw, size))
    assert wire == b"".join(blocks(raw, 10**6))
    assert (b"\r\n" + wire).count(b"\r\n.\r\n") == 1  # overlapping ones can't be: a stuffed dot is never alone
    assert wire.endswith(b".\r\n")
    received = ("\r\n" + wire[:-3].decode()).replace("\r\n.", "\r\n").encode()[2:]
    assert received == (raw if raw.endswith(b"\r\n") or not raw else raw + b"\r\n")


def test_no_block_is_much_larger_than_it_was_asked_to_be() -> None:
    raw = b".\r\n" * 100_000
    assert max(map(len, blocks(raw, 1_000))) <= 2 * 1_000


@given(
    st.lists(st.tuples(st.integers(200, 599), st.lists(st.text("abc -", max_size=9), min_size=1, max_size=4))),
    st.lists(st.integers(1, 40)),
    st.sampled_from([b"\r\n", b"\n"]),
)
def test_replies_are_whole_whatever_pieces_they_come_in(
    said: list[tuple[int, list[str]]], cuts: list[int], line_end: bytes
) -> None:
    wire = b"".join(
        f"{code}{' ' if at == len(lines) - 1 else '-'}{line}".encode() + line_end
        for code, lines in said
        for at, line in enumerate(lines)
    )
    replies = Replies()
    for cut in [*cuts, len(wire)]:
        replies.feed(wire[:cut])
        wire = wire[cut:]
    assert list(replies.ready) == [Reply(code, "\n".join(lines)) for code, lines in said]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\r\n",
        b"2\r\n",
        b"2500 ok\r\n",
        b"250_ok\r\n",
        b"199 x\r\n",
        b"600 x\r\n",
        b"250-a\r\n251 b\r\n",
        b"250-x\r\n" * (MAX_LINES + 1),
        b"2" * 10_000,
        b"250 x\r\n" * 10_000,
        b"* OK IMAP4rev1\r\n",
    ],
)
def test_what_is_no_reply_is_never_taken_for_one(nonsense: bytes) -> None:
    with pytest.raises(NotSmtp):
        Replies().feed(nonsense)


@given(st.binary(max_size=300))
def test_no_octets_break_the_reader(data: bytes) -> None:
    replies = Replies()
    try:
        replies.feed(data)
    except NotSmtp:
        return
    assert all(200 <= reply.code <= 599 for reply in replies.ready)
