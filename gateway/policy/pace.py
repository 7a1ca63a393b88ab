"""How fast a mailbox may send: its provider's limits, and a bucket that paces by them and never drops anything."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.domain.firm import Mailbox

MINUTE, DAY = 60.0, 86_400.0
ROUNDING = 1e-6  # of a message: what a float may lack after exactly the wait
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds an account that fails as a whole is left alone


@dataclass(frozen=True, slots=True)
class Limits:
    """For one mailbox; None is no limit."""

    connections: int
    messages_per_minute: int | None = None
    recipients_per_day: int | None = None


# On loopback more than two brought nothing sure (scripts/bench/relay.py); over a real line two more hide its delay, and
# one that waits for a slow answer. Rates are not guessed: who refuses for now is tried again, and slower.
NEUTRAL = Limits(connections=4)

# By the end of the SMTP host's name, as the providers publish them: over these a mailbox is blocked for hours.
BY_PROVIDER = {
    "office365.com": Limits(connections=3, messages_per_minute=30, recipients_per_day=10_000),
    "outlook.com": Limits(connections=3, messages_per_minute=30, recipients_per_day=10_000),
    "gmail.com": Limits(connections=4, recipients_per_day=2_000),
}


def limits_of(host: str) -> Limits:
    """The limits of whoever answers at that name."""
    name = host.lower().rstrip(".")
    for domain, limits in BY_PROVIDER.items():
        if name == domain or name.endswith(f".{domain}"):
            return limits
    return NEUTRAL


def limits_for(mailbox: Mailbox | None) -> Limits:
    """Its provider's, but for those that the firm has set for the mailbox; neutral for one that is gone."""
    if mailbox is None:
        return NEUTRAL
    known, own = limits_of(mailbox.smtp.host), mailbox.limits
    return Limits(
        own.connections or known.connections,
        own.messages_per_minute or known.messages_per_minute,
        own.recipients_per_day or known.recipients_per_day,
    )


@dataclass(frozen=True, slots=True)
class Bucket:
    """Fills evenly, by ``most`` in ``period``, up to ``most``; may be overdrawn once, and then is waited for.

    Times are seconds of a clock that nobody sets (monotonic).
    """

    most: int
    period: float
    level: float
    at: float  # when the level was that

    def level_at(self, now: float) -> float:
        return min(float(self.most), self.level + self.most * (now - self.at) / self.period)

    def taken(self, count: int, now: float) -> Bucket:
        return replace(self, level=self.level_at(now) - count, at=now)

    def room(self, now: float) -> int:
        """How many may be taken at once."""
        return max(0, int(self.level_at(now) + ROUNDING))

    def wait(self, now: float) -> float:
        """Seconds until there is room for one."""
        return max(0.0, (1.0 - self.level_at(now)) * self.period / self.most)


@dataclass(frozen=True, slots=True)
class Pace:
    """Where a mailbox stands with its limits."""

    minute: Bucket | None
    day: Bucket | None

    def room(self, now: float, most: int) -> int:
        """How many messages may be begun, up to ``most``. One may overdraw the day with its recipients."""
        if self.minute is None and self.day is None:
            return most
        return min(most, *(bucket.room(now) for bucket in (self.minute, self.day) if bucket is not None), most)

    def wait(self, now: float) -> float:
        """Seconds until the next message may be begun."""
        return max((bucket.wait(now) for bucket in (self.minute, self.day) if bucket is not None), default=0.0)

    def begun(self, recipients: int, now: float) -> Pace:
        """After a message to so many."""
        if self.minute is None and self.day is None:
            return self
        return Pace(
            None if self.minute is None else self.minute.taken(1, now),
            None if self.day is None else self.day.taken(recipients, now),
        )


def fresh(limits: Limits, now: float) -> Pace:
    """A mailbox that has sent nothing yet."""
    minute, day = limits.messages_per_minute, limits.recipients_per_day
    return Pace(
        None if minute is None else Bucket(minute, MINUTE, float(minute), now),
        None if day is None else Bucket(day, DAY, float(day), now),
    )


def pause(failures: int) -> float:
    """Seconds before an account is tried again that failed as a whole (no answer, no greeting, no TLS, no sign-in now).

    ``failures`` (at least 1) are those in a row. Its mail keeps its own schedule; this is for the provider's sake.
    """
    return float(min(FIRST_PAUSE * 2 ** min(failures - 1, 30), LONGEST_PAUSE))
