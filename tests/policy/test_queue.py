"""The queue's transitions, driven through every order of actions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import Conflict
from gateway.domain.mail import Delivery, QueueState
from gateway.policy.queue import PERSONS, TRANSITIONS, QueueAction, after, summary


@given(st.lists(st.sampled_from(QueueAction), max_size=30))
def test_no_order_of_actions_leads_out_of_done_or_two_attempts_at_once(actions: list[QueueAction]) -> None:
    state = QueueState.QUEUED
    for action in actions:
        before = state
        if (state, action) not in TRANSITIONS:
            with pytest.raises(Conflict, match=action.value):
                after(state, action)
            continue
        state = after(state, action)
        assert before is not QueueState.DONE
        assert not (before is QueueState.ACTIVE and action in {QueueAction.CLAIM, *PERSONS})
        assert (state is QueueState.ACTIVE) == (action is QueueAction.CLAIM)
        assert not (before is QueueState.HELD and action is QueueAction.CLAIM)


@pytest.mark.parametrize("state", [state for state in QueueState if state is not QueueState.DONE])
def test_every_state_but_done_has_a_way_to_done(state: QueueState) -> None:
    reached = {state}
    while (more := reached | {to for (start, _), to in TRANSITIONS.items() if start in reached}) != reached:
        reached = more
    assert QueueState.DONE in reached


def test_what_a_person_may_do_depends_on_the_state() -> None:
    allowed = {state: {action.value for action in PERSONS if (state, action) in TRANSITIONS} for state in QueueState}
    assert allowed == {
        QueueState.QUEUED: {"hold", "retry", "cancel"},
        QueueState.ACTIVE: set(),
        QueueState.HELD: {"hold", "release", "retry", "cancel"},
        QueueState.DONE: set(),
    }


def test_a_message_on_its_way_is_left_alone_and_the_sentence_says_why() -> None:
    with pytest.raises(Conflict, match="being delivered right now"):
        after(QueueState.ACTIVE, QueueAction.CANCEL)


def test_an_attempt_that_a_crash_cut_off_is_made_again() -> None:
    assert after(QueueState.ACTIVE, QueueAction.RECOVER) is QueueState.QUEUED


@given(st.lists(st.sampled_from(Delivery)))
def test_an_entry_is_finished_when_nobody_waits_any_more(deliveries: list[Delivery]) -> None:
    assert (summary(deliveries) is QueueAction.DEFER) == (Delivery.PENDING in deliveries)
    assert (QueueState.ACTIVE, summary(deliveries)) in TRANSITIONS
