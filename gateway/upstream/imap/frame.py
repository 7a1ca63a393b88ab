"""Cuts the octets that arrive into responses: one flat loop, linear in what arrives, nothing unbounded is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

from gateway.domain.errors import ProtocolFault
from gateway.upstream.imap.pour import POURED, Pour, Pouring, poured

MAX_LINE = 1024 * 1024  # octets of one response without its literals: a SEARCH answer of 90,000 UIDs fits
MAX_LITERALS = 1000  # of one response: we ask for one; each costs memory beyond its octets

Frame = tuple[bytes, ...]
"""One response: text, literal, text, …, text: always an odd number; the ``{n}`` are taken out.

A large literal is `Poured` where the framer has somewhere to pour it.
"""

_STATUS = re.compile(rb"\* (?:OK|NO|BAD|BYE|PREAUTH)(?: |$)", re.IGNORECASE)
_ANNOUNCED = re.compile(rb'~?\{([^{}" ]*)\}\Z')


def fault(detail: str) -> ProtocolFault:
    """The error for an answer that IMAP does not allow; ``detail`` holds nothing of the mail itself."""
    return ProtocolFault(
        "The mail server gave an answer that IMAP does not allow; the gateway hangs up and tries again later. "
        "If this goes on, ask the provider.",
        detail=detail,
    )


class Framer:
    """Feed it octets in any cut; what comes out does not depend on the cut. ProtocolFault ends its use."""

    def __init__(self, literal_limit: int) -> None:
        self.literal_limit = literal_limit  # octets; may be changed between responses
        self.pouring: Pouring | None = None  # likewise
        self._buffer = bytearray()
        self._searched = 0  # no line end before this offset of the buffer
        self._pieces: list[bytes] = []
        self._text = 0  # octets of text in those pieces
        self._literal = BytesIO()
        self._pour: Pour | None = None
        self._missing = 0  # octets of the literal still to come
        self._in_literal = False

    @property
    def idle(self) -> bool:
        """Nothing is left over: the last octet fed ended a response."""
        return not self._buffer and not self._pieces

    def feed(self, octets: bytes) -> Iterator[Frame]:
        """The responses that these octets complete."""
        self._buffer += octets
        while True:
            if self._in_literal and not self._fill():
                return
            line = self._line()
            if line is None:
                return
            frame = self._take(line)
            if frame is not None:
                yield frame

    def _fill(self) -> bool:
        with memoryview(self._buffer) as view, view[: self._missing] as part:
            if self._pour is not None:
                self._pour.feed(part)
            else:
                self._literal.write(part)
            taken = len(part)
        del self._buffer[:taken]
        self._missing -= taken
        if self._missing:
            return False
        self._pieces.append(self._literal.getvalue() if self._pour is None else poured(self._pour))
        self._literal, self._pour = BytesIO(), None
        self._in_literal = False
        return True

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._searched)
        if self._text + (end if end >= 0 else len(self._buffer)) > MAX_LINE:
            raise fault(f"a line of more than {MAX_LINE} octets")
        if end < 0:
            self._searched = len(self._buffer)
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        return line.removesuffix(b"\r")

    def _take(self, line: bytes) -> Frame | None:
        """Keep a line; the whole response when it ends with this one."""
        self._text += len(line)
        size = self._announced(line) if line.endswith(b"}") else None
        if size is None:
            frame = (*self._pieces, line)
            self._pieces, self._text = [], 0
            return frame if frame != (b"",) else None  # an empty line means nothing; some servers send them
        number, start = size
        if number > self.literal_limit:
            raise fault(f"a literal of {number} octets, where at most {self.literal_limit} were expected")
        if len(self._pieces) >= 2 * MAX_LITERALS:
            raise fault(f"more than {MAX_LITERALS} literals in one response")
        self._pieces.append(line[:start])
        self._missing, self._in_literal = number, True
        if self.pouring is not None and number >= POURED:
            self._pour = self.pouring()
        return None

    def _announced(self, line: bytes) -> tuple[int, int] | None:
        """Size of the literal that follows the line, and where its announcement starts."""
        first = self._pieces[0] if self._pieces else line
        if not first.startswith(b"* ") or _STATUS.match(first):
            return None  # text for people may end in braces; it announces nothing
        match = _ANNOUNCED.search(line, max(0, len(line) - 64))
        if match is None:
            return None
        digits = match.group(1).removesuffix(b"+")
        if not digits.isdigit() or len(digits) > 20:
            raise fault("a literal whose size is not a number")
        return int(digits), match.start()
