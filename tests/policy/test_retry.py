"""When to try again, and when to give up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.retry import JITTER, given_up, next_attempt
from tests.policy.firms import NOON

SCHEDULE = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360)]
SPANS = st.timedeltas(timedelta(seconds=1), timedelta(days=2))


def waits(jitter: float, count: int) -> list[timedelta]:
    """The waits of a message that nobody touches and that fails at once each time."""
    found, now = [], NOON
    for attempts in range(1, count + 1):
        due = next_attempt(SCHEDULE, attempts, NOON, now, jitter)
        found.append(due - now)
        now = due
    return found


def test_the_waits_are_the_schedules_and_then_its_last_for_ever() -> None:
    assert waits(0.5, 9) == SCHEDULE + [SCHEDULE[-1]] * 3


@pytest.mark.parametrize("jitter", [0.0, 0.25, 1.0])
def test_jitter_moves_a_wait_by_a_fifth_at_most_and_no_step_is_repeated(jitter: float) -> None:
    factor = 1 + JITTER * (2 * jitter - 1)
    assert waits(jitter, 8) == [wait * factor for wait in SCHEDULE + [SCHEDULE[-1]] * 2]


def test_attempts_that_a_person_asked_for_do_not_make_a_young_message_wait_long() -> None:
    assert next_attempt(SCHEDULE, 40, NOON, NOON + timedelta(seconds=30), 0.5) == NOON + timedelta(seconds=90)


@given(st.lists(SPANS, min_size=1, max_size=8), st.integers(0, 10_000), SPANS, st.floats(0, 1))
def test_the_next_attempt_always_lies_ahead_and_within_the_longest_wait(
    schedule: list[timedelta], attempts: int, age: timedelta, jitter: float
) -> None:
    now = NOON + age
    due = next_attempt(schedule, attempts, NOON, now, jitter)
    assert now + min(schedule) * (1 - JITTER) <= due <= now + max(schedule) * (1 + JITTER)


@pytest.mark.parametrize(
    "now", [NOON - timedelta(days=20_000), NOON - timedelta(hours=1), NOON + timedelta(days=4_000)]
)
def test_E1_a_clock_that_jumps_leads_to_no_busy_loop(now: object) -> None:
    assert isinstance(now, type(NOON))
    assert next_attempt(SCHEDULE, 3, NOON, now, 0.5) >= now + timedelta(minutes=1)


def test_a_message_is_given_up_at_its_age_and_not_before() -> None:
    limit = timedelta(days=5)
    assert not given_up(limit - timedelta(seconds=1), limit)
    assert given_up(limit, limit)
    assert not given_up(timedelta(), limit)
