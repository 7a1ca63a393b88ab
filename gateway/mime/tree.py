"""The parts of a message by offset (RFC 2046 section 5.1): walked without recursion, bounded, nothing copied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import NamedTuple

from gateway.mime.header import NO_FIELD, Header
from gateway.mime.params import media_type, parse_value

MAX_DEPTH = 100  # Postfix's mime_nesting_limit; below it a multipart is opaque
MAX_PARTS = 10_000  # the rest belongs to the last one; real mail has under 200
MAX_BOUNDARY = 998  # octets; the standard says 70, a line holds no more
MAX_SCANS = 30  # times the message's size that we look for boundaries: nested multiparts are looked at again

MAX_FLAT = 64 * 1024  # octets of a message that is cut, and so copied, at once
MAX_FLAT_PARTS = 100  # of it; real mail has under 20
MAX_LOOKALIKES = 100_000  # lines of one multipart that are a delimiter or begin like one

MAX_KNOWN_BLOCK = 400  # octets of a header block that is remembered
MAX_KNOWN_BLOCKS = 1_000  # about a megabyte with what they say

_END = re.compile(rb"\r?\n\r?\n")
_TAIL = re.compile(rb"(--)?[ \t]*+(?:(?=\r?\n)|\Z)")
_DIGEST = "multipart/digest"
_WORD = re.compile(r"[^\s;()]*")


@dataclass(slots=True)  # nobody changes one; made for each part, and frozen it would take four times as long
class Part:
    """One part; all offsets are those of the whole message. The body ends before the CRLF of the next delimiter."""

    number: int
    parent: int | None
    path: str  # as IMAP numbers parts (RFC 9051 section 6.4.5.1); empty for a multipart message itself
    depth: int
    content_type: str
    params: Mapping[str, str] = field(repr=False)
    charset: str
    encoding: str
    disposition: str  # "attachment", "inline", another word, or ""
    filename: str  # decoded, as the sender wrote it; ""
    is_unclear: bool  # two fields for its type or transfer encoding, or a line that is no field: readers choose
    start: int
    header_end: int
    body_end: int
    message: bytes = field(repr=False, compare=False)
    children: tuple[int, ...] = ()

    @property
    def header(self) -> Header:
        """Read the part's own header block."""
        return Header.read(self.message, self.start, self.body_end)

    @property
    def missing_end(self) -> bytes:
        """What has to be written at ``header_end`` before a body may follow: nothing, where there is an empty line."""
        return b"" if self.header_end < self.body_end else self.header.missing_end

    @property
    def is_multipart(self) -> bool:
        return self.content_type.startswith("multipart/")

    @property
    def content_id(self) -> str:
        if self.message.find(b"-", self.start, self.header_end) == -1:
            return ""
        return (self.header.first("Content-ID") or b"").decode("ascii", "replace").strip("<> \t")

    def body(self, raw: bytes) -> bytes:
        """Cut out the body as it was transmitted."""
        return raw[self.header_end : self.body_end]


class _Region(NamedTuple):
    start: int
    stop: int
    parent: int | None
    place: int  # among its parent's children, from 1
    default_type: str


_region = partial(tuple.__new__, _Region)


class _Told(NamedTuple):
    """What a header block says of its part; the type is empty where nothing is said."""

    content_type: str
    params: Mapping[str, str]
    charset: str
    encoding: str
    disposition: str
    filename: str
    is_told_twice: bool
    has_stray_line: bool

    @property
    def is_multipart(self) -> bool:
        return self.content_type.startswith("multipart/")

    @classmethod
    def by(cls, header: Header) -> _Told:
        by_name = header.by_name
        types, encodings = by_name.get("content-type", ()), by_name.get("content-transfer-encoding", ())
        word, params = parse_value(header.value(types[0])) if types else ("", {})
        content_type = media_type(word, "")
        encoding = _word(header.value(encodings[0]).decode("ascii", "replace")).lower() if encodings else ""
        if content_type.startswith("multipart/") and encoding not in {"", "7bit", "8bit", "binary"}:
            content_type = "application/octet-stream"  # forbidden by RFC 2045 section 6.4, and nothing to walk
        disposition, filename = "", ""
        if "content-disposition" in by_name:
            word, extra = parse_value(header.value(by_name["content-disposition"][0]))
            disposition, filename = _word(word), extra.get("filename", "")
        return cls(
            content_type,
            params,
            _word(params["charset"]) if "charset" in params else "us-ascii",
            encoding,
            disposition,
            filename or params.get("name", ""),
            len(types) > 1 or len(encodings) > 1,
            header.fault == NO_FIELD,
        )


@lru_cache(maxsize=MAX_KNOWN_BLOCKS)
def _told(block: bytes) -> _Told:
    """Read a header block once: the same few stand above most parts of all mail."""
    return _Told.by(Header.read(block))


def parts(raw: bytes, header: Header | None = None) -> tuple[Part, ...]:
    """Walk the message: the parts in the order of their first octets, the message itself first. Never raises.

    ``header``: the message's own, where the caller has read it.
    """
    told = None if header is None else _Told.by(header)
    flat = None if header is None or told is None or len(raw) > MAX_FLAT else _flat(raw, header, told)
    return _walked(raw, header, told) if flat is None else flat


