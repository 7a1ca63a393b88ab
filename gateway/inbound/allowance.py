"""What a provider lets one mailbox download in a day, and how much of it history may use."""

from __future__ import annotations

from datetime import date

FOR_HISTORY = 0.8  # of it; the rest is for new mail, and for the person's own mail programs
NOTED = 0.002  # of it: as much may be forgotten by a crash, and a day has five hundred of these at most


class Allowance:
    """Counted by the UTC day; None is no limit."""

    def __init__(self, octets: int | None) -> None:
        self._octets = octets
        self._used = self._noted = 0
        self._day: date | None = None

    def resume(self, used: int, today: date) -> None:
        """So much was used before this process began; what was counted since is on top of it."""
        self._turn(today)
        self._used += used
        self._noted += used

    def spend(self, octets: int, today: date) -> None:
        self._turn(today)
        self._used += octets

    def is_spent(self, today: date) -> bool:
        """Whether history has to wait for tomorrow."""
        self._turn(today)
        return self._octets is not None and self._used >= self._octets * FOR_HISTORY

    def to_note(self, today: date) -> int | None:
        """All that was used today, where it is time to write it down; it is taken to be, then."""
        self._turn(today)
        if self._octets is None or self._used - self._noted < self._octets * NOTED:
            return None
        self._noted = self._used
        return self._used

    def _turn(self, today: date) -> None:
        if today != self._day:
            self._day, self._used, self._noted = today, 0, 0
