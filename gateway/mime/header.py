"""The header block by offset: where each field lies, what it says, and new fields that cannot hold another one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import NamedTuple

from gateway.domain.address import NamedAddress
from gateway.mime.address import AddressFault, format_mailbox, parse_mailboxes
from gateway.mime.words import clean, decode_words, encode_words

MAX_FIELDS = 20_000  # or lines that are none, of one header block; real mail has under 300
MAX_PLAIN = 50_000  # octets of a block that is read as a plain one: too few for `MAX_FIELDS` of three octets
MAX_LINE = 998  # octets without CRLF, RFC 5322 section 2.1.1
MAX_TEXT = 100_000  # octets of one field that are decoded for reading
NO_FIELD = "The header has a line that is no field."
REMEMBERED = 200  # mailboxes of one field, or characters of why it has none: asked for again and again, and small
FOLD_AT = 78  # characters, the same section

_EMPTY = re.compile(rb"\r?\n")
_FIELD = re.compile(  # name, obsolete white space behind it, and the rest; or a line that is no field
    rb"(?:([!-9;-~]++)((?:[ \t\r]++|\n[ \t])*+):|[^\n])[^\n]*+(?:\n[ \t][^\n]*+)*+\n?"
)
_PLAIN_FIELD = re.compile(r"([!-9;-~]++):([^\n]*+(?:\n[ \t][^\n]*+)*+\n?)")
_TOKEN_NAME = re.compile(r"[!-9;-~]{1,76}")
_LINE_END = re.compile(rb"\r?\n")
_WORD = re.compile(r" *[^ ]+")
_HALF = re.compile("[\ud800-\udfff]")
_BODY = re.compile(r"(?:[^\r\n\x00]++|\r\n[ \t]++(?=[^\r\n]))*")


class FieldSpan(NamedTuple):  # made for each field of each part: a dataclass would take three times as long
    """Where a field lies: its name as written, ``start`` to ``end`` with line end, and its value's start."""

    name: str
    start: int
    end: int
    value_start: int
    key: str  # the name in lower case


_span = partial(tuple.__new__, FieldSpan)
ByName = Mapping[str, Sequence[FieldSpan]]


