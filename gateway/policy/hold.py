"""How long an author may have a message wait before it leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# A year: next year's deadline can be written about today. What is meant for later is more likely a slip in the year,
# and outlives passwords, staff and the reason for which it was written.
MAX_HOLD = timedelta(days=365)


def latest(now: datetime) -> datetime:
    """The last moment, in UTC and whole seconds, until which a message that is accepted now may be held."""
    return (now + MAX_HOLD).astimezone(UTC).replace(microsecond=0)
