"""The firm's office hours: read, checked, changed, written again."""

from __future__ import annotations

import tomllib
from datetime import date, time
from typing import Any

import pytest

from gateway.domain.errors import Faulty
from gateway.domain.firm import Firm
from gateway.domain.schedule import Opening
from gateway.office.difference import differences
from gateway.office.draft import parse
from gateway.settings.firmfile import firm_document
from gateway.settings.toml import write_toml

TEXT = """
[firm]
name = "F"
timezone = "Europe/Bucharest"
office_hours = { days = ["fri", "mon"], opens = "8:30", closes = "17:30", holidays = [2026-12-25, "2026-01-01"] }

[[rule]]
name = "while we are here"
office_hours = true
"""


def document(**changed: Any) -> dict[str, Any]:
    """The text with other office hours; None takes one away."""
    found = tomllib.loads(TEXT)
    hours = found["firm"]["office_hours"] | changed
    found["firm"]["office_hours"] = {key: value for key, value in hours.items() if value is not None}
    return found


def faults(wrong: dict[str, Any], current: Firm | None = None) -> dict[str, str]:
    with pytest.raises(Faulty) as caught:
        parse(wrong, current=current)
    return {fault.path: fault.sentence for fault in caught.value.faults}


def test_office_hours_are_read() -> None:
    firm = parse(document()).firm
    holidays = frozenset({date(2026, 12, 25), date(2026, 1, 1)})
    assert firm.office_hours == Opening(time(8, 30), time(17, 30), frozenset({0, 4}), holidays)
    assert firm.rules[0].office_hours is True


def test_without_days_they_are_the_workdays() -> None:
    opening = parse(document(days=None, holidays=None, closes="00:00")).firm.office_hours
    assert opening == Opening(time(8, 30), time(0))


def test_what_is_written_is_read_as_the_same() -> None:
    firm = parse(document()).firm
    assert parse(tomllib.loads(write_toml(firm_document(firm)))).firm == firm


@pytest.mark.parametrize(
    ("changed", "path", "says"),
    [
        ({"opens": "25:00"}, "firm.office_hours.opens", "08:30"),
        ({"opens": 8}, "firm.office_hours.opens", "08:30"),
        ({"closes": "8:30"}, "firm.office_hours", "closes after it opens"),
        ({"days": ["monday"]}, "firm.office_hours.days[0]", '"mon"'),
        ({"days": []}, "firm.office_hours.days", ""),
        ({"holidays": ["2026-02-30"]}, "firm.office_hours.holidays[0]", "no day"),
        ({"lunch": "12:00"}, "firm.office_hours.lunch", ""),
        ({"closes": None}, "firm.office_hours.closes", ""),
    ],
)
def test_what_is_wrong_is_said_at_its_place_and_nothing_else(changed: dict[str, Any], path: str, says: str) -> None:
    found = faults(document(**changed))
    assert list(found) == [path]
    assert says in found[path]


def test_a_rule_that_asks_for_office_hours_needs_some() -> None:
    without = tomllib.loads(TEXT)
    del without["firm"]["office_hours"]
    assert faults(without) == {"rule[0].office_hours": "the firm has no office_hours: say them in [firm]"}
    del without["rule"]
    assert list(faults(without, parse(document()).firm)) == ['rule "while we are here" (not in the file).office_hours']


def test_a_change_of_them_is_told() -> None:
    before, after = parse(document()).firm, parse(document(closes="18:00")).firm
    assert [(one.kind, one.verb, one.what) for one in differences(before, after)] == [
        ("firm", "changed", "office_hours")
    ]
    assert differences(before, parse(document(days=["mon", "fri"])).firm) == []
