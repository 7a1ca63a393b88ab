"""Cutting octets into responses: any cut gives the same, and nothing grows without bound."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import ProtocolFault
from gateway.upstream.imap.frame import MAX_LINE, Frame, Framer
from tests.cost import within

TRANSCRIPT = (
    b"* OK hello {5}\r\n* 1 FETCH (UID 1 BODY[] {11}\r\nfrom\r\n{3}\r\n) FLAGS (\\Seen))\r\n\r\n"
    b'* LIST () "/" {3}\r\na b\r\n* 2 FETCH (BODY[] ~{2}\r\n\0\r X {0}\r\n Y {0}\r\n)\r\nA1 OK {4}\r\n+ go {4}\r\n'
)
FRAMES: list[Frame] = [
    (b"* OK hello {5}",),
    (b"* 1 FETCH (UID 1 BODY[] ", b"from\r\n{3}\r\n", b") FLAGS (\\Seen))"),
    (b'* LIST () "/" ', b"a b", b""),
    (b"* 2 FETCH (BODY[] ", b"\0\r", b" X ", b"", b" Y ", b"", b")"),
    (b"A1 OK {4}",),
    (b"+ go {4}",),
]


def frames(*chunks: bytes, limit: int = 1000) -> list[Frame]:
    framer = Framer(limit)
    return [frame for chunk in chunks for frame in framer.feed(chunk)]


def test_lines_and_literals_become_responses() -> None:
    assert frames(TRANSCRIPT) == FRAMES


@given(st.lists(st.integers(0, len(TRANSCRIPT)), max_size=20))
def test_any_cut_gives_the_same(cuts: list[int]) -> None:
    ends = sorted({0, *cuts, len(TRANSCRIPT)})
    assert frames(*(TRANSCRIPT[a:b] for a, b in pairwise(ends))) == FRAMES


def test_octet_by_octet_gives_the_same() -> None:
    assert frames(*(TRANSCRIPT[at : at + 1] for at in range(len(TRANSCRIPT)))) == FRAMES


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_no_octets_raise_anything_but_a_protocol_fault(chunks: list[bytes]) -> None:
    try:
        frames(*chunks)
    except ProtocolFault:
        return


@pytest.mark.parametrize("size", [b"4294967296", b"-1", b"", b"1x", b"1001", b"9" * 30])
def test_D4_a_literal_that_is_too_large_or_no_number_is_refused_when_announced(size: bytes) -> None:
    with pytest.raises(ProtocolFault):
        frames(b"* 1 FETCH (BODY[] {" + size + b"}\r\n")


def test_D4_a_line_without_end_is_refused_at_the_limit() -> None:
    framer = Framer(1000)
    for _ in range(MAX_LINE // 65536):
        assert list(framer.feed(b"x" * 65536)) == []
    with pytest.raises(ProtocolFault):
        list(framer.feed(b"x"))


def test_D4_a_response_made_of_nothing_but_literals_is_refused() -> None:
    with pytest.raises(ProtocolFault):
        frames(b"* 1 FETCH (" + b"{0}\r\n" * 5000)


def feed(octets: bytes, chunk: int) -> None:
    framer = Framer(len(octets))
    for at in range(0, len(octets), chunk):
        list(framer.feed(octets[at : at + chunk]))


@pytest.mark.parametrize(
    ("octets", "chunk"),
    [
        (b"* 1 EXISTS\r\n" * 40_000, 1 << 20),  # thousands of lines in one read
        (b"* " + b"x" * 1_000_000, 100),  # one line in thousands of reads
        (b"* 1 FETCH (BODY[] {2000000}\r\n" + b"\n" * 2_000_000 + b")\r\n", 500),
        (b"* 1 FETCH (BODY[] {10}\r\n0123456789)\r\n" * 10_000, 1 << 20),
    ],
)
def test_D4_time_grows_with_the_octets_and_no_faster(octets: bytes, chunk: int) -> None:
    within(1, lambda: feed(octets, chunk))
