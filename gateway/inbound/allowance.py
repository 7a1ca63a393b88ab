"""What a provider lets one mailbox download in a day, and how much of it history may use."""

from __future__ import annotations

from datetime import date

FOR_HISTORY = 0.8  # of it; the rest is for new mail, and for the person's own mail programs


class Allowance:
    """Counted by the UTC day; None is no limit. What was used before a restart is not known any more."""

    def __init__(self, octets: int | None) -> None:
        self._octets = octets
        self._used = 0
        self._day: date | None = None

    def spend(self, octets: int, today: date) -> None:
        self._turn(today)
        self._used += octets

    def is_spent(self, today: date) -> bool:
        """Whether history has to wait for tomorrow."""
        self._turn(today)
        return self._octets is not None and self._used >= self._octets * FOR_HISTORY

    def _turn(self, today: date) -> None:
        if today != self._day:
            self._day, self._used = today, 0
