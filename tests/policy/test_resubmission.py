"""Which submission is the one before, sent again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.address import Address
from gateway.policy.resubmission import WINDOW, start_fingerprint


def fingerprint(login: str, sender: Address | None, recipients: Iterable[Address], raw: bytes) -> str:
    taken = start_fingerprint(login, sender, recipients)
    taken.update(raw[:7])
    taken.update(raw[7:])
    return taken.hexdigest()


ANA, AL, BO = Address("ana", "firm.example"), Address("al", "client.example"), Address("bo", "client.example")
RAW = b"Date: now\r\nMessage-ID: <1@firm.example>\r\n\r\nHello\r\n"
ONE = fingerprint("ana", ANA, (AL, BO), RAW)


def test_it_is_64_hex_digits_and_an_hour_long() -> None:
    assert len(ONE) == 64
    assert int(ONE, 16)
    assert timedelta(hours=1) == WINDOW


def test_the_same_again_is_the_same_in_any_order_and_spelling_of_recipients() -> None:
    assert fingerprint("ana", ANA, [BO, AL], RAW) == ONE
    assert fingerprint("ana", ANA, [AL, BO, Address("AL", "client.example")], RAW) == ONE


@pytest.mark.parametrize(
    "other",
    [
        fingerprint("ion", ANA, (AL, BO), RAW),
        fingerprint("ana", AL, (AL, BO), RAW),
        fingerprint("ana", None, (AL, BO), RAW),
        fingerprint("ana", ANA, (AL,), RAW),
        fingerprint("ana", ANA, (AL, BO, ANA), RAW),
        fingerprint("ana", ANA, (AL, BO), RAW + b"\r\n"),
        fingerprint("ana", ANA, (AL, BO), RAW.replace(b"<1@", b"<2@")),
    ],
)
def test_another_author_envelope_or_byte_is_another_message(other: str) -> None:
    assert other != ONE


NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=4)
PARTS = st.tuples(NAMES, st.lists(st.builds(Address, NAMES, st.just("b.example")), max_size=3), st.binary(max_size=20))


@given(PARTS, PARTS)
def test_different_parts_never_run_together(
    one: tuple[str, list[Address], bytes], two: tuple[str, list[Address], bytes]
) -> None:
    def parts(given: tuple[str, list[Address], bytes]) -> tuple[str, frozenset[str], bytes]:
        return given[0], frozenset(address.key for address in given[1]), given[2]

    same = fingerprint(one[0], ANA, one[1], one[2]) == fingerprint(two[0], ANA, two[1], two[2])
    assert same == (parts(one) == parts(two))
