"""The quick way reads a date as Python's own does, and gives way to it for whatever is written differently."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.dates import read_date

DAYS = st.sampled_from(["", "Mon, ", "Sat, ", "sat, ", "Sat,", "Sun , "])
MONTHS = st.sampled_from(["Jan", "Feb", "Mar", "Dec", "mar", "Sept", "13", "Foo"])
YEARS = st.sampled_from(["1000", "1969", "1970", "2000", "2026", "2038", "2999", "9999", "0099", "99", "26", "3000"])
ZONES = st.sampled_from(["+0000", "-0000", "+0530", "-0930", "+1959", "-1959", "+2400", "+0060", "GMT", "EST", "Z", ""])
ENDS = st.sampled_from(["", " ", " (UTC)", " x", "\r\n"])


def by_python(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


@given(
    DAYS,
    st.integers(0, 40),
    MONTHS,
    YEARS,
    st.tuples(st.integers(0, 25), st.integers(0, 61), st.integers(0, 61)),
    ZONES,
    ENDS,
)
def test_a_date_is_what_python_says_that_it_is(
    day: str, number: int, month: str, year: str, clock: tuple[int, int, int], zone: str, end: str
) -> None:
    text = f"{day}{number} {month} {year} {':'.join(f'{part:02}' for part in clock)} {zone}{end}"
    assert read_date(text) == by_python(text.strip())


@given(st.text(max_size=60))
def test_whatever_is_written_there_never_raises(text: str) -> None:
    found = read_date(text)
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_moment_beyond_the_calendar_is_none(year: str) -> None:
    assert read_date(f"1 Jan {year} 00:00:00 +1200") == by_python(f"1 Jan {year} 00:00:00 +1200")
    assert read_date("31 Dec 9999 23:59:59 -1200") is None
