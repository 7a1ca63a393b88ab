"""How long a tail waits before it calls a provider again."""

from __future__ import annotations

import re

FIRST_WAIT = 1.0  # seconds; doubled with each failure in a row
LONGEST_WAIT = 5 * 60.0  # a provider that is back is noticed within five minutes
LONGEST_ASKED = 6 * 3600.0  # a server that asks for more is obeyed this far: a day of silence is no sync

_ASKED = re.compile(r"back-?off time:?\s*([0-9]{1,12})\s*(milliseconds|ms|seconds|s)?\b", re.IGNORECASE)


def asked_for(words: str) -> float:
    """The seconds that a throttling server asks us to wait, as Microsoft's do in words; 0 when it names none."""
    match = _ASKED.search(words)
    if match is None:
        return 0.0
    unit = (match[2] or "milliseconds").lower()
    return min(int(match[1]) / (1000 if unit.startswith("m") else 1), LONGEST_ASKED)


def wait_after(failures: int, words: str, jitter: float, *, first: float = FIRST_WAIT) -> float:
    """Seconds after ``failures`` (at least 1) in a row, the last one told in ``words``; ``jitter`` is 0 to 1.

    Up to half is taken off, so that what failed together does not come back together; never of what was asked for.
    """
    own = min(first * 2.0 ** min(failures - 1, 20), LONGEST_WAIT) * (0.5 + jitter / 2)
    asked = asked_for(words)
    return max(own, asked * (1 + jitter / 10))
