"""Responses as values: what the server said, RFC 9051 section 7; anything else is a ProtocolFault."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.upstream.imap.frame import Frame, fault
from gateway.upstream.imap.values import Value, atoms, number, pairs, read_values

MAX_FOUND = 500_000  # UIDs of one search: a set like 1:4294967295 is a few octets and must not become a list

Runs = tuple[tuple[int, int], ...]

_CODE = re.compile(r"\[([^\] ]+)(?: ([^\]]*))?\] ?(.*)", re.DOTALL)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\uffff]+")


@dataclass(frozen=True, slots=True)
class Status:
    """OK, NO, BAD, BYE or PREAUTH; ``code`` is the response code's name in upper case, or empty."""

    kind: str
    code: str
    code_text: str
    text: str


@dataclass(frozen=True, slots=True)
class Tagged:
    """The end of a command."""

    tag: str
    status: Status


@dataclass(frozen=True, slots=True)
class Continuation:
    """The server invites what comes next."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server can do, in upper case."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Exists:
    """So many messages are in the folder."""

    count: int


@dataclass(frozen=True, slots=True)
class Removed:
    """EXPUNGE: a message is gone; which, nobody here asks."""


@dataclass(frozen=True, slots=True)
class Vanished:
    """Gone by UID, in runs of first and last (RFC 7162); a run may name what never was.

    ``earlier``: before the folder was opened.
    """

    runs: Runs
    earlier: bool


@dataclass(frozen=True, slots=True)
class Enabled:
    """What the server has switched on, in upper case (RFC 5161)."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Fetched:
    """Attributes of one message, by name in upper case; ``BODY[…]`` without its partial ``<n>``."""

    number: int
    items: Mapping[str, Value] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """A folder, its name as on the wire."""

    flags: tuple[str, ...]
    delimiter: str
    name: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, ascending or not."""

    uids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """An answer to STATUS."""

    name: bytes
    items: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Other:
    """Data that we have no use for."""

    kind: str


Untagged = (
    Status | Capabilities | Enabled | Exists | Removed | Vanished | Fetched | Listed | Found | FolderStatus | Other
)
Response = Tagged | Continuation | Untagged


def parse(frame: Frame) -> Response:
    """One response; ProtocolFault when it isn't one."""
    line = frame[0]
    if line.startswith(b"* "):
        return _untagged(frame)
    if line.startswith(b"+"):
        return Continuation()
    tag, _, rest = line.partition(b" ")
    word, _, text = rest.partition(b" ")
    if not tag.isalnum() or word.upper() not in {b"OK", b"NO", b"BAD"}:
        raise fault("a line that is no response")
    return Tagged(tag.decode("ascii", "replace"), _status(word, text))


def _untagged(frame: Frame) -> Untagged:
    word, _, rest = frame[0][2:].partition(b" ")
    if word.isdigit():
        return _numbered(number(word), (rest, *frame[1:]))
    kind = word.upper().decode("ascii", "replace")
    if kind in {"OK", "NO", "BAD", "BYE", "PREAUTH"}:
        return _status(word, rest)
    if kind == "CAPABILITY":
        return Capabilities(capability_names(rest.decode("ascii", "replace")))
    reader = _READERS.get(kind)
    return reader((rest, *frame[1:])) if reader else Other(kind)


def _status(word: bytes, rest: bytes) -> Status:
    text = rest.decode("utf-8", "replace")
    match = _CODE.match(text) if text.startswith("[") else None
    code, code_text, text = (match[1].upper(), match[2] or "", match[3]) if match else ("", "", text)
    return Status(word.upper().decode("ascii"), code, code_text, _UNPRINTABLE.sub(" ", text)[:500].strip())


def capability_names(text: str) -> frozenset[str]:
    """The words of a CAPABILITY response or response code."""
    return frozenset(text.upper().split())


def _numbered(count: int, pieces: Frame) -> Untagged:
    word, _, rest = pieces[0].partition(b" ")
    kind = word.upper()
    if kind == b"FETCH":
        values = read_values((rest, *pieces[1:]))
        if len(values) != 1:
            raise fault("FETCH data that is not one list")
        return Fetched(count, pairs(values[0]))
    if kind == b"EXISTS":
        return Exists(count)
    if kind == b"EXPUNGE":
        return Removed()
    return Other(kind.decode("ascii", "replace"))


def _listed(pieces: Frame) -> Untagged:
    values = read_values(pieces)
    if len(values) < 3 or not isinstance(values[2], bytes):
        raise fault("LIST data without a name")
    delimiter = values[1].decode("ascii", "replace") if isinstance(values[1], bytes) else ""
    return Listed(atoms(values[0]), delimiter, values[2])


def _found(pieces: Frame) -> Untagged:
    numbers = pieces[0].partition(b"(")[0].split()  # "(MODSEQ n)" may follow, RFC 7162 section 3.1.5
    return Found(tuple(number(uid) for uid in numbers))


def _extended(pieces: Frame) -> Untagged:
    """ESEARCH, RFC 4731: correlator, ``UID``, then names and values, of which we ask for ALL."""
    values = read_values(pieces)
    if values and isinstance(values[0], list):
        values = values[1:]
    if values and isinstance(values[0], bytes) and values[0].upper() == b"UID":
        values = values[1:]
    everything = pairs(values).get("ALL")
    return Found(_expanded(everything) if isinstance(everything, bytes) else ())


def _expanded(uid_set: bytes) -> tuple[int, ...]:
    uids: list[int] = []
    for low, high in _runs(uid_set):
        if len(uids) + high - low >= MAX_FOUND:
            raise fault(f"a search that found more than {MAX_FOUND} messages")
        uids.extend(range(low, high + 1))
    return tuple(uids)


def _runs(uid_set: bytes) -> Iterator[tuple[int, int]]:
    for run in uid_set.split(b","):
        low, _, high = run.partition(b":")
        ends = number(low), number(high or low)
        yield min(ends), max(ends)


def _folder_status(pieces: Frame) -> Untagged:
    values = read_values(pieces)
    if len(values) != 2 or not isinstance(values[0], bytes):
        raise fault("STATUS data that is not a name and a list")
    return FolderStatus(values[0], pairs(values[1]))


def _vanished(pieces: Frame) -> Untagged:
    words = pieces[0].split()
    earlier = len(words) == 2 and words[0].upper() == b"(EARLIER)"
    if len(words) != 1 + earlier or len(pieces) != 1:
        raise fault("VANISHED data that is not a set of UIDs")
    return Vanished(tuple(_runs(words[-1])), earlier)


def _enabled(pieces: Frame) -> Untagged:
    return Enabled(capability_names(pieces[0].decode("ascii", "replace")))


_READERS: Mapping[str, Callable[[Frame], Untagged]] = {
    "LIST": _listed,
    "SEARCH": _found,
    "ESEARCH": _extended,
    "STATUS": _folder_status,
    "VANISHED": _vanished,
    "ENABLED": _enabled,
}
