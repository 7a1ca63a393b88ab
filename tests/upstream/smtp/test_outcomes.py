"""From a server's answer to an outcome: whatever is said, nothing but a right answer is success."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.mail import Delivery
from gateway.upstream.smtp.outcomes import MAX_TEXT, answered, cleaned, refused, unanswered


@given(st.integers(), st.text(max_size=2_000))
def test_any_answer_becomes_an_outcome_that_can_be_stored(code: int, text: str) -> None:
    outcome = answered(code, text, "rcpt")
    assert (outcome.delivery is Delivery.DELIVERED) == (200 <= code <= 299)
    assert (outcome.delivery is Delivery.FAILED) == (500 <= code <= 599)
    assert outcome.text == "" or outcome.text.isprintable()
    assert len(outcome.text) <= MAX_TEXT
    wanted = {Delivery.DELIVERED: "2.", Delivery.FAILED: "5.", Delivery.PENDING: "4."}[outcome.delivery]
    assert outcome.status.startswith(wanted)


@given(st.integers(), st.text(max_size=200))
def test_where_another_answer_was_due_nothing_is_success(code: int, text: str) -> None:
    assert refused(code, text, "connect").delivery is not Delivery.DELIVERED


@pytest.mark.parametrize(
    ("code", "text", "status", "words"),
    [
        (550, "5.1.1 No such user", "5.1.1", "No such user"),
        (550, "No such user", "5.0.0", "No such user"),
        (550, "4.1.1 contradicts itself", "5.0.0", "contradicts itself"),
        (450, "4.2.0", "4.2.0", ""),
        (550, "5.7.26 one\n5.7.26 two\n5.7.26 three", "5.7.26", "one two three"),
        (550, "5.1.10.3 not a status", "5.0.0", "5.1.10.3 not a status"),
        (250, "2.0.0 OK  1234 - gsmtp", "2.0.0", "OK 1234 - gsmtp"),
    ],
)
def test_the_enhanced_status_is_taken_from_the_words(code: int, text: str, status: str, words: str) -> None:
    outcome = answered(code, text, "final")
    assert (outcome.status, outcome.text) == (status, words)


def test_no_answer_at_connect_and_later_differ_in_status() -> None:
    assert (unanswered("connect", "x").status, unanswered("data", "x").status) == ("4.4.1", "4.4.2")


def test_a_surrogate_or_a_control_never_reaches_the_log() -> None:
    assert cleaned("a\x1b[2Jb\udcffc\u202ed") == "a [2Jb c d"
