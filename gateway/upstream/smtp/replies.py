"""From octets to SMTP replies (RFC 5321 section 4.2), as they come, with a limit on everything."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

MAX_LINE = 4_096  # octets; the standard says 512, and some servers write a paragraph with links
MAX_LINES = 200  # of one reply; the longest EHLO known has under 30
MAX_WAITING = 2_000  # replies that nobody has read: more than a pipelined transaction can have asked for

_CODES = {b"%d" % code: code for code in range(200, 600)}
_MARKS = frozenset({b" ", b"-", b""})
_SHOWN = 80  # octets of nonsense that an error quotes


class NotSmtp(Exception):
    """What the server said is no reply; nothing after it can be trusted either."""


class Reply(NamedTuple):
    """A whole reply: its code, and the words of its lines, joined by line feeds."""

    code: int
    text: str


class Replies:
    """Takes octets in any pieces; ``ready`` holds the whole replies, in order."""

    def __init__(self) -> None:
        self.ready: deque[Reply] = deque()
        self._rest = b""
        self._lines: list[bytes] = []  # of a reply that is not at its end

    @property
    def is_between(self) -> bool:
        """Whether all that came was whole replies, and all were taken."""
        return not (self.ready or self._rest or self._lines)

    def feed(self, data: bytes) -> None:
        """Raises `NotSmtp`; replies that came before the nonsense are ready then."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            code = _CODES.get(line[:3])
            if code is None or line[3:4] != b" " or self._lines or len(line) > MAX_LINE:
                self._line(line.removesuffix(b"\r"))
            else:  # nearly all
                self._add(code, line[4:].removesuffix(b"\r"))
        if len(self._rest) > MAX_LINE:
            raise NotSmtp("a line without end")

    def _line(self, line: bytes) -> None:
        code, mark = line[:3], line[3:4]
        if code not in _CODES or mark not in _MARKS or len(line) > MAX_LINE:
            raise NotSmtp(line[:_SHOWN].decode("utf-8", "replace"))
        if self._lines and self._lines[0][:3] != code:
            raise NotSmtp("the lines of one answer have different codes")
        if mark == b"-":
            self._lines.append(line)
            if len(self._lines) > MAX_LINES:
                raise NotSmtp("an answer without end")
            return
        text = b"\n".join(one[4:] for one in (*self._lines, line)) if self._lines else line[4:]
        self._lines = []
        self._add(_CODES[code], text)

    def _add(self, code: int, text: bytes) -> None:
        self.ready.append(Reply(code, text.decode("utf-8", "replace")))
        if len(self.ready) > MAX_WAITING:
            raise NotSmtp("answers without questions")
