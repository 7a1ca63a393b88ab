"""When a message leaves: not before the author's time, not within the undo window, and in office hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import count

from gateway.domain.schedule import MIDNIGHT, OfficeHours

_STEP = timedelta(microseconds=1)


def release_at(asked: datetime | None, now: datetime, undo: timedelta, hours: OfficeHours | None) -> datetime:
    """When the message may leave, in UTC: the earliest moment that all of them allow.

    ``asked`` is the author's time (None: at once), ``undo`` how long they may take it back, both counted from ``now``.
    """
    earliest = (now + undo).astimezone(UTC)
    if asked is not None:
        earliest = max(earliest, asked.astimezone(UTC))
    return earliest if hours is None else next_open(earliest, hours)


def next_open(moment: datetime, hours: OfficeHours) -> datetime:
    """The first moment from ``moment`` on at which the office is open, in UTC; ``moment`` itself where it is."""
    moment = moment.astimezone(UTC)
    today = moment.astimezone(hours.timezone).date()
    for ahead in count():  # it ends: holidays are finite, and every other week has an opening
        day = today + timedelta(days=ahead)
        if not hours.is_working_day(day):
            continue
        opens, closes = _bounds(day, hours)
        if max(moment, opens) < closes:
            return max(moment, opens)
    raise AssertionError("counting ends never")


def moment_of(day: date, wall: time, zone: tzinfo) -> datetime:
    """The moment at which a clock in ``zone`` first shows that time of that day, in UTC.

    Where the clock never shows it because it is set forward, the moment at which it first shows a later one.
    """
    naive = datetime.combine(day, wall)
    first = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _shown(first, zone) == naive:
        return first
    low = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)  # in a gap this one lies before it (PEP 495), first behind
    high = first
    while high - low > _STEP:
        middle = low + (high - low) // 2
        low, high = (low, middle) if _shown(middle, zone) >= naive else (middle, high)
    return high


def _bounds(day: date, hours: OfficeHours) -> tuple[datetime, datetime]:
    closes = day + timedelta(days=1) if hours.closes == MIDNIGHT else day
    return moment_of(day, hours.opens, hours.timezone), moment_of(closes, hours.closes, hours.timezone)


def _shown(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)
