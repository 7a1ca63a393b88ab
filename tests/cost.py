"""What a piece of work costs: CPU time with the machine's own speed taken out of it, and the garbage of other tests.

A limit in seconds holds on the machine that it was set on. Here each measurement stands beside a fixed piece of work, a
yardstick, done just before and just after, and what is told is how long the work would have taken where the yardstick
takes `USUAL`. What disturbs a measurement only ever adds, so the least of several is told.
"""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

USUAL = 0.003  # seconds that the yardstick takes where the limits of the tests were set
TRIES = 3
FAR = 10.0  # times: no machine is so much faster or slower that what stays this far below a limit needs a yardstick
NOISE = 0.010  # seconds: below it the clock says nothing

_WORD = re.compile(r"[a-z]+|\d+")
_TEXT = "From: Al Pacino <al@pacino.example>; 17 Jul 2026 02:44:25 -0700\r\n" * 220


class Spent:
    """What the work inside `spent` took, once it is done."""

    seconds = 0.0  # of CPU, on a machine as fast as the one that limits were set on


@contextmanager
def spent(clock: Callable[[], float] = time.process_time) -> Iterator[Spent]:
    """Measure what happens inside: by the whole process, or with `time.thread_time` by this thread alone."""
    found = Spent()
    gc.freeze()  # a collection in the middle looks through what the work made, not through ten thousand tests
    before = _yardstick()
    started = clock()
    yield found
    took = clock() - started
    found.seconds = took * USUAL / min(before, _yardstick())


def within(seconds: float, work: Callable[[], T], what: object = "it") -> T:
    """Return what the work returns; AssertionError where it takes more CPU of this thread each of three times."""
    gc.freeze()
    started = time.thread_time()
    result = work()
    if time.thread_time() - started < seconds / FAR:
        return result
    best = float("inf")
    for _ in range(TRIES):
        with spent(time.thread_time) as found:
            result = work()
        best = min(best, found.seconds)
        if best < seconds:
            return result
    raise AssertionError(f"{what} took {best:.3f} s of CPU, and was to take less than {seconds:g}")


def in_proportion(small: Callable[[], object], large: Callable[[], object], *, below: float) -> float:
    """Return the seconds of CPU of this thread that the large work takes.

    AssertionError where that is ``below`` times the small work's or more, by the least of three measurements of each.
    """
    one = other = float("inf")
    for _ in range(TRIES):
        one, other = min(one, _taken(small)), min(other, _taken(large))
        if other / max(one, NOISE) < below:
            return other
    raise AssertionError(f"{one * 1000:.1f} ms, then {other * 1000:.1f} ms")


def _taken(work: Callable[[], object]) -> float:
    with spent(time.thread_time) as found:
        work()
    return found.seconds


def _yardstick() -> float:
    """Seconds that some of our usual work takes now: an expression, a dictionary, strings; the better of two."""
    return min(_counted(), _counted())


def _counted() -> float:
    started = time.thread_time()
    words: dict[str, int] = {}
    for found in _WORD.finditer(_TEXT):
        word = found[0].upper()
        words[word] = words.get(word, 0) + 1
    return time.thread_time() - started
