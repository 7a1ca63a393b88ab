"""The few MAPI properties of an attachment that matter to us, out of a TNEF stream (MS-OXTNEF section 2.1.3.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_PROPERTIES = 10_000  # of one attachment; real ones have about thirty
MAX_VALUES = 10_000  # of one property

DATA, FILE_NAME, LONG_NAME, MIME_TYPE, DISPLAY_NAME = 0x3701, 0x3704, 0x3707, 0x370E, 0x3001

_OBJECT, _STRING, _UNICODE, _BINARY = 0x0D, 0x1E, 0x1F, 0x102
_SIZED = frozenset({_OBJECT, _STRING, _UNICODE, _BINARY})
_FIXED = {  # octets of a value with what fills it up to four
    0x01: 4,
    **dict.fromkeys((0x02, 0x03, 0x04, 0x0A, 0x0B), 4),
    **dict.fromkeys((0x05, 0x06, 0x07, 0x14, 0x40), 8),
    0x48: 16,
}
_MULTIPLE, _NAMED = 0x1000, 0x8000
_NAMED_BY_TEXT = 1
_MESSAGE = bytes.fromhex("0703020000000000c000000000000046")  # IID_IMessage: what follows is a TNEF stream again
IID = 16  # octets in front of an object


class Cut(Exception):
    """The stream ends before what it announced, or says what cannot be."""


@dataclass(slots=True)
class Stream:
    """Reads little-endian numbers and stretches, never beyond its end."""

    raw: bytes
    at: int
    stop: int

    def number(self, size: int) -> int:
        return int.from_bytes(self.raw[self.skip(size) : self.at], "little")

    def skip(self, size: int) -> int:
        """Go past so many octets; where they began."""
        begun = self.at
        if size > self.stop - begun:
            raise Cut
        self.at += size
        return begun


@dataclass(slots=True)
class Properties:
    """``data`` is where the content lies; names are empty where nobody gave them."""

    names: dict[int, str] = field(default_factory=dict)
    data: tuple[int, int] | None = None
    holds_message: bool = False


def properties(raw: bytes, start: int, stop: int, codec: str) -> Properties:
    """Read them as far as they can be read; ``codec`` is that of the strings that are not Unicode."""
    found = Properties()
    try:
        for kind, name, low, high in _values(Stream(raw, start, stop)):
            if name == DATA and kind == _OBJECT and high - low >= IID:
                found.holds_message = raw[low : low + IID] == _MESSAGE
                found.data = low + IID, high
            elif name == DATA and kind == _BINARY:
                found.data = low, high
            elif kind in {_STRING, _UNICODE}:
                charset = "utf-16-le" if kind == _UNICODE else codec
                text = raw[low : min(high, low + MAX_VALUES)].decode(charset, "replace")
                found.names.setdefault(name, text.partition("\0")[0])
    except Cut:
        return found
    return found


def _values(stream: Stream) -> Iterator[tuple[int, int, int, int]]:
    """Yield type, property, and where its first value lies; only of those with a length of their own."""
    for _ in range(min(stream.number(4), MAX_PROPERTIES)):
        kind, name = stream.number(2), stream.number(2)
        if name >= _NAMED:
            _pass_name(stream)
        several, kind = bool(kind & _MULTIPLE), kind & ~_MULTIPLE
        if kind in _SIZED:
            for number in range(_count(stream)):
                length = stream.number(4)
                low = stream.skip(length)
                stream.at = min(stream.stop, stream.at + -length % 4)
                if number == 0:
                    yield kind, name, low, low + length
        elif kind in _FIXED:
            stream.skip(_FIXED[kind] * (_count(stream) if several else 1))
        else:
            raise Cut


def _pass_name(stream: Stream) -> None:
    stream.skip(16)  # the property set
    if stream.number(4) == _NAMED_BY_TEXT:
        length = stream.number(4)
        stream.skip(length + -length % 4)
    else:
        stream.skip(4)


def _count(stream: Stream) -> int:
    count = stream.number(4)
    if count > MAX_VALUES:
        raise Cut
    return count
