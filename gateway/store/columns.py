"""Column types that take what the domain has and keep it so that any database gives the same back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_DAY, _SECOND = 86_400, 1_000_000  # seconds, ticks
# A header's date may lie in the first or last hours that datetime knows; in UTC it would fall over the edge.
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _TICK
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _TICK


def to_ticks(moment: datetime) -> int:
    """Microseconds since 1970 in UTC; ValueError for a naive datetime."""
    if moment.utcoffset() is None:
        raise ValueError("a moment needs its time zone")
    since = moment - _EPOCH  # taken apart: to divide by a microsecond takes five times as long
    return min(max((since.days * _DAY + since.seconds) * _SECOND + since.microseconds, _FIRST), _LAST)


def from_ticks(ticks: int) -> datetime:
    """The moment in UTC."""
    return _EPOCH + timedelta(microseconds=ticks)


class Moment(TypeDecorator[datetime]):
    """An aware datetime as microseconds since 1970 in UTC: exact, sortable, the same on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_ticks(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_ticks(value)


class Words(TypeDecorator[str]):
    """Text from anywhere: what UTF-8 or a database can't hold (lone surrogates, NUL) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else clean(value)


def clean(text: str) -> str:
    """The text as every database can hold it."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return "".join("\ufffd" if char == "\0" or 0xD800 <= ord(char) < 0xE000 else char for char in text)
