"""Quick looks at a whole message: line ends, NUL, eight bits, the longest line."""

from __future__ import annotations

from io import IncrementalNewlineDecoder

BLOCK = 1024 * 1024  # octets looked at in one go: other threads get their turn in between
_SOUND = (None, "\r\n")  # line ends met: none, or CRLF alone


class LineEnds:
    """Watches octets that come piece by piece for a bare CR, a bare LF or a NUL.

    The standard library's decoder notes which kinds of line ends it met, across pieces: in a third of the time that it
    takes to count CR, LF and CRLF.
    """

    def __init__(self) -> None:
        self._decoder = IncrementalNewlineDecoder(None, translate=False)

    def are_sound(self, piece: bytes | bytearray, *, last: bool = False) -> bool:
        """Whether all of it was so far; a CR at its end waits for what follows, unless it is the ``last``."""
        self._decoder.decode(piece.decode("latin-1"), last)
        return self._decoder.newlines in _SOUND and b"\0" not in piece


def line_fault(raw: bytes) -> str | None:
    """Say what keeps ``raw`` from being canonical (RFC 5321 section 2.3.8): a bare CR, bare LF or NUL; None if fine."""
    ends, total = LineEnds(), len(raw)
    if all(ends.are_sound(raw[start : start + BLOCK], last=start + BLOCK >= total) for start in range(0, total, BLOCK)):
        return None
    return _fault_of(raw)


def _fault_of(raw: bytes) -> str | None:
    start, total = 0, len(raw)
    while start < total:
        stop = min(start + BLOCK, total)
        if stop < total and raw[stop - 1] == 0x0D:  # a line end stays in one piece
            stop += 1
        pairs = raw.count(b"\r\n", start, stop)
        if raw.count(b"\r", start, stop) != pairs:
            return "The message holds a carriage return that does not end a line."
        if raw.count(b"\n", start, stop) != pairs:
            return "The message holds a line feed without the carriage return before it."
        if raw.find(b"\0", start, stop) != -1:
            return "The message holds a NUL octet."
        start = stop
    return None


def longest_line(raw: bytes) -> int:
    """Count the octets of the longest line, without its line end."""
    longest, start = 0, 0
    while start < len(raw):  # jumps as far as a longer line would reach, so that most lines are never looked at
        reach = start + longest + 1  # where the line feed of a line as long as the longest stands, behind its CR
        newline = raw.rfind(b"\n", start, reach + 1)
        if newline != -1:
            bare = newline == reach and raw[newline - 1] != 0x0D and raw.find(b"\n", start, newline) == -1
            longest += bare
            start = newline + 1
            continue
        end = raw.find(b"\n", start)
        line = raw[start : len(raw) if end == -1 else end].rstrip(b"\r")
        longest = max(longest, len(line))
        start = len(raw) if end == -1 else end + 1
    return longest


def is_ascii(raw: bytes) -> bool:
    """Whether the message can travel without 8BITMIME (RFC 6152)."""
    return raw.isascii()
