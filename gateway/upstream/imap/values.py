"""The grammar that IMAP data is written in: atoms, strings, literals and lists, read without recursion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from gateway.upstream.imap.frame import fault

MAX_DEPTH = 50  # lists within lists: what we ask for has two
MAX_VALUES = 20_000  # of one response: each costs ten times its octets in memory

Value = bytes | list["Value"] | None
"""An atom, string or literal; a list; or NIL."""

_TOKEN = re.compile(
    rb" *+(?:(\()|(\))"
    rb'|"((?:[^"\\\r\n]++|\\.)*+)"'
    rb"|([A-Za-z0-9.]+\[[^\]\r\n]*+\](?:<[0-9]+>)?|[^ ()\"\r\n\0]++)) *+"
)
_DATE = re.compile(rb" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_MONTHS = {name: index + 1 for index, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split())}


def read_values(pieces: Sequence[bytes]) -> list[Value]:
    """The values of text, literal, text, …; ProtocolFault when the text breaks the grammar or a limit."""
    stack: list[list[Value]] = [[]]
    count = 0
    for index, piece in enumerate(pieces):
        if index % 2:
            stack[-1].append(piece)
        else:
            count += _read_text(piece, stack, MAX_VALUES - count)
    if len(stack) != 1:
        raise fault("a list that is not closed")
    return stack[0]


def _read_text(text: bytes, stack: list[list[Value]], limit: int) -> int:
    position = count = 0
    end = len(text)
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise fault("data that is neither atom, string nor list")
        position = match.end()
        count += 1
        if count > limit:
            raise fault(f"more than {MAX_VALUES} values in one response")
        kind = match.lastindex
        if kind == 4:
            atom = match[4]
            stack[-1].append(None if len(atom) == 3 and atom.upper() == b"NIL" else atom)
        elif kind == 3:
            quoted = match[3]
            stack[-1].append(_unescaped(quoted) if b"\\" in quoted else quoted)
        else:
            _turn(kind == 1, stack)
    return count


def _turn(into: bool, stack: list[list[Value]]) -> None:
    """Into a list, or out of it."""
    if not into:
        if len(stack) == 1:
            raise fault("a list that is closed and was never opened")
        stack.pop()
        return
    if len(stack) > MAX_DEPTH:
        raise fault(f"lists nested deeper than {MAX_DEPTH}")
    inner: list[Value] = []
    stack[-1].append(inner)
    stack.append(inner)


def _unescaped(quoted: bytes) -> bytes:
    """A backslash goes, what it stands before stays; a pattern would take a second for a megabyte of them."""
    return b"\\".join(part.replace(b"\\", b"") for part in quoted.split(b"\\\\"))


def number(value: Value) -> int:
    """A number of IMAP: at most 63 bits (RFC 9051 section 4.2)."""
    if not isinstance(value, bytes) or not value.isdigit() or len(value) > 19:
        raise fault("no number where one belongs")
    return int(value)


def pairs(values: Value) -> dict[str, Value]:
    """A list of name, value, name, value, …; names in upper case, without the ``<n>`` of a partial fetch."""
    if not isinstance(values, list) or len(values) % 2:
        raise fault("no list of names and values where one belongs")
    found: dict[str, Value] = {}
    for name, value in zip(values[::2], values[1::2], strict=True):
        if not isinstance(name, bytes):
            raise fault("a value without a name")
        found[_name(name)] = value
    return found


@lru_cache(maxsize=256)  # the same four for every message
def _name(name: bytes) -> str:
    return name.partition(b"<")[0].decode("ascii", "replace").upper()


def atoms(value: Value) -> tuple[str, ...]:
    """The words of a list, such as flags."""
    if not isinstance(value, list):
        raise fault("no list where one belongs")
    return tuple(item.decode("ascii", "replace") for item in value if isinstance(item, bytes))


def date_time(value: Value) -> datetime | None:
    """INTERNALDATE; None when the server wrote something that is no date."""
    match = _DATE.fullmatch(value) if isinstance(value, bytes) else None
    month = _MONTHS.get(match[2].lower()) if match else None
    if match is None or month is None:
        return None
    day, _, year, hour, minute, second, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    try:
        local = datetime(int(year), month, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        return local + offset if sign == b"-" else local - offset
    except (ValueError, OverflowError):
        return None
