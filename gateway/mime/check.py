"""Quick looks at a whole message: line ends, NUL, eight bits, the longest line."""

from __future__ import annotations

import re

BLOCK = 1024 * 1024  # octets looked at in one go: other threads get their turn in between
_ENDS = re.compile(rb"\n")


def line_fault(raw: bytes) -> str | None:
    """Say what keeps ``raw`` from being canonical (RFC 5321 section 2.3.8): a bare CR, bare LF or NUL; None if fine."""
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
        newline = raw.rfind(b"\n", start, start + longest + 3)
        if newline != -1:
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