def _flat(raw: bytes, header: Header, top: _Told) -> tuple[Part, ...] | None:
    """Cut a multipart of leaves at sound delimiters, as most mail is, in a third of the time; None for any other."""
    boundary = b"\n--" + _boundary(top.params)
    start = header.end - 1  # the first delimiter's line end may be the header's last
    if not top.is_multipart or top.content_type == _DIGEST or not raw.startswith(b"\n", start):
        return None
    before, *inside = raw[start:].split(boundary)
    if not 1 < len(inside) <= MAX_FLAT_PARTS or not inside.pop().startswith(b"--\r\n"):
        return None
    if not 3 < len(boundary) <= MAX_BOUNDARY + 3:
        return None
    found = [_part(raw, top, _Region(0, len(raw), None, 1, ""), header.end, number=0, path="")]
    at = start + len(before) + len(boundary)
    for number, piece in enumerate(inside, 1):
        low, at = at + 2, at + len(piece) + len(boundary)
        high = max(low, at - len(boundary) - piece.endswith(b"\r"))
        end = _header_end(raw, low, high)
        told = _told(raw[low:end]) if end - low <= MAX_KNOWN_BLOCK else _Told.by(Header.read(raw, low, high))
        if told.is_multipart or not piece.startswith(b"\r\n"):
            return None
        region = _region((low, high, 0, number, "text/plain"))
        found.append(_part(raw, told, region, end, number=number, path=str(number), depth=1))
    found[0].children = tuple(range(1, len(found)))
    return tuple(found)


def _walked(raw: bytes, header: Header | None, top: _Told | None) -> tuple[Part, ...]:
    found: list[Part] = []
    children: dict[int, list[int]] = {}
    waiting = [_Region(0, len(raw), None, 1, "text/plain")]
    budget = MAX_SCANS * (len(raw) + 1000)
    while waiting:
        region = waiting.pop()
        is_top = region.parent is None
        part = _read(raw, region, found, header if is_top else None, top if is_top else None)
        found.append(part)
        if part.parent is not None:
            children.setdefault(part.parent, []).append(part.number)
        budget -= part.body_end - part.header_end
        if part.is_multipart and part.depth < MAX_DEPTH and budget > 0:
            room = MAX_PARTS - len(found) - len(waiting)
            waiting += _regions(raw, part, room)[::-1]
    for number, known in children.items():
        found[number].children = tuple(known)  # still ours
    return tuple(found)


def _read(raw: bytes, region: _Region, found: list[Part], header: Header | None, told: _Told | None) -> Part:
    end = header.end if header else _header_end(raw, region.start, region.stop)
    if told is None and end - region.start <= MAX_KNOWN_BLOCK:
        told = _told(raw[region.start : end])
    elif told is None:
        told = _Told.by(Header.read(raw, region.start, region.stop))
    parent = None if region.parent is None else found[region.parent]
    is_multipart = (told.content_type or region.default_type).startswith("multipart/")
    path = _path(parent, region.place, multipart=is_multipart)
    depth = 0 if parent is None else parent.depth + 1
    return _part(raw, told, region, end, number=len(found), path=path, depth=depth)


def _part(raw: bytes, told: _Told, region: _Region, end: int, *, number: int, path: str, depth: int = 0) -> Part:
    return Part(
        number,
        region.parent,
        path,
        depth,
        told.content_type or region.default_type,
        told.params,
        told.charset,
        told.encoding,
        told.disposition,
        told.filename,
        told.is_told_twice or (told.has_stray_line and depth > 0),  # of the message, others judge
        region.start,
        end,
        region.stop,
        raw,
    )


def _header_end(raw: bytes, start: int, stop: int) -> int:
    """Where the body starts, as Header.read finds it: behind the empty line, or nowhere."""
    if raw.startswith((b"\r\n", b"\n"), start, stop):
        return start + (2 if raw[start] == 0x0D else 1)
    found = _END.search(raw, start, stop)
    return found.end() if found else stop


def _path(parent: Part | None, place: int, *, multipart: bool) -> str:
    if parent is None:
        return "" if multipart else "1"
    return f"{parent.path}.{place}" if parent.path else str(place)


def _boundary(params: Mapping[str, str]) -> bytes:
    return params.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")


def _regions(raw: bytes, part: Part, room: int) -> list[_Region]:
    """Cut a multipart's body at its delimiters; the preamble and what follows the closing one are nobody's."""
    boundary = _boundary(part.params)
    found: list[_Region] = []
    if not boundary or len(boundary) > MAX_BOUNDARY:
        return found
    default = "message/rfc822" if part.content_type == _DIGEST else "text/plain"
    start = None
    for low, high, last in _delimiters(raw, boundary, part.header_end, part.body_end):
        if start is not None:
            found.append(_Region(start, max(low, start), part.number, len(found) + 1, default))
        if last or len(found) >= room:
            return found
        start = high
    if start is not None:
        found.append(_Region(start, part.body_end, part.number, len(found) + 1, default))
    return found


def _delimiters(raw: bytes, boundary: bytes, start: int, stop: int) -> Iterator[tuple[int, int, bool]]:
    """Yield where the line end before a delimiter begins, where the line behind it begins, whether it closes."""
    needle = b"\n--" + boundary  # found, not matched: each message brings its own boundaries, and compiling costs
    at = start - 1 if raw.startswith(needle[1:], start, stop) else raw.find(needle, start, stop)
    for _ in range(MAX_LOOKALIKES):
        if at == -1:
            return
        behind = at + len(needle)
        is_usual = raw.startswith(b"\r\n", behind, stop)
        tail = None if is_usual else _TAIL.match(raw, behind, stop)
        if is_usual or tail:
            low = at - 1 if at > start and raw[at - 1] == 0x0D else max(at, start)
            yield (low, behind + 2, False) if tail is None else (low, _line_end(raw, tail.end(), stop), bool(tail[1]))
        at = raw.find(needle, behind, stop)


def _line_end(raw: bytes, at: int, stop: int) -> int:
    newline = raw.find(b"\n", at, stop)
    return stop if newline == -1 else newline + 1


def _word(text: str) -> str:
    match = _WORD.match(text.strip().strip('"'))
    return match[0] if match else ""
