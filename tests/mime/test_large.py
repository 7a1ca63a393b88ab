"""Messages that are not in memory give the same answers as those that are, however they are cut into pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.dkim_canonical import relaxed_body, simple_body
from gateway.mime.dkim_large import LargeBodies, canonical
from gateway.mime.dkim_verify import Bodies
from gateway.mime.header import Header
from gateway.mime.large import HEAD, TOO_LONG, mentions, read_header
from tests.cost import within

WAITING = 5.0  # seconds of CPU for the worst body of 16 MB; it takes one

tricky = st.lists(st.sampled_from([b" ", b"\t", b"\r", b"\n", b"\r\n", b"a", b"b c", b" \r\n", b"\r\n\r\n"])).map(
    b"".join
)


class Cut:
    """A `Large` in memory, cut where a test wants it."""

    def __init__(self, octets: bytes, cuts: list[int]) -> None:
        self._octets = octets
        self._cuts = sorted({min(one, len(octets)) for one in (0, *cuts, len(octets))})

    def __len__(self) -> int:
        return len(self._octets)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self._octets).hexdigest()

    def head(self, most: int) -> bytes:
        return self._octets[:most]

    def slices(self, start: int = 0) -> Iterator[bytes]:
        for low, high in pairwise(self._cuts):
            piece = self._octets[max(low, start) : high]
            if piece:
                yield piece


cuts = st.lists(st.integers(0, 60))


@given(tricky, cuts)
def test_a_canonical_body_does_not_depend_on_the_cut(body: bytes, at: list[int]) -> None:
    assert b"".join(canonical(Cut(body, at).slices(), relaxed=True)) == relaxed_body(body)
    assert b"".join(canonical(Cut(body, at).slices(), relaxed=False)) == simple_body(body)


@given(tricky, cuts, st.one_of(st.none(), st.integers(0, 40)))
def test_the_hash_of_a_body_or_of_its_beginning_is_that_of_the_whole(
    body: bytes, at: list[int], most: int | None
) -> None:
    large, small = LargeBodies(Cut(b"head" + body, at), 4), Bodies(body)
    for form in ("relaxed", "simple"):
        assert large.length(form) == small.length(form)
        assert large.digest(form, most) == small.digest(form, most)


def _sizes(body: Cut) -> list[int]:
    return [len(piece) for piece in canonical(body.slices(), relaxed=True)]


def test_F4_bodies_of_nothing_but_line_ends_or_spaces_cost_little_and_are_not_gathered() -> None:
    for text in (b"\r\n", b" ", b"\r", b" \r\n", b"\r\n\n"):
        body = Cut(text * (16 * 1024 * 1024 // len(text)), list(range(0, 16 * 1024 * 1024, 256 * 1024)))
        sizes = within(WAITING, partial(_sizes, body))
        assert max(sizes, default=0) <= 512 * 1024


@given(st.binary(max_size=50), st.binary(min_size=1, max_size=5), cuts)
def test_words_are_found_across_a_cut(octets: bytes, words: bytes, at: list[int]) -> None:
    assert mentions(Cut(octets, at), words) == (words in octets)


def test_a_header_is_the_same_from_a_file_and_one_without_an_end_is_faulty() -> None:
    raw = b"From: al@pacino.example\r\nSubject: one\r\n\r\n" + b"text\r\n" * 100_000
    assert read_header(Cut(raw, [])).fields == read_header(raw).fields == Header.read(raw).fields
    assert read_header(Cut(raw, [])).fault == ""
    endless = read_header(Cut((b"X: " + b"y" * 70 + b"\r\n") * 5000, []))
    assert (endless.fault, endless.complete) == (TOO_LONG, False)
    assert len(endless.raw) == HEAD
