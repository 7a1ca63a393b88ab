"""Files that stand uuencoded in a text, as mail carried them before MIME and scanners still do (POSIX uuencode)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

MAX_FILES = 100  # of one text
USUAL = 45  # octets of a line; what claims more has to show them
ENCODINGS = frozenset({"x-uuencode", "uuencode", "x-uue", "uue"})

_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,1000}?)[ \t]*\r?\n", re.MULTILINE)
_LINE = re.compile(rb"([!-`])([ -`]*)\r?(?:\n|\Z)")  # a length that is not nothing, and what it counts
_LAST = re.compile(rb"[` ]?[ \t]*\r?\n?end[ \t]*(?:\r?\n|\Z)")
_SLACK = 3  # characters: a checksum, or spaces that somebody added


@dataclass(frozen=True, slots=True)
class Written:
    """One file of a text; ``sound`` is False where its end is missing."""

    name: bytes
    content: bytes = field(repr=False)
    sound: bool


def written(text: bytes) -> Iterator[Written]:
    """Find each; a line that only begins like one is somebody's sentence. Linear in the text."""
    at = 0
    for _ in range(MAX_FILES):
        begin = _BEGIN.search(text, at)
        if begin is None:
            return
        content, at = _lines(text, begin.end())
        end = _LAST.match(text, at)
        if end:
            at = end.end()
        if content or end:
            yield Written(begin[1], content, end is not None)


def _lines(text: bytes, at: int) -> tuple[bytes, int]:
    """The octets of the lines from there on, and where the first stands that is none."""
    out = BytesIO()
    while (line := _LINE.match(text, at)) is not None:
        count = line[1][0] - 0x20 & 0x3F
        length = (count + 2) // 3 * 4
        coded = line[2][:length]  # shorter where the transport took spaces away, which are zeros
        if count == 0 or len(line[2]) > length + _SLACK or (count > USUAL and len(coded) < length):
            break
        out.write(binascii.a2b_uu(line[1] + coded))
        at = line.end()
    return out.getvalue(), at
