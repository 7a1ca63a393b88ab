"""Conversations."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.record import HeaderFacts
from gateway.policy.thread import MAX_RELATED, choose_thread, related_ids


def facts(message_id: str, in_reply_to: tuple[str, ...] = (), references: tuple[str, ...] = ()) -> HeaderFacts:
    return HeaderFacts(message_id, in_reply_to, references, "", "", "", None)


def test_the_nearest_message_comes_first_and_each_once() -> None:
    given_facts = facts("<c@x>", ("<b@x>",), ("<a@x>", "<b@x>"))
    assert related_ids(given_facts) == ("<c@x>", "<b@x>", "<a@x>")


def test_a_message_without_an_id_or_references_is_tied_to_nothing() -> None:
    assert related_ids(facts("")) == ()
    assert choose_thread([]) is None


def test_I10_ten_thousand_references_cost_no_more_than_a_hundred() -> None:
    many = tuple(f"<{number}@x>" for number in range(10_000))
    related = related_ids(facts("<me@x>", ("",), many))
    assert len(related) == MAX_RELATED
    assert related[:2] == ("<me@x>", "<9999@x>")


@given(st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_the_oldest_thread_is_chosen_in_any_order(related: list[int]) -> None:
    assert {choose_thread(order) for order in permutations(related)} == {min(related)}
