"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import Faulty
from gateway.policy.when import parse_when

BUCHAREST = ZoneInfo("Europe/Bucharest")
NOW = datetime(2026, 11, 25, 10, 30, tzinfo=BUCHAREST).astimezone(UTC)  # a Wednesday


def when(text: str, now: datetime = NOW) -> str:
    found = parse_when(text, now, BUCHAREST)
    assert found.tzinfo is UTC
    return found.astimezone(BUCHAREST).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-12-01 09:00", "2026-12-01 09:00"),
        ("2026-12-01T09:00", "2026-12-01 09:00"),
        ("2026-12-01 09:00:30", "2026-12-01 09:00"),
        ("2026-12-01T09:00:00Z", "2026-12-01 11:00"),
        ("2026-12-01T09:00:00.123+02:00", "2026-12-01 09:00"),
        ("2026-12-01 09:00 -0500", "2026-12-01 16:00"),
        ("2026-12-01 at 9am", "2026-12-01 09:00"),
        ("1.12.2026 9:05", "2026-12-01 09:05"),
        ("01.12.2026, 21.30", "2026-12-01 21:30"),
        ("today 17:00", "2026-11-25 17:00"),
        ("Tomorrow 9:00", "2026-11-26 09:00"),
        ("tomorrow at 9", "2026-11-26 09:00"),
        ("tomorrow, 12 am", "2026-11-26 00:00"),
        ("tomorrow 12pm", "2026-11-26 12:00"),
        ("monday 08:30", "2026-11-30 08:30"),
        ("on Mon 08:30", "2026-11-30 08:30"),
        ("next monday at 8:30", "2026-11-30 08:30"),
        ("wednesday 11:00", "2026-11-25 11:00"),
        ("wednesday 10:00", "2026-12-02 10:00"),
        ("next wednesday 11:00", "2026-12-02 11:00"),
        ("17:30", "2026-11-25 17:30"),
        ("at 9:00", "2026-11-26 09:00"),
        ("5pm", "2026-11-25 17:00"),
        ("in 2 hours", "2026-11-25 12:30"),
        ("in 1 hour and 30 minutes", "2026-11-25 12:00"),
        ("in 90 min", "2026-11-25 12:00"),
        ("in 1h 5m", "2026-11-25 11:35"),
        ("in 3 days", "2026-11-28 10:30"),
        ("in 2 weeks", "2026-12-09 10:30"),
        ("now", "2026-11-25 10:30"),
        ("  TOMORROW\t 9:00 ", "2026-11-26 09:00"),
    ],
)
def test_people_are_understood(text: str, meant: str) -> None:
    assert when(text) == meant


@pytest.mark.parametrize(
    ("text", "now", "meant"),
    [
        ("2026-03-29 03:30", "2026-03-28 12:00", "2026-03-29 04:00"),
        ("tomorrow 3:30", "2026-03-28 12:00", "2026-03-29 04:00"),
        ("in 1 day", "2026-03-28 12:00", "2026-03-29 12:00"),
        ("in 24 hours", "2026-03-28 12:00", "2026-03-29 13:00"),
        ("in 24 hours", "2026-10-24 12:00", "2026-10-25 11:00"),
    ],
)
def test_E1_the_clock_may_be_changed_in_between(text: str, now: str, meant: str) -> None:
    assert when(text, datetime.fromisoformat(now).replace(tzinfo=BUCHAREST)) == meant


def test_E1_a_time_that_comes_twice_is_the_first() -> None:
    found = parse_when("2026-10-25 03:30", NOW - timedelta(days=90), BUCHAREST)
    assert found == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "soon",
        "2026-12-01",
        "tomorrow",
        "monday",
        "9",
        "01/12/2026 09:00",
        "2026-12-01 9",
        "in a while",
        "in 2 fortnights",
        "in two hours",
        "next today 9:00",
        "2026-12-01 09:00 Europe/Bucharest",
        "2026-12-01 09:00\n2027",
        "x" * 5_000,
    ],
)
def test_what_is_unclear_is_answered_with_examples(text: str) -> None:
    with pytest.raises(Faulty, match="2026-12-01 09:00, tomorrow 9:00") as raised:
        parse_when(text, NOW, BUCHAREST)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    "text", ["2026-02-30 09:00", "2026-12-01 25:00", "tomorrow 9:75", "13pm", "9999-12-31 23:59 -2359"]
)
def test_what_no_calendar_knows_is_said(text: str) -> None:
    with pytest.raises(Faulty, match="in no calendar"):
        parse_when(text, NOW, BUCHAREST)


@pytest.mark.parametrize("text", ["2026-11-25 10:29", "today 9:00", "2020-01-01 00:00Z", "25.11.2026 9:00"])
def test_what_is_past_is_said_with_the_time_that_was_understood(text: str) -> None:
    with pytest.raises(Faulty, match=r"is past \(20\d\d-\d\d-\d\d \d\d:\d\d\)"):
        parse_when(text, NOW, BUCHAREST)


WORDS = st.sampled_from(
    ["in", "next", "monday", "tomorrow", "at", "9", "9:00", "99999", "days", "2026-12-01", "pm", "t", "z"]
)


@given(st.lists(WORDS | st.text(max_size=5), max_size=6), st.sampled_from(["", " "]))
def test_any_text_is_a_time_to_come_or_a_sentence(words: list[str], between: str) -> None:
    found: datetime | str
    try:
        found = parse_when(between.join(words), NOW, BUCHAREST)
    except Faulty as fault:
        found = fault.faults[0].sentence
    assert found.endswith(".") if isinstance(found, str) else found >= NOW


@given(st.integers(0, 7_000_000))
def test_what_we_show_is_understood_again(minutes: int) -> None:
    moment = NOW + timedelta(minutes=minutes)
    assert parse_when(moment.isoformat(), NOW, BUCHAREST) == moment
