"""Office hours by rule: whoever is urgent leaves at once all the same."""

from __future__ import annotations

import pytest

from gateway.domain.firm import Rule
from tests.policy.test_rules import decided

OPEN = Rule("open", office_hours=True)
ION = "From: Ion Ionescu <ion@firm.example>"


def test_a_rule_makes_a_message_wait_for_office_hours_and_says_that_it_acted() -> None:
    assert not decided().in_office_hours
    decision = decided(OPEN)
    assert decision.in_office_hours
    assert decision.rules == ("open",)


def test_the_first_rule_that_says_anything_of_office_hours_decides() -> None:
    decision = decided(Rule("never mind", office_hours=False), OPEN)
    assert not decision.in_office_hours
    assert decision.rules == ("never mind",)


@pytest.mark.parametrize(
    ("field", "waits"),
    [
        ("X-Postern-Now: yes", False),
        ("x-postern-NOW:  Yes ", False),
        ("X-Postern-Now: no", True),
        ("X-Postern-Now:", True),
        ("X-Postern-Nowhere: yes", True),
    ],
)
def test_what_is_urgent_does_not_wait(field: str, waits: bool) -> None:
    assert decided(OPEN, header=f"{ION}\r\n{field}").in_office_hours is waits
