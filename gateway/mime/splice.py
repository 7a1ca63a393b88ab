"""Edits by offset: what is not named in one stays the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Splice:
    """``new`` in place of ``raw[start:end]``."""

    start: int
    end: int
    new: bytes


def spliced(raw: bytes, splices: Iterable[Splice]) -> bytes:
    """Apply splices that do not overlap; those at one place keep their order. ValueError if two do overlap."""
    out: list[bytes | memoryview] = []
    done = 0
    view = memoryview(raw)
    for splice in sorted(splices, key=lambda splice: (splice.start, splice.end)):
        if splice.start < done:
            raise ValueError("two edits of the same bytes")
        out.extend((view[done : splice.start], splice.new))
        done = splice.end
    out.append(view[done:])
    return b"".join(out)
