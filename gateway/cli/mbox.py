"""Messages in one file as mboxrd (RFC 4155 describes the family): what is written is read back octet by octet."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

OURS = b"From postern-export "  # behind it a message may begin although the one before had no line end
PIECE = 1024 * 1024  # octets that are copied in one go

_FROM = re.compile(rb"^(?=>*From )", re.MULTILINE)
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_DATE = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(?:[A-Z][a-z]{2} +[0-9]{1,2}|[0-9]{1,2} +[A-Z][a-z]{2}) "
_START = re.compile(rb"^From (?:[^\r\n]{0,1000} )?" + _DATE + rb"[^\r\n]{0,200}\r?\n", re.MULTILINE)
_BLANK = (b"\n\n", b"\n\r\n")


def write(file: BinaryIO, message: Path, at: datetime) -> None:
    """Append the message that is in that file, and an empty line; memory is that of the system's cache."""
    stamp = at.astimezone(UTC).strftime("%a %b %d %H:%M:%S %Y")
    file.write(OURS + stamp.encode("ascii") + b"\n")
    with message.open("rb") as source:
        if source.seek(0, 2):
            with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as raw:
                done = 0
                for found in _FROM.finditer(raw):
                    _copy(file, raw, done, found.start())
                    file.write(b">")
                    done = found.start()
                _copy(file, raw, done, len(raw))
    file.write(b"\n")


def _copy(file: BinaryIO, raw: mmap.mmap, start: int, stop: int) -> None:
    file.writelines(raw[at : min(at + PIECE, stop)] for at in range(start, stop, PIECE))


def is_mbox(head: bytes) -> bool:
    """Whether a file that begins so holds several messages."""
    return head.startswith(b"From ")


def messages(file: BinaryIO, largest: int) -> Iterator[bytes | int]:
    """Each message of the file, one in memory at a time; of one that is larger than ``largest`` only its size.

    What stands before the first line of the kind "From somebody date" is no message and is left out.
    """
    if not file.seek(0, 2):
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        begin, ours = -1, False
        for start, behind, next_ours in _starts(raw):
            if begin != -1:
                yield _cut(raw, begin, start, largest, ours=ours)
            begin, ours = behind, next_ours
        if begin != -1:
            yield _cut(raw, begin, len(raw), largest, ours=ours)


def _starts(raw: mmap.mmap) -> Iterator[tuple[int, int, bool]]:
    """Where the line stands, where its message begins, and whether we wrote it."""
    for found in _START.finditer(raw):
        at, ours = found.start(), found[0].startswith(OURS)
        if ours or at == 0 or raw[max(at - 3, 0) : at].endswith(_BLANK):
            yield at, found.end(), ours


def _cut(raw: mmap.mmap, start: int, stop: int, largest: int, *, ours: bool) -> bytes | int:
    """Without the empty line behind it, which others end as they end all lines."""
    tail = raw[max(stop - 4, start) : stop]
    stop -= 2 if not ours and tail == b"\r\n\r\n" else tail[-1:] == b"\n"
    if stop - start > largest:
        return stop - start
    return _QUOTED.sub(rb"\1", raw[start:stop])
