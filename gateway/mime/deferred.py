"""Deferred-Delivery: the field by which Outlook and others say when a message is to leave (RFC 2156)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from gateway.domain.errors import BadMessage
from gateway.mime.header import Header, readable

NAME = "Deferred-Delivery"
MAX_VALUE = 200  # octets; a date with its comment takes 50

_KEY = NAME.lower()
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ZONES = {  # hours, RFC 5322 section 4.3; its military letters mean nothing that one can rely on
    "UT": 0, "UTC": 0, "GMT": 0, "Z": 0,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
_COMMENT = re.compile(r"\([^()\\]*\)")
_DATE = re.compile(
    rf"(?:({'|'.join(_DAYS)}) ?, ?)?(\d{{1,2}}) ({'|'.join(_MONTHS)}) (\d{{4}}) "
    r"(\d{1,2}) ?: ?(\d\d)(?: ?: ?(\d\d))? ([+-]\d{4}|[A-Z]{1,3})",
    re.IGNORECASE | re.ASCII,
)


def deferred_until(header: Header) -> datetime | None:
    """When the message is to leave, in UTC; None where the header does not say.

    Raises BadMessage where it says so in a way that can't be read as exactly one moment: to send such a message now
    would be what its author did not want, and can't be taken back.
    """
    if _KEY not in header.by_name:
        return None
    values = header.all(NAME)
    if len(values) > 1:
        raise BadMessage("The message says more than once when it is to be sent; set its delivery time again")
    text = " ".join(_COMMENT.sub(" ", readable(values[0][:MAX_VALUE])).split())
    moment = _moment(text) if len(values[0]) <= MAX_VALUE else None
    if moment is None:
        raise BadMessage(
            "The time at which the message is to be sent can't be read; set its delivery time again",
            detail=f"{NAME}: {text}",
        )
    return moment


def _moment(text: str) -> datetime | None:
    """RFC 5322 section 3.3, the zone in full; a day of the week that is not the date's is a slip in one of the two."""
    match = _DATE.fullmatch(text)
    zone = _zone(match[8]) if match else None
    if match is None or zone is None:
        return None
    day, month, year = int(match[2]), _MONTHS.index(match[3].lower()) + 1, int(match[4])
    try:
        moment = datetime(year, month, day, int(match[5]), int(match[6]), int(match[7] or 0), tzinfo=zone)
        utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None if match[1] and _DAYS[moment.weekday()] != match[1].lower() else utc


def _zone(word: str) -> timezone | None:
    """None for what names no offset."""
    if word[0] not in "+-":
        hours = _ZONES.get(word.upper())
        return None if hours is None else timezone(timedelta(hours=hours))
    if int(word[3:]) >= 60 or int(word[1:3]) >= 24:
        return None
    offset = timedelta(hours=int(word[1:3]), minutes=int(word[3:]))
    return timezone(-offset if word[0] == "-" else offset)
