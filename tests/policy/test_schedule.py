"""When mail leaves: compared minute by minute with an office that watches its own clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.schedule import MIDNIGHT, OfficeHours
from gateway.policy.schedule import moment_of, next_open, release_at

BUCHAREST = ZoneInfo("Europe/Bucharest")  # 2026-03-29 03:00 -> 04:00, 2026-10-25 04:00 -> 03:00
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # half an hour of daylight saving
HAVANA = ZoneInfo("America/Havana")  # it changes at midnight
APIA = ZoneInfo("Pacific/Apia")  # there was no 2011-12-30
ZONES = (BUCHAREST, LORD_HOWE, HAVANA, APIA, ZoneInfo("America/New_York"), ZoneInfo("UTC"))
NINE_TO_FIVE = OfficeHours(BUCHAREST, time(9), time(17))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%a %Y-%m-%d %H:%M")


def test_without_wishes_a_message_leaves_when_the_undo_window_ends() -> None:
    now = utc("2026-11-23 08:00")
    assert release_at(None, now, timedelta(0), None) == now
    assert release_at(None, now, timedelta(seconds=30), None) == now + timedelta(seconds=30)


@pytest.mark.parametrize("minutes", [-60, 0, 5, 600])
def test_the_authors_time_is_kept_but_never_ends_the_undo_window_early(minutes: int) -> None:
    now, undo = utc("2026-11-23 08:00"), timedelta(minutes=5)
    asked = now + timedelta(minutes=minutes)
    assert release_at(asked, now, undo, None) == max(asked, now + undo)


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        ("2026-11-23 06:59", "Mon 2026-11-23 09:00"),
        ("2026-11-23 07:00", "Mon 2026-11-23 09:00"),
        ("2026-11-23 14:59", "Mon 2026-11-23 16:59"),
        ("2026-11-23 15:00", "Tue 2026-11-24 09:00"),
        ("2026-11-27 20:00", "Wed 2026-12-02 09:00"),  # a week-end and two holidays
        ("2026-10-23 20:00", "Mon 2026-10-26 09:00"),  # the clock goes back in between
    ],
)
def test_a_message_waits_for_the_next_opening_in_the_firms_zone(moment: str, opening: str) -> None:
    hours = OfficeHours(
        BUCHAREST, time(9), time(17), holidays=frozenset({date(2026, 11, 30), date(2026, 12, 1)})
    )  # Saint Andrew, National Day
    found = release_at(utc(moment), utc("2026-10-01 00:00"), timedelta(0), hours)
    assert local(found, BUCHAREST) == opening
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("day", "wall", "zone", "expected"),
    [
        (date(2026, 3, 29), time(2, 59), BUCHAREST, "2026-03-29 00:59"),
        (date(2026, 3, 29), time(3, 30), BUCHAREST, "2026-03-29 01:00"),  # skipped: 04:00 is the next
        (date(2026, 3, 29), time(4, 0), BUCHAREST, "2026-03-29 01:00"),
        (date(2026, 10, 25), time(3, 30), BUCHAREST, "2026-10-25 00:30"),  # twice: the first
        (date(2026, 10, 25), time(4, 0), BUCHAREST, "2026-10-25 02:00"),
        (date(2026, 10, 4), time(2, 15), LORD_HOWE, "2026-10-03 15:30"),
        (date(2026, 3, 8), time(0, 30), HAVANA, "2026-03-08 05:00"),
        (date(2011, 12, 30), time(9, 0), APIA, "2011-12-30 10:00"),
    ],
)
def test_E1_wall_times_that_do_not_exist_or_exist_twice(day: date, wall: time, zone: tzinfo, expected: str) -> None:
    assert moment_of(day, wall, zone) == utc(expected)


def test_hours_within_a_skipped_hour_open_on_the_next_working_day() -> None:
    hours = OfficeHours(BUCHAREST, time(3, 10), time(3, 50), days=frozenset({6}))
    assert local(next_open(utc("2026-03-28 12:00"), hours), BUCHAREST) == "Sun 2026-04-05 03:10"


def test_an_office_may_be_open_until_midnight() -> None:
    hours = OfficeHours(BUCHAREST, time(22), MIDNIGHT)
    assert local(next_open(utc("2026-11-23 21:59"), hours), BUCHAREST) == "Mon 2026-11-23 23:59"
    assert local(next_open(utc("2026-11-23 22:00"), hours), BUCHAREST) == "Tue 2026-11-24 22:00"


@pytest.mark.parametrize(
    ("opens", "closes", "days"),
    [
        (time(9), time(9), {0}),
        (time(17), time(9), {0}),
        (time(9), time(17), set()),
        (time(9), time(17), {7}),
        (time(9, tzinfo=UTC), time(17), {0}),
    ],
)
def test_hours_that_no_office_has_are_refused(opens: time, closes: time, days: set[int]) -> None:
    with pytest.raises(ValueError, match=r"office|days"):
        OfficeHours(UTC, opens, closes, frozenset(days))


def watched(moment: datetime, hours: OfficeHours, minutes: int) -> datetime | None:
    """The first open minute, by somebody who looks at the office's clock every minute from two days before.

    On a working day they open when the clock first shows the hour or a later one, and close likewise, for that day.
    """
    is_open = False
    opened: set[date] = set()
    closed: set[date] = set()
    clock = moment.replace(second=0, microsecond=0) - timedelta(days=2)
    for _ in range(minutes):
        shown = clock.astimezone(hours.timezone)
        day, wall = shown.date(), shown.time()
        if is_open and (day not in opened or (hours.closes != MIDNIGHT and wall >= hours.closes)):
            is_open = False
            closed |= opened
        if hours.is_working_day(day) and wall >= hours.opens and day not in opened | closed:
            opened.add(day)
            is_open = hours.closes == MIDNIGHT or wall < hours.closes
            if not is_open:
                closed.add(day)
        if is_open and clock >= moment:
            return clock
        clock += timedelta(minutes=1)
    return None


CHANGES = {  # moments around which something happens to a clock
    BUCHAREST: ("2026-03-29 01:00", "2026-10-25 01:00"),
    LORD_HOWE: ("2026-04-04 15:00", "2026-10-03 15:30"),
    HAVANA: ("2026-03-08 05:00", "2026-11-01 05:00"),
    APIA: ("2011-12-30 10:00",),
}


@st.composite
def cases(draw: st.DrawFn) -> tuple[datetime, OfficeHours]:
    zone = draw(st.sampled_from(sorted(CHANGES, key=str)))
    moment = utc(draw(st.sampled_from(CHANGES[zone]))) + timedelta(minutes=draw(st.integers(-1_500, 1_500)))
    opens = draw(st.integers(0, 1_438))
    closes = draw(st.integers(opens + 1, 1_440)) % 1_440
    walls = (time(opens // 60, opens % 60), time(closes // 60, closes % 60))
    days = draw(st.frozensets(st.integers(0, 6), min_size=1))
    around = moment.date()
    holidays = draw(st.frozensets(st.integers(-2, 9).map(lambda n: around + timedelta(days=n)), max_size=3))
    return moment, OfficeHours(zone, *walls, days, holidays)


@settings(max_examples=40, deadline=None)
@given(cases())
def test_E1_the_next_opening_is_the_one_that_somebody_sees_who_watches_the_clock(
    case: tuple[datetime, OfficeHours],
) -> None:
    moment, hours = case
    seen = watched(moment, hours, 9 * 24 * 60)
    found = next_open(moment, hours)
    if seen is None:
        assert found >= moment + timedelta(days=6)
    else:
        assert found == seen


@given(st.dates(date(2000, 1, 1), date(2037, 1, 1)), st.sampled_from(ZONES), st.times())
def test_a_moment_of_a_day_is_the_first_that_the_clock_shows(day: date, zone: tzinfo, wall: time) -> None:
    found = moment_of(day, wall, zone)
    assert found.astimezone(zone).replace(tzinfo=None) >= datetime.combine(day, wall)
    before = (found - timedelta(microseconds=1)).astimezone(zone).replace(tzinfo=None)
    assert before < datetime.combine(day, wall)