@dataclass(frozen=True, slots=True)
class Header:
    """A header block of a message or part; offsets count from the start of the bytes that it was read from."""

    raw: bytes = field(repr=False)
    start: int
    block_end: int  # where the last field ends, behind its line end
    end: int  # where the body starts, behind the empty line
    fields: tuple[FieldSpan, ...]
    by_name: ByName = field(repr=False, compare=False)  # in lower case; each in order
    fault: str = ""  # why two readers may see different fields; empty for a sound header
    complete: bool = True  # False: there is more of it than we look at
    _people: dict[str, tuple[NamedAddress, ...] | str] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )  # by field in lower case: its mailboxes, or why it has none

    @classmethod
    def read(cls, raw: bytes, start: int = 0, stop: int | None = None) -> Header:
        """Read the block at ``start``; CRLF or LF line ends; never raises, says in ``fault`` what is odd."""
        stop = len(raw) if stop is None else stop
        block, end = _extent(raw, start, stop)
        fault = "The header holds a bare CR or NUL." if _has_bare(raw, start, block) else ""
        plain = None if fault or block - start > MAX_PLAIN else _plain_fields(raw, start, block)
        if plain is not None:
            return cls(raw, start, block, end, *plain)
        spans: list[FieldSpan] = []
        found = _FIELD.finditer(raw, start, block)
        for match in islice(found, MAX_FIELDS):
            octets, blank = match.groups()
            if octets is None:
                fault = fault or NO_FIELD
                continue
            name = octets.decode("ascii")
            spans.append(_span((name, *match.span(), match.end(2) + 1, name.lower())))
            if blank:
                fault = fault or "A field's name is followed by white space."
        complete = next(found, None) is None
        fault = fault if complete else f"The header has more than {MAX_FIELDS} fields."
        return cls(raw, start, block, end, tuple(spans), _by_name(spans), fault, complete)

    def spans(self, name: str) -> tuple[FieldSpan, ...]:
        """Find the fields of that name, in any case, in order."""
        return tuple(self.by_name.get(name.lower(), ()))

    def value(self, span: FieldSpan) -> bytes:
        """Return the raw value: what stands behind the colon, folding kept, without outer spaces and the line end."""
        return self.raw[span.value_start : span.end].strip(b" \t\r\n")

    def all(self, name: str) -> tuple[bytes, ...]:
        """Return the raw values of all fields of that name, in order."""
        return tuple(self.value(span) for span in self.spans(name))

    def first(self, name: str) -> bytes | None:
        """Return the raw value of the first field of that name."""
        spans = self.by_name.get(name.lower())
        return self.value(spans[0]) if spans else None

    def text(self, name: str, limit: int = MAX_TEXT) -> str:
        """Decode the first one (RFC 2047), unfolded, at most ``limit`` octets; empty if absent."""
        return clean(decode_words(readable((self.first(name) or b"")[:limit])))

    @property
    def missing_end(self) -> bytes:
        """What has to be written at ``end`` before a body may follow: nothing, where there is an empty line."""
        if self.end > self.block_end:
            return b""
        ended = self.block_end == self.start or self.raw[self.block_end - 1 : self.block_end] == b"\n"
        return b"\r\n" if ended else b"\r\n\r\n"

    def mailboxes(self, name: str) -> tuple[NamedAddress, ...]:
        """Parse the mailboxes of all fields of that name; raises AddressFault."""
        key = name.lower()
        known = self._people.get(key)
        if known is None:
            known = self._parsed(key)
            if len(known) <= REMEMBERED:
                self._people[key] = known
        if isinstance(known, str):
            raise AddressFault(known)
        return known

    def _parsed(self, name: str) -> tuple[NamedAddress, ...] | str:
        values = (self.value(span).decode("utf-8", "surrogateescape") for span in self.by_name.get(name, ()))
        try:
            return tuple([mailbox for value in values for mailbox in parse_mailboxes(value)])
        except AddressFault as fault:
            return str(fault)


def _plain_fields(raw: bytes, start: int, stop: int) -> tuple[tuple[FieldSpan, ...], ByName] | None:
    """The fields of a block of nothing else, as nearly all are, in a third of the time; None for any other."""
    by_name: dict[str, list[FieldSpan]] = {}
    spans: list[FieldSpan] = []
    at = start
    for name, value in _PLAIN_FIELD.findall(raw[start:stop].decode("latin-1")):
        key, value_start = name.lower(), at + len(name) + 1
        end = value_start + len(value)
        span = _span((name, at, end, value_start, key))
        spans.append(span)
        if key in by_name:
            by_name[key].append(span)
        else:
            by_name[key] = [span]
        at = end
    return (tuple(spans), by_name) if at == stop else None  # else something lies between them


def _by_name(spans: Iterable[FieldSpan]) -> ByName:
    found: dict[str, list[FieldSpan]] = {}
    for span in spans:
        found.setdefault(span.key, []).append(span)
    return found


def readable(value: bytes) -> str:
    """Unfold a raw value, its octets taken as UTF-8, or as Windows-1252 where they are not."""
    if b"\n" in value:
        value = _LINE_END.sub(b"", value)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


def _extent(raw: bytes, start: int, stop: int) -> tuple[int, int]:
    """Where the last field ends, with its line end, and where the body starts."""
    empty = _EMPTY.match(raw, start, stop)
    if empty:
        return start, empty.end()
    canonical = raw.find(b"\n\r\n", start, stop)  # found one by one, since a pattern of both is slow on large bodies
    bare = raw.find(b"\n\n", start, stop if canonical == -1 else canonical)
    if bare != -1:
        return bare + 1, bare + 2
    return (stop, stop) if canonical == -1 else (canonical + 1, canonical + 3)


