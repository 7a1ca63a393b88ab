"""Which messages are taken together: small ones, in their order, never too many at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.record import Location
from gateway.inbound.filing import Said
from gateway.inbound.hits import OCTETS, SMALL, TOGETHER, Hit, cut
from gateway.mime.header import Header
from gateway.upstream.imap.session import HeaderRow


def hit(uid: int, size: int, header: bytes = b"") -> Hit:
    row = HeaderRow(uid, size, None, header)
    said = Said.of(Header.read(header))
    return Hit(row, Location("a@firm.example", "INBOX", 1, uid), frozenset({"Al"}), said, None, announce=False)


def sizes(batches: list[list[Hit]]) -> list[int]:
    return [len(batch) for batch in batches]


def test_small_messages_are_taken_together_up_to_a_number_and_to_an_amount() -> None:
    some = [hit(uid, 1000) for uid in range(2 * TOGETHER + 20)]
    assert sizes(list(cut(some, lambda _: False))) == [TOGETHER, TOGETHER, 20]
    assert sizes(list(cut([hit(uid, SMALL) for uid in range(9)], lambda _: False))) == [4, 4, 1]


def test_fewer_are_taken_together_where_each_names_many_others() -> None:
    """The most that a header can name, so that one transaction does not hold up others for long."""
    header = b"References: " + b" ".join(b"<%d@x>" % number for number in range(100)) + b"\r\n\r\n"
    assert sizes(list(cut([hit(uid, 1000, header) for uid in range(50)], lambda _: False))) == [20, 20, 10]


def test_what_is_large_unsaid_or_suspect_comes_alone_and_in_its_order() -> None:
    found = [hit(1, 10), hit(2, SMALL + 1), hit(3, 10), hit(4, 0), hit(5, 10), hit(6, 10)]
    batches = list(cut(found, lambda one: one.row.uid == 6))
    assert [[one.row.uid for one in batch] for batch in batches] == [[1], [2], [3], [4], [5], [6]]


@given(st.lists(st.integers(0, 3 * SMALL), max_size=200), st.sets(st.integers(0, 200)))
def test_nothing_is_left_out_doubled_or_turned_round(octets: list[int], suspects: set[int]) -> None:
    found = [hit(uid, size) for uid, size in enumerate(octets)]
    batches = list(cut(found, lambda one: one.row.uid in suspects))
    assert [one for batch in batches for one in batch] == found
    for batch in batches:
        assert 0 < len(batch) <= TOGETHER
        assert len(batch) == 1 or sum(one.row.size for one in batch) <= OCTETS
        assert len(batch) == 1 or not suspects & {one.row.uid for one in batch}
