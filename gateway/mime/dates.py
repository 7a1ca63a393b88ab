"""Dates as mail has them (RFC 5322 section 3.3): written as it says they are read quickly, others as Python does it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_DATE = 100  # characters

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PLAIN = re.compile(
    rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?([0-9]{{1,2}}) ({'|'.join(_MONTHS)}) ([12][0-9]{{3}}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([01][0-9])([0-5][0-9])"
)


def read_date(text: str) -> datetime | None:
    """The moment, in UTC; None for what is none. One without a zone is taken to be in UTC."""
    text = text.strip()[:MAX_DATE]
    plain = _PLAIN.fullmatch(text)
    try:
        if plain is None:
            date = parsedate_to_datetime(text)
            return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
        day, month, year, hour, minute, second, sign, hours, minutes = plain.groups()
        number = _MONTHS.index(month) + 1
        local = datetime(int(year), number, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return local - offset if sign == "+" else local + offset
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
