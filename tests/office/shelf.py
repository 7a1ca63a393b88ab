"""A shelf in memory that keeps the firm as the store does, and remembers what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime

from gateway.domain.errors import NoSpace
from gateway.domain.firm import Change, Firm
from gateway.domain.step import Refiling
from gateway.store.firm import FirmShelf

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


class Cut(Exception):
    """The process ended here."""


class Between:
    """A shelf that has something done after the turn and between slices, in that order; then it goes on by itself."""

    def __init__(self, shelf: FirmShelf) -> None:
        self._shelf = shelf
        self.acts: list[Callable[[], Awaitable[None]]] = []
        self.load, self.rehearse, self.without = shelf.load, shelf.rehearse, shelf.without

    async def turn(
        self,
        firm: Firm,
        changes: Sequence[Change],
        by: str,
        at: datetime,
        *,
        undoes: int | None = None,
        turned: Callable[[int], None] | None = None,
    ) -> int:
        made = await self._shelf.turn(firm, changes, by, at, undoes=undoes, turned=turned)
        await self._act()
        return made

    async def refile(self, ended: Callable[[int], None] | None = None) -> AsyncIterator[tuple[Refiling, ...]]:
        async for some in self._shelf.refile(ended):
            yield some
            await self._act()

    async def _act(self) -> None:
        if self.acts:
            await self.acts.pop(0)()


class Shelf:
    """One firm; ``full`` makes it refuse."""

    def __init__(self, firm: Firm | None = None) -> None:
        self.firm = firm or Firm()
        self.firms = [self.firm]
        self.booked: list[tuple[str, datetime, tuple[str, ...]]] = []
        self.full = False

    async def load(self) -> Firm:
        return self.firm

    async def turn(
        self,
        firm: Firm,
        changes: Sequence[Change],
        by: str,
        at: datetime,
        *,
        undoes: int | None = None,
        turned: Callable[[int], None] | None = None,
    ) -> int:
        if self.full:
            raise NoSpace("There is no room left; free some and apply again.")
        self.firm = firm
        self.booked.append((by, at, tuple(map(str, changes))))
        self.firms.append(firm)
        if turned is not None:
            turned(len(self.firms) - 1)
        await asyncio.sleep(0)  # as long as a COMMIT takes at least
        return len(self.firms) - 1

    async def refile(self, ended: Callable[[int], None] | None = None) -> AsyncIterator[tuple[Refiling, ...]]:
        """Nothing is stored here."""
        for some in list[tuple[Refiling, ...]]():
            yield some

    async def rehearse(self, firm: Firm, *, undoes: int | None = None) -> tuple[Refiling, ...]:
        return ()

    async def without(self, step: int) -> Firm:
        """The firm of before it; nothing else was changed since."""
        return self.firms[step - 1]
