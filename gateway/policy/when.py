"""Times as people write them: "2026-12-01 09:00", "tomorrow 9:00", "in 2 hours", "monday 08:30"."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from gateway.domain.errors import Fault, Faulty
from gateway.policy.schedule import moment_of

MAX_LENGTH = 100  # characters: no time needs more

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2})(?::(?P<second>\d{2}))?)?\s?(?P<half>am|pm)?"
_AT = rf"(?:,|,? at)? {_CLOCK}"
_ABSOLUTE = re.compile(
    r"(?:(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})|(?P<day2>\d{1,2})\.(?P<month2>\d{1,2})\.(?P<year2>\d{4}))"
    rf"(?:t|,? at |,? ){_CLOCK}(?:\.\d{{1,9}})?(?: ?(?P<zone>z|utc|[+-]\d{{2}}:?\d{{2}}))?"
)
_RELATIVE = re.compile(rf"(?P<next>next |on )?(?P<word>[a-z]+){_AT}")
_ALONE = re.compile(rf"(?:at )?{_CLOCK}")
_IN = re.compile(r"in (?P<spans>\d{1,5} ?[a-z]+(?:,? (?:and )?\d{1,5} ?[a-z]+){0,3})")
_SPAN = re.compile(r"(\d{1,5}) ?([a-z]+)")
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")
_UNITS = {
    "minutes": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "mins": timedelta(minutes=1),
    "m": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "h": timedelta(hours=1),
    "days": timedelta(days=1),
    "d": timedelta(days=1),
    "weeks": timedelta(weeks=1),
    "w": timedelta(weeks=1),
}
_ONE = {"minute": "minutes", "hour": "hours", "hr": "hours", "hrs": "hours", "day": "days", "week": "weeks"}


def parse_when(text: str, now: datetime, zone: tzinfo) -> datetime:
    """The moment that a person means, in UTC; ``zone`` is where their clock hangs, unless they name an offset.

    `Faulty`, with a sentence, for what can't be read and for what is past. A time that the clock skips in spring is the
    next one that it shows; one that it shows twice in autumn is the first.
    """
    plain = " ".join(text[: MAX_LENGTH + 1].lower().split())
    if not plain or len(plain) > MAX_LENGTH:
        raise _unclear(text)
    if plain == "now":
        return now.astimezone(UTC)
    try:
        found = _absolute(plain, zone) or _in(plain, now, zone) or _relative(plain, now, zone)
    except (ValueError, OverflowError) as error:
        raise _fault(f"“{_short(text)}” is in no calendar. Check the day, the hour and the minutes.") from error
    if found is None:
        raise _unclear(text)
    if found < now:
        shown = found.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        raise _fault(f"“{_short(text)}” is past ({shown}). Choose a time that is still to come.")
    return found


def _absolute(plain: str, zone: tzinfo) -> datetime | None:
    match = _ABSOLUTE.fullmatch(plain)
    if not match or (match["minute"] is None and not match["half"]):
        return None
    day = date(*(int(match[name] or match[f"{name}2"]) for name in ("year", "month", "day")))
    return moment_of(day, _clock(match), _offset(match["zone"]) or zone)


def _in(plain: str, now: datetime, zone: tzinfo) -> datetime | None:
    """Hours and minutes are counted on a stop-watch; days and weeks in the calendar, at the same time of day."""
    match = _IN.fullmatch(plain)
    if not match:
        return None
    calendar = watch = timedelta()
    for number, word in _SPAN.findall(match["spans"]):
        unit = _UNITS.get(_ONE.get(word, word))
        if unit is None:
            return None
        if unit >= timedelta(days=1):
            calendar += int(number) * unit
        else:
            watch += int(number) * unit
    if not calendar:
        return now.astimezone(UTC) + watch
    local = now.astimezone(zone)
    return moment_of(local.date() + calendar, local.time(), zone) + watch


def _relative(plain: str, now: datetime, zone: tzinfo) -> datetime | None:
    today = now.astimezone(zone).date()
    alone = _ALONE.fullmatch(plain)
    if alone:
        if alone["minute"] is None and not alone["half"]:
            return None
        return _coming(today, 1, _clock(alone), now, zone)
    match = _RELATIVE.fullmatch(plain)
    if not match:
        return None
    word, clock = match["word"], _clock(match)
    if word in {"today", "tomorrow"} and not match["next"]:
        return moment_of(today + timedelta(days=int(word == "tomorrow")), clock, zone)
    named = [number for number, name in enumerate(_DAYS) if word in {name, name[:3]}]
    if not named:
        return None
    ahead = (named[0] - today.weekday()) % 7
    if match["next"] == "next " and not ahead:
        ahead = 7
    return _coming(today + timedelta(days=ahead), 7, clock, now, zone)


def _coming(day: date, step: int, clock: time, now: datetime, zone: tzinfo) -> datetime:
    """That time of that day, or ``step`` days later where it is over."""
    found = moment_of(day, clock, zone)
    return found if found >= now else moment_of(day + timedelta(days=step), clock, zone)


def _clock(match: re.Match[str]) -> time:
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("twelve hours have numbers from 1 to 12")
        hour = hour % 12 + 12 * (match["half"] == "pm")
    return time(hour, int(match["minute"] or 0), int(match["second"] or 0))


def _offset(word: str | None) -> tzinfo | None:
    match = _OFFSET.fullmatch(word or "")
    if not match:
        return UTC if word else None
    span = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-span if match[1] == "-" else span)


def _short(text: str) -> str:
    return " ".join(text[:60].split())


def _unclear(text: str) -> Faulty:
    return _fault(
        f"“{_short(text)}” can't be read as a time. Write for example 2026-12-01 09:00, tomorrow 9:00, monday 08:30, "
        "17:30 or in 2 hours."
    )


def _fault(sentence: str) -> Faulty:
    return Faulty("When", [Fault("", sentence)])
