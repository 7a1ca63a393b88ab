"""Conversations that only a subject holds together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.record import HeaderFacts
from gateway.policy.topic import ANSWER_WITHIN, REPEAT_WITHIN, Other, base_subject, by_subject, topic_of

NOW = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
AL, ANA, LAWYER = "al@pacino.example", "support@firm.example", "lawyer@else.example"
SALE = "Sale of the house in Sibiu"


def letter(subject: str, at: datetime | None = NOW, *people: str) -> HeaderFacts:
    return HeaderFacts("", (), (), subject, "", "", at, people or (AL, ANA))


def joins(one: HeaderFacts, other: HeaderFacts) -> bool:
    """Whether they are one thread, whichever came first."""
    assert topic_of(one.subject) == topic_of(other.subject) != ""
    there, back = by_subject(one, [Other(7, other)]), by_subject(other, [Other(7, one)])
    assert there == back
    return there == 7


@pytest.mark.parametrize(
    ("subject", "base", "answers"),
    [
        ("Sale", "Sale", False),
        ("Re: Sale", "Sale", True),
        ("RE:RE: re : Sale", "Sale", True),
        ("Fwd: Re: Fw: Sale (fwd) (fwd)  ", "Sale", True),
        ("Re[2]: Sale", "Sale", True),
        ("[list] Re: [list] Sale", "Sale", True),
        ("[list][sub] Sale", "Sale", False),
        ("[C042]", "[C042]", False),
        ("Re: [C042]", "[C042]", True),
        ("[Fwd: Re: Sale]", "Sale", True),
        ("[fwd: [fwd: Sale (fwd)]]", "Sale", True),
        ("AW: WG: Sale", "Sale", True),
        ("SV: Vs: Antw: RIF: Odp: Ynt: TR: Sale", "Sale", True),
        ("Re\uff1aSale", "Sale", True),
        (" Sale\t of  it ", "Sale of it", False),
        ("Resale: a plan", "Resale: a plan", False),
        ("Regarding: Sale", "Regarding: Sale", False),
        ("Sale (fwd) of it", "Sale (fwd) of it", False),
        ("Re: ", "", True),
        ("", "", False),
    ],
)
def test_the_base_subject_is_that_of_rfc_5256(subject: str, base: str, answers: bool) -> None:
    told = base_subject(subject)
    assert (told.base, told.answers) == (base, answers)


@given(st.text(alphabet="[]()re:fwdRE \t2x"), st.sampled_from(["Re: ", "Fwd: ", "[x] ", "re[3] : "]))
def test_marks_in_front_change_no_base_subject(rest: str, mark: str) -> None:
    plain = "Sale" + rest.replace("[", "").replace("]", "").replace("(", "")
    assert base_subject(mark + plain).base == base_subject(plain).base


@pytest.mark.parametrize(
    "subject", ["Re: " * 30_000, "[" * 100_000, "[x]" * 30_000, "(fwd)" * 20_000, "[fwd:" * 20_000]
)
def test_I10_hostile_subjects_cost_little(subject: str) -> None:
    assert len(topic_of(subject[:998])) <= 200
    base_subject(subject)


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "Re:",
        "hello",
        "Re: Invoice",
        "FW: Documents",
        "Factură",
        "Documente atașate",
        "Scan 2",
        "???",
        "Urgent!!!",
        "Your message",
    ],
)
def test_generic_subjects_are_about_nothing(subject: str) -> None:
    assert topic_of(subject) == ""


def test_an_answer_without_references_belongs_to_what_it_answers() -> None:
    assert joins(letter(SALE), letter(f"Re: {SALE}", NOW + timedelta(days=3)))
    assert joins(letter(f"Re: {SALE}"), letter(f"AW: RE: {SALE.upper()}", NOW + timedelta(days=29)))


def test_an_answer_is_one_only_for_some_weeks() -> None:
    assert joins(letter(SALE), letter(f"Re: {SALE}", NOW + ANSWER_WITHIN))
    assert not joins(letter(SALE), letter(f"Re: {SALE}", NOW + ANSWER_WITHIN + timedelta(seconds=1)))


def test_what_begins_anew_is_a_new_matter_unless_it_is_sent_again_the_same_day() -> None:
    assert joins(letter(SALE), letter(SALE, NOW + REPEAT_WITHIN))
    assert not joins(letter(SALE), letter(SALE, NOW + timedelta(days=1)))
    assert not joins(letter(f"Re: {SALE}"), letter(SALE, NOW + timedelta(days=1)))


def test_only_the_same_people_or_some_of_them_go_on_with_it() -> None:
    answer = NOW + timedelta(hours=1)
    assert joins(letter(SALE), letter(f"Re: {SALE}", answer, AL, ANA, LAWYER))
    assert not joins(letter(SALE, NOW, AL, ANA), letter(f"Re: {SALE}", answer, AL, LAWYER))
    assert not joins(letter(SALE, NOW, AL), letter(f"Re: {SALE}", answer, AL, ANA))


def test_what_has_no_date_is_close_to_nothing() -> None:
    assert not joins(letter(SALE, None), letter(f"Re: {SALE}"))


def test_two_cases_with_the_same_words_stay_two() -> None:
    assert not joins(letter(f"[C042] {SALE}"), letter(f"Re: [C043] {SALE}"))
    assert joins(letter(f"[C042] {SALE}"), letter(f"Re: [C042] {SALE}"))
    assert joins(letter(f"[C042] {SALE}"), letter(f"Re[2]: {SALE}"))


def test_the_nearest_in_time_is_chosen_in_any_order() -> None:
    far = Other(3, letter(SALE, NOW - timedelta(days=20)))
    near = Other(9, letter(f"Re: {SALE}", NOW - timedelta(days=2)))
    answer = letter(f"Re: {SALE}")
    assert by_subject(answer, [far, near]) == by_subject(answer, [near, far]) == 9
    assert by_subject(answer, []) is None
