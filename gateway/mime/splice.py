"""Edits by offset: what is not named in one stays the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from operator import itemgetter
from typing import NamedTuple

SMALL = 64 * 1024  # octets: up to here cutting costs less than looking at what is uncut

_PLACE = itemgetter(0, 1)


class Splice(NamedTuple):
    """``new`` in place of ``raw[start:end]``."""

    start: int
    end: int
    new: bytes


splice = partial(tuple.__new__, Splice)  # of a tuple: half the price, for what is made by the half dozen


def spliced(raw: bytes, splices: Iterable[Splice]) -> bytes:
    """Apply splices that do not overlap; those at one place keep their order. ValueError if two do overlap."""
    out: list[bytes | memoryview] = []
    done = 0
    view = raw if len(raw) <= SMALL else memoryview(raw)
    for start, end, new in sorted(splices, key=_PLACE):
        if start < done:
            raise ValueError("two edits of the same bytes")
        out += (view[done:start], new)
        done = end
    out.append(view[done:])
    return b"".join(out)
