"""The states of a mailbox's link, and how long a tail waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.record import SyncState
from gateway.policy.cursor import Sight, may_have_lost
from gateway.policy.link import NEXT, Happening, after
from gateway.policy.patience import LONGEST_ASKED, LONGEST_WAIT, asked_for, wait_after


@given(st.lists(st.sampled_from(Happening), max_size=30))
def test_every_walk_stays_in_the_table_and_only_a_start_leaves_what_has_ended(walk: list[Happening]) -> None:
    state = SyncState.OFF
    for happening in walk:
        if happening is not Happening.REMOVED and happening not in NEXT[state]:
            with pytest.raises(ValueError, match=state.value):
                after(state, happening)
            continue
        before, state = state, after(state, happening)
        if before in {SyncState.OFF, SyncState.STOPPED, SyncState.RETRYING} and state is not SyncState.OFF:
            assert state in {SyncState.CONNECTING, SyncState.RETRYING}
        if state is SyncState.LIVE:
            assert happening is Happening.CAUGHT_UP
        if state is SyncState.STOPPED:
            assert happening is Happening.REFUSED


def test_every_state_is_reached_and_can_be_left() -> None:
    reached = {to for row in NEXT.values() for to in row.values()} | {after(SyncState.LIVE, Happening.REMOVED)}
    assert reached == set(SyncState) == set(NEXT)
    assert all(set(row.values()) - {state} for state, row in NEXT.items())


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Request is throttled. Suggested Backoff Time: 299961 milliseconds", 299.961),
        ("suggested backoff time: 3 seconds", 3),
        ("Suggested Backoff Time: 999999999999 milliseconds", LONGEST_ASKED),
        ("Backoff time is over", 0),
        ("Suggested Backoff Time: -5 milliseconds", 0),
        ("", 0),
    ],
)
def test_a_server_that_names_a_wait_is_heard(words: str, seconds: float) -> None:
    assert asked_for(words) == pytest.approx(seconds)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_waits_grow_to_a_limit_and_are_never_shorter_than_what_was_asked_for(failures: int, jitter: float) -> None:
    assert 0.5 <= wait_after(failures, "", jitter) <= LONGEST_WAIT
    assert wait_after(failures, "", jitter) <= wait_after(failures + 1, "", jitter)
    assert wait_after(failures, "Suggested Backoff Time: 600000 milliseconds", jitter) >= 600


@given(st.sets(st.integers(1, 40)), st.integers(0, 5), st.sets(st.integers(1, 60)), st.integers(0, 5))
def test_a_folder_that_lost_a_message_is_always_suspected(
    first: set[int], spare: int, gone: set[int], arrived: int
) -> None:
    uidnext = max(first, default=0) + 1 + spare
    there = (first - gone) | set(range(uidnext, uidnext + arrived)) - gone
    before, now = Sight(7, uidnext, len(first)), Sight(7, uidnext + arrived, len(there))
    assert may_have_lost(before, now) == bool(first & gone or arrived != len(there - first))
    assert may_have_lost(None, now)
    assert may_have_lost(Sight(6, uidnext, len(first)), now)
