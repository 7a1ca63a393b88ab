"""Sets of message numbers or UIDs: ``1:3,7,9:*`` (RFC 9051 section 9, sequence-set)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.proxy.imap.answers import Bad
from gateway.proxy.imap.parse import MAX_NUMBER, Arguments

MAX_RANGES = 5_000  # a line of 64 KiB can hold no more of any use

_SET = re.compile(rb"(?:[0-9]{1,10}|\*)(?::(?:[0-9]{1,10}|\*))?(?:,(?:[0-9]{1,10}|\*)(?::(?:[0-9]{1,10}|\*))?)*")


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Pairs of first and last; 0 stands for ``*``, the largest in use."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def read(cls, arguments: Arguments) -> SequenceSet:
        pieces = arguments.match(_SET, "a set of numbers").split(b",")
        if len(pieces) > MAX_RANGES:
            raise Bad("too many ranges")
        return cls(tuple(_range(piece) for piece in pieces))

    def places(self, values: Sequence[int]) -> list[int]:
        """Indexes of those of the growing ``values`` that the set holds, in order and once."""
        if not values:
            return []
        top = values[-1]
        found: set[int] = set()
        for first, last in self.ranges:
            low, high = sorted((first or top, last or top))
            found.update(range(bisect_left(values, low), bisect_right(values, high)))
        return sorted(found)


def _range(piece: bytes) -> tuple[int, int]:
    first, colon, last = piece.partition(b":")
    return _number(first), _number(last if colon else first)


def _number(text: bytes) -> int:
    if text == b"*":
        return 0
    value = int(text)
    if not 0 < value <= MAX_NUMBER:
        raise Bad("message numbers go from 1 to 4294967295")
    return value


def written(numbers: Sequence[int]) -> bytes:
    """The shortest set of the numbers, in their order (RFC 4315 wants that order kept)."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return b",".join(b"%d" % a if a == b else b"%d:%d" % (a, b) for a, b in runs)
