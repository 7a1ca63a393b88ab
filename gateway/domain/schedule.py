"""When a firm's mail leaves: its office hours, on the wall clock of its own zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, time, tzinfo

MIDNIGHT = time(0)
WORKDAYS = frozenset(range(5))  # Monday to Friday, as `date.weekday` counts


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """Open from ``opens`` on, until before ``closes``, on each of ``days`` that is no holiday.

    ``closes`` at 00:00 means until the end of the day. Both are wall-clock times without a zone: that is ``timezone``.
    """

    timezone: tzinfo
    opens: time
    closes: time
    days: frozenset[int] = WORKDAYS  # 0 is Monday
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if self.opens.tzinfo or self.closes.tzinfo:
            raise ValueError("office hours are wall-clock times; the zone is said once")
        if self.closes != MIDNIGHT and self.opens >= self.closes:
            raise ValueError("an office closes after it opens, on the same day")
        if not self.days or not self.days <= frozenset(range(7)):
            raise ValueError("days are some of 0 (Monday) to 6 (Sunday)")

    def is_working_day(self, day: date) -> bool:
        """Whether the office opens at all on that day."""
        return day.weekday() in self.days and day not in self.holidays


@dataclass(frozen=True, slots=True)
class Opening:
    """The same without its zone, as the firm writes it down: the zone is the firm's."""

    opens: time
    closes: time
    days: frozenset[int] = WORKDAYS
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        self.in_zone(UTC)

    def in_zone(self, zone: tzinfo) -> OfficeHours:
        """On the clock of that zone."""
        return OfficeHours(zone, self.opens, self.closes, self.days, self.holidays)
