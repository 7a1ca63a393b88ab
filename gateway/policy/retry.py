"""When to try a delivery again, and when to give up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate

JITTER = 0.2  # a fifth either way, so that what failed together does not come back together


def next_attempt(
    schedule: Sequence[timedelta], attempts: int, began: datetime, now: datetime, jitter: float
) -> datetime:
    """When to try after ``attempts`` (at least 1) that came to nothing; ``jitter`` is random, from 0 to 1.

    The wait is the schedule's for that attempt, its last one for all further; but attempts that a person asked for
    push no message further down the schedule than its age has earned. All moments are of one clock, which nobody sets.
    """
    last = len(schedule) - 1
    age = now - began
    earned = sum(1 for due in accumulate(schedule) if due * (1 - JITTER) <= age)
    wait = schedule[max(0, min(attempts - 1, earned, last))]
    return now + wait * (1 + JITTER * (2 * jitter - 1))


def given_up(waited: timedelta, give_up_after: timedelta) -> bool:
    """Whether the message has waited long enough to be returned to its author (RFC 5321 section 4.5.4.1)."""
    return waited >= give_up_after
