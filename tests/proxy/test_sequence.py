"""Sets of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.imap.answers import Bad
from gateway.proxy.imap.parse import Arguments
from gateway.proxy.imap.sequence import SequenceSet, written


def read(text: str) -> SequenceSet:
    arguments = Arguments([text.encode()])
    numbers = SequenceSet.read(arguments)
    arguments.end()
    return numbers


@pytest.mark.parametrize(
    ("text", "uids"),
    [
        ("1:*", [2, 3, 5, 9]),
        ("*", [9]),
        ("10:*", [9]),  # RFC 9051 section 9: the order of the two does not matter, and * is 9
        ("*:4", [5, 9]),
        ("3,3,2:3", [2, 3]),
        ("4", []),
        ("1:4294967295", [2, 3, 5, 9]),
    ],
)
def test_a_set_holds_what_the_standard_says(text: str, uids: list[int]) -> None:
    known = [2, 3, 5, 9]
    assert [known[place] for place in read(text).places(known)] == uids


def test_a_set_of_nothing_is_empty() -> None:
    assert read("1:*").places([]) == []


@pytest.mark.parametrize("text", ["0", "1:0", "4294967296", "1:", ",1", "", "-1", "1" * 5000])
def test_what_is_no_set_is_bad(text: str) -> None:
    with pytest.raises(Bad):
        read(text)


@given(st.sets(st.integers(1, 200), min_size=1))
def test_a_written_set_reads_as_what_was_written(numbers: set[int]) -> None:
    ordered = sorted(numbers)
    known = list(range(1, 201))
    assert [known[place] for place in read(written(ordered).decode()).places(known)] == ordered
