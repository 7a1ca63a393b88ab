"""DKIM's canonical bodies (RFC 6376 section 3.4) of messages that are not in memory, made and hashed piece by piece."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from gateway.domain.large import Large
from gateway.mime.dkim_canonical import single_spaced
from gateway.mime.dkim_verify import Bodies

LINE_ENDS = b"\r\n" * 32_768  # as many as are made at once

_PAIR = b"\x01"


class LargeBodies(Bodies):
    """Of the message from ``start`` on; each look goes over the whole of it once: 2 ms for 1 MB."""

    __slots__ = ("_known", "_mail", "_start")

    def __init__(self, mail: Large, start: int) -> None:
        super().__init__(b"")
        self._mail = mail
        self._start = start
        self._known: dict[tuple[str, int | None], tuple[int, bytes]] = {}

    def length(self, form: str) -> int:
        return self._seen(form, None)[0]

    def digest(self, form: str, most: int | None) -> bytes:
        return self._seen(form, most)[1]

    def _seen(self, form: str, most: int | None) -> tuple[int, bytes]:
        if (form, most) not in self._known:
            size, digest = 0, hashlib.sha256()
            for piece in canonical(self._mail.slices(self._start), relaxed=form == "relaxed"):
                digest.update(piece if most is None else piece[: max(0, most - size)])
                size += len(piece)
            self._known[form, most] = size, digest.digest()
        return self._known[form, most]


def canonical(pieces: Iterator[bytes], *, relaxed: bool) -> Iterator[bytes]:
    """What `relaxed_body` or `simple_body` makes of all of them together, in pieces."""
    left, ends, empty = b"", 0, True
    for piece in pieces:
        text, left = _cut(_clean(left + piece) if relaxed else left + piece, relaxed=relaxed)
        kept, more = _without_ends(text)
        if kept:
            yield from _line_ends(ends)
            yield kept
            ends, empty = 0, False
        ends += more
    if left.strip(b" "):  # a bare CR at the very end is text
        yield from _line_ends(ends)
        yield left
        empty = False
    if not (relaxed and empty):
        yield b"\r\n"


def _clean(text: bytes) -> bytes:
    return single_spaced(text.replace(b"\t", b" ")).replace(b" \r\n", b"\r\n")


def _cut(text: bytes, *, relaxed: bool) -> tuple[bytes, bytes]:
    """What stays as it is, and what may become something else with what follows: a CR, and the space before it."""
    end = len(text) - text.endswith(b"\r")
    if relaxed and text.endswith(b" ", 0, end):
        end -= 1
    return text[:end], text[end:]


def _without_ends(text: bytes) -> tuple[bytes, int]:
    """The text without the line ends at its end, and how many these are."""
    bare = text.rstrip(b"\r\n")
    pairs = text[len(bare) :].replace(b"\r\n", _PAIR)
    rest = pairs.rstrip(_PAIR)
    count = len(pairs) - len(rest)
    return text[: len(text) - 2 * count], count


def _line_ends(count: int) -> Iterator[bytes]:
    while count > 0:
        some = LINE_ENDS[: 2 * count]
        yield some
        count -= len(some) // 2