def _has_bare(raw: bytes, start: int, stop: int) -> bool:
    ends = raw.count(b"\r\n", start, stop)
    return raw.count(b"\r", start, stop) != ends or raw.find(b"\0", start, stop) != -1


@dataclass(frozen=True, slots=True)
class Field:
    """One field that we write: no CR, LF or NUL outside of its own folding, no line over 998 octets.

    ``line`` is the field with its name, folded at 78 where it has spaces, ended by CRLF.
    """

    name: str
    body: str  # folded
    line: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        name, body = self.name, self.body
        if not _TOKEN_NAME.fullmatch(name):
            raise ValueError("not the name of a header field")
        if not (body.isascii() and body.isprintable()) and (not _BODY.fullmatch(body) or _HALF.search(body)):
            raise ValueError(f"{name} may not hold line ends")
        line = f"{name}: {body}\r\n".encode() if body else f"{name}:\r\n".encode()
        if len(line) > MAX_LINE and any(len(one) > MAX_LINE for one in line.split(b"\r\n")):
            raise ValueError(f"{name} has a word that is too long")
        object.__setattr__(self, "line", line)

    def with_word(self, blank: str, word: str) -> Field:
        """The same field with a word of ASCII letters and digits in place of another, as long, that is in it once."""
        if len(word) != len(blank) or not word.isascii() or not word.isalnum() or self.body.count(blank) != 1:
            raise ValueError(f"{self.name} has no such place")
        made = object.__new__(Field)  # what was checked of this one holds for it too
        object.__setattr__(made, "name", self.name)
        object.__setattr__(made, "body", self.body.replace(blank, word))
        object.__setattr__(made, "line", self.line.replace(blank.encode(), word.encode()))
        return made

    @classmethod
    def unstructured(cls, name: str, text: str) -> Field:
        """Any text (RFC 5322 section 3.6.5), made one line; as encoded words where it is not plain ASCII."""
        text = clean(text)
        if not text.isascii() or "=?" in text or any(len(word) > FOLD_AT * 10 for word in text.split(" ")):
            text = " ".join(encode_words(text))
        return cls(name, _folded(name, text))

    @classmethod
    def mailboxes(cls, name: str, mailboxes: Sequence[NamedAddress]) -> Field:
        """Write an address-list (section 3.4)."""
        return cls(name, _folded(name, ", ".join(format_mailbox(mailbox) for mailbox in mailboxes)))

    @classmethod
    def token(cls, name: str, ascii: str) -> Field:  # noqa: A002 - the interface's word
        """Write a value as it stands, folded at its spaces; ValueError unless it is printable ASCII."""
        if not (ascii.isascii() and ascii.isprintable()):
            raise ValueError(f"{name} takes printable ASCII only")
        return cls(name, _folded(name, ascii.strip()))


def _folded(name: str, text: str) -> str:
    if len(name) + 2 + len(text) <= FOLD_AT:
        return text
    text = text.rstrip(" ")
    lines: list[str] = []
    start, room = 0, FOLD_AT - len(name) - 2
    while len(text) - start > room:
        at = _last_gap(text, start, start + max(room, 0))
        if at == -1:
            break
        lines.append(text[start:at])
        start, room = at, FOLD_AT
    return "\r\n".join((*lines, text[start:]))


def _last_gap(text: str, start: int, limit: int) -> int:
    """Where the last spaces that begin up to ``limit`` do, behind a word; else the first such ones; -1 for none."""
    first = _WORD.match(text, start)
    behind = first.end() if first else len(text)  # the spaces in front of it are its own
    at = text.rfind(" ", behind, limit + 1)
    if at == -1:
        return text.find(" ", behind)
    return len(text[:at].rstrip(" "))
