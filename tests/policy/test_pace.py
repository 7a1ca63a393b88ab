"""A mailbox's pace: over any time no more than the provider's limit and one bucketful, and never nothing for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.firm import Endpoint, Security, SendingLimits
from gateway.policy.pace import DAY, LONGEST_PAUSE, MINUTE, NEUTRAL, Limits, fresh, limits_for, limits_of, pause
from tests.policy.firms import mailbox

PACED = Limits(connections=3, messages_per_minute=30, recipients_per_day=1_000)


@given(st.lists(st.tuples(st.floats(0, 300), st.integers(1, 50)), max_size=60))
def test_over_any_time_no_more_leaves_than_the_limits_allow(steps: list[tuple[float, int]]) -> None:
    now, messages, recipients = 0.0, 0, 0
    pace = fresh(PACED, now)
    for step, count in steps:
        now += step
        for _ in range(pace.room(now, 1_000)):
            if pace.room(now, 1) == 0:
                break
            pace = pace.begun(count, now)
            messages, recipients = messages + 1, recipients + count
    assert messages <= 30 + 30 * now / MINUTE + 1
    assert recipients <= 1_000 + 1_000 * now / DAY + 50


@given(st.integers(1, 5_000), st.floats(0, 1e6))
def test_after_the_wait_there_is_room_and_not_before(recipients: int, now: float) -> None:
    pace = fresh(PACED, now).begun(recipients, now)
    for _ in range(29):
        pace = pace.begun(1, now)
    wait = pace.wait(now)
    assert wait > 0
    assert pace.room(now, 1) == 0
    assert pace.room(now + wait + 0.001, 1) == 1


def test_without_limits_there_is_all_the_room_that_was_asked_for() -> None:
    pace = fresh(NEUTRAL, 0.0).begun(10_000, 0.0)
    assert (pace.room(0.0, 32), pace.wait(0.0)) == (32, 0.0)


@pytest.mark.parametrize(
    ("host", "connections", "per_minute"),
    [
        ("smtp.office365.com", 3, 30),
        ("SMTP-Mail.Outlook.com.", 3, 30),
        ("smtp.gmail.com", 4, None),
        ("notgmail.com", NEUTRAL.connections, None),
        ("127.0.0.1", NEUTRAL.connections, None),
    ],
)
def test_a_provider_is_known_by_its_name(host: str, connections: int, per_minute: int | None) -> None:
    limits = limits_of(host)
    assert (limits.connections, limits.messages_per_minute) == (connections, per_minute)


@given(st.integers(1, 10**9))
def test_an_account_in_trouble_is_asked_ever_more_rarely_but_asked(failures: int) -> None:
    assert pause(1) <= pause(failures) <= pause(failures + 1) <= LONGEST_PAUSE


def test_what_the_firm_sets_for_a_mailbox_counts_and_the_rest_is_its_providers() -> None:
    box = replace(mailbox("ana@firm.example", "ana"), smtp=Endpoint("smtp.office365.com", 587, Security.STARTTLS))
    assert limits_for(box) == Limits(3, 30, 10_000)
    assert limits_for(replace(box, limits=SendingLimits(messages_per_minute=5))) == Limits(3, 5, 10_000)
    own = replace(mailbox("ana@firm.example", "ana"), limits=SendingLimits(1, None, 50))
    assert limits_for(own) == Limits(1, None, 50)
    assert limits_for(None) == NEUTRAL
