"""A shelf in memory that keeps the firm as the store does, and remembers what it was told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.domain.errors import NoSpace
from gateway.domain.firm import Change, Firm
from gateway.domain.step import Made, Refiling

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


class Shelf:
    """One firm; ``full`` makes it refuse."""

    def __init__(self, firm: Firm | None = None) -> None:
        self.firm = firm or Firm()
        self.firms = [self.firm]
        self.booked: list[tuple[str, datetime, tuple[str, ...]]] = []
        self.full = False

    async def load(self) -> Firm:
        return self.firm

    async def replace(
        self, firm: Firm, changes: Sequence[Change], by: str, at: datetime, *, undoes: int | None = None
    ) -> Made:
        if self.full:
            raise NoSpace("There is no room left; free some and apply again.")
        self.firm = firm
        self.booked.append((by, at, tuple(map(str, changes))))
        self.firms.append(firm)
        return Made(len(self.firms) - 1)

    async def rehearse(self, firm: Firm, *, undoes: int | None = None) -> tuple[Refiling, ...]:
        return ()

    async def without(self, step: int) -> Firm:
        """The firm of before it; nothing else was changed since."""
        return self.firms[step - 1]
