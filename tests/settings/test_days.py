"""Days: as TOML has them, or as text in JSON; a time of day is none."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import Faulty
from gateway.settings.days import as_json, parse_day
from gateway.settings.firmfile import read


@given(st.dates())
def test_a_day_is_the_same_from_toml_and_from_json(day: date) -> None:
    assert parse_day(day) == parse_day(day.isoformat()) == day


@pytest.mark.parametrize(
    "value",
    ["2026-8-1", "20260801", "2026-W31-6", "2026-08-01T00:00", " 2026-08-01", "", 20260801, None, True, ["2026-08-01"]],
)
def test_what_is_no_day_is_told_how_one_looks(value: object) -> None:
    with pytest.raises(ValueError, match="like 2026-08-01"):
        parse_day(value)


def test_a_day_that_no_calendar_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no day 2026-02-30"):
        parse_day("2026-02-30")


def test_a_time_of_day_is_no_day() -> None:
    with pytest.raises(ValueError, match="must be a day"):
        parse_day(datetime(2026, 8, 1, 12))  # noqa: DTZ001 - as TOML has it


def test_days_become_text_wherever_they_stand_and_times_are_faults() -> None:
    table: dict[str, object] = {"a": [{"b": date(2026, 8, 1), "c": [time(1)]}], "d": datetime(2026, 8, 1), "e": 5}  # noqa: DTZ001
    assert [fault.path for fault in as_json(table)] == ["a[0].c[0]", "d"]
    assert json.loads(json.dumps(table))["a"][0]["b"] == "2026-08-01"


def test_grants_of_a_file_reach_json_and_a_time_in_it_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "firm.toml"
    path.write_text('[[mailbox]]\ngrants = [{ member = "ion", first = 2026-08-01, last = "2026-08-15" }]\n')
    grant = {"member": "ion", "first": "2026-08-01", "last": "2026-08-15"}
    assert read([path], {}) == {"mailbox": [{"grants": [grant]}]}
    path.write_text("[[mailbox]]\ngrants = [{ first = 2026-08-01T08:00:00 }]\n")
    with pytest.raises(Faulty) as refused:
        read([path], {})
    assert [fault.path for fault in refused.value.faults] == ["mailbox[0].grants[0].first"]
