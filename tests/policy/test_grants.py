"""Grants with days: leave cover begins and ends by itself, and the sentence says when."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import GrantMissing
from gateway.domain.firm import Grant
from gateway.policy.grants import grant_of
from tests.policy.firms import FIRM, authorised, mailbox, submission

AUGUST = Grant("eva", date(2026, 8, 1), date(2026, 8, 15))
DAYS = st.dates(date(2026, 1, 1), date(2026, 3, 1))


def sent(*grants: Grant, today: date, others: bool = False, members: tuple[str, ...] = ("ana",)) -> str:
    box = mailbox("boss@firm.example", *members, others=others, grants=grants)
    firm = replace(FIRM, mailboxes=(*FIRM.mailboxes, box))
    return authorised(submission("From: boss@firm.example", login="eva"), firm, today=today).grant


@pytest.mark.parametrize("day", [date(2026, 8, 1), date(2026, 8, 7), date(2026, 8, 15)])
def test_a_grant_holds_from_its_first_day_to_its_last_and_is_recorded_with_them(day: date) -> None:
    assert sent(AUGUST, today=day) == "granted from 2026-08-01 to 2026-08-15"


@pytest.mark.parametrize(
    ("grant", "words"),
    [
        (Grant("eva"), "granted"),
        (Grant("eva", first=date(2026, 8, 1)), "granted from 2026-08-01"),
        (Grant("eva", last=date(2026, 8, 15)), "granted until 2026-08-15"),
    ],
)
def test_either_day_may_be_left_open(grant: Grant, words: str) -> None:
    assert sent(grant, today=date(2026, 8, 10)) == words


def test_attached_comes_before_a_grant_and_a_grant_before_what_is_open_to_all() -> None:
    day = date(2026, 8, 10)
    assert sent(AUGUST, today=day, members=("eva",)) == "attached"
    assert sent(AUGUST, today=day, others=True) == "granted from 2026-08-01 to 2026-08-15"
    assert sent(AUGUST, today=date(2026, 9, 1), others=True) == "allow_others_to_send"


@pytest.mark.parametrize(
    ("grants", "day", "sentence"),
    [
        ((AUGUST,), date(2026, 7, 31), "begins on 2026-08-01"),
        ((AUGUST,), date(2026, 8, 16), "ended on 2026-08-15"),
        ((AUGUST, Grant("eva", date(2026, 12, 24))), date(2026, 9, 1), "begins on 2026-12-24"),
        ((AUGUST, Grant("eva", last=date(2026, 1, 5))), date(2026, 9, 1), "ended on 2026-08-15"),
        ((Grant("ion", date(2026, 7, 1)),), date(2026, 8, 1), "you are not attached"),
    ],
)
def test_a_grant_that_does_not_hold_today_is_refused_with_its_day(
    grants: tuple[Grant, ...], day: date, sentence: str
) -> None:
    with pytest.raises(GrantMissing) as refused:
        sent(*grants, today=day)
    assert sentence in refused.value.sentence
    assert refused.value.sentence.startswith("You (eva) may not send as boss@firm.example: ")


def test_P1_a_grant_of_another_member_is_of_no_use() -> None:
    with pytest.raises(GrantMissing):
        sent(Grant("ion"), today=date(2026, 8, 1))


@given(st.lists(st.tuples(st.none() | DAYS, st.none() | DAYS), max_size=4), DAYS)
def test_some_right_holds_exactly_on_the_days_of_some_grant(
    spans: list[tuple[date | None, date | None]], day: date
) -> None:
    def listed(first: date | None, last: date | None) -> set[date]:
        begin, end = first or date(2025, 12, 1), last or date(2026, 4, 1)
        return {begin + timedelta(days) for days in range((end - begin).days + 1)}

    box = mailbox("boss@firm.example", "ana", grants=[Grant("eva", *span) for span in spans])
    assert (grant_of(box, "eva", day) is not None) == any(day in listed(*span) for span in spans)
    assert grant_of(box, "ion", day) is None
