"""The parts of a message by offset (RFC 2046 section 5.1): walked without recursion, bounded, nothing copied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from gateway.mime.header import Header
from gateway.mime.params import media_type, parse_value

MAX_DEPTH = 100  # Postfix's mime_nesting_limit; below it a multipart is opaque
MAX_PARTS = 10_000  # the rest belongs to the last one; real mail has under 200
MAX_BOUNDARY = 998  # octets; the standard says 70, a line holds no more
MAX_SCANS = 30  # times the message's size that we look for boundaries: nested multiparts are looked at again

MAX_LOOKALIKES = 100_000  # lines of one multipart that are a delimiter or begin like one

_TAIL = re.compile(rb"(--)?+[ \t]*+(?:(?=\r?\n)|\Z)")
_WORD = re.compile(r"[^\s;()]*")


@dataclass(frozen=True, slots=True)
class Part:
    """One part; all offsets are those of the whole message. The body ends before the CRLF of the next delimiter."""

    number: int
    parent: int | None
    path: str  # as IMAP numbers parts (RFC 9051 section 6.4.5.1); empty for a multipart message itself
    depth: int
    header: Header
    content_type: str
    params: Mapping[str, str] = field(repr=False)
    encoding: str
    disposition: str  # "attachment", "inline", another word, or ""
    filename: str  # decoded, as the sender wrote it; ""
    start: int
    header_end: int
    body_end: int
    children: tuple[int, ...] = ()

    @property
    def charset(self) -> str:
        return _word(self.params.get("charset", "us-ascii"))

    @property
    def is_multipart(self) -> bool:
        return self.content_type.startswith("multipart/")

    @property
    def content_id(self) -> str:
        return (self.header.first("Content-ID") or b"").decode("ascii", "replace").strip("<> \t")

    def body(self, raw: bytes) -> bytes:
        """Cut out the body as it was transmitted."""
        return raw[self.header_end : self.body_end]


@dataclass(slots=True)
class _Region:
    start: int
    stop: int
    parent: int | None
    place: int  # among its parent's children, from 1
    default_type: str


def parts(raw: bytes) -> tuple[Part, ...]:
    """Walk the message: the parts in the order of their first octets, the message itself first. Never raises."""
    found: list[Part] = []
    children: dict[int, list[int]] = {}
    waiting = [_Region(0, len(raw), None, 1, "text/plain")]
    budget = MAX_SCANS * (len(raw) + 1000)
    while waiting:
        region = waiting.pop()
        part = _read(raw, region, found)
        found.append(part)
        if region.parent is not None:
            children.setdefault(region.parent, []).append(part.number)
        budget -= part.body_end - part.header_end
        if part.is_multipart and part.depth < MAX_DEPTH and budget > 0:
            room = MAX_PARTS - len(found) - len(waiting)
            waiting.extend(reversed(list(_regions(raw, part, room))))
    return tuple(replace(part, children=tuple(children.get(part.number, ()))) for part in found)


def _read(raw: bytes, region: _Region, found: list[Part]) -> Part:
    header = Header.read(raw, region.start, region.stop)
    word, params = parse_value(header.first("Content-Type") or b"")
    disposition, extra = parse_value(header.first("Content-Disposition") or b"")
    content_type = media_type(word, region.default_type)
    encoding = _word((header.first("Content-Transfer-Encoding") or b"").decode("ascii", "replace")).lower()
    if content_type.startswith("multipart/") and encoding not in {"", "7bit", "8bit", "binary"}:
        content_type = "application/octet-stream"  # forbidden by RFC 2045 section 6.4, and nothing to walk
    parent = None if region.parent is None else found[region.parent]
    return Part(
        number=len(found),
        parent=region.parent,
        path=_path(parent, region.place, multipart=content_type.startswith("multipart/")),
        depth=0 if parent is None else parent.depth + 1,
        header=header,
        content_type=content_type,
        params=params,
        encoding=encoding,
        disposition=_word(disposition),
        filename=extra.get("filename", "") or params.get("name", ""),
        start=region.start,
        header_end=header.end,
        body_end=region.stop,
    )


def _path(parent: Part | None, place: int, *, multipart: bool) -> str:
    if parent is None:
        return "" if multipart else "1"
    return f"{parent.path}.{place}" if parent.path else str(place)


def _regions(raw: bytes, part: Part, room: int) -> Iterator[_Region]:
    """Cut a multipart's body at its delimiters; the preamble and what follows the closing one are nobody's."""
    boundary = part.params.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")
    if not boundary or len(boundary) > MAX_BOUNDARY:
        return
    default = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
    start, place = None, 0
    for low, high, last in _delimiters(raw, boundary, part.header_end, part.body_end):
        if start is not None:
            place += 1
            yield _Region(start, max(low, start), part.number, place, default)
        if last or place >= room:
            return
        start = high
    if start is not None:
        yield _Region(start, part.body_end, part.number, place + 1, default)


def _delimiters(raw: bytes, boundary: bytes, start: int, stop: int) -> Iterator[tuple[int, int, bool]]:
    """Yield where the line end before a delimiter begins, where the line behind it begins, whether it closes."""
    needle = b"\n--" + boundary  # found, not matched: each message brings its own boundaries, and compiling costs
    at = start - 1 if raw.startswith(needle[1:], start, stop) else raw.find(needle, start, stop)
    for _ in range(MAX_LOOKALIKES):
        if at == -1:
            return
        tail = _TAIL.match(raw, at + len(needle), stop)
        if tail:
            low = at - 1 if at > start and raw[at - 1 : at] == b"\r" else max(at, start)
            yield low, _line_end(raw, tail.end(), stop), tail[1] is not None
        at = raw.find(needle, at + len(needle), stop)


def _line_end(raw: bytes, at: int, stop: int) -> int:
    newline = raw.find(b"\n", at, stop)
    return stop if newline == -1 else newline + 1


def _word(text: str) -> str:
    match = _WORD.match(text.strip().strip('"'))
    return match[0] if match else ""
