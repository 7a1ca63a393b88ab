"""Room in memory for large messages: what all who share it hold of them together stays under one limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

ALL = 128 * 1024 * 1024  # octets: one of the largest messages, or many of the usual ones
SMALL = 1024 * 1024  # octets; below it nobody waits: the number of connections bounds those


class Room:
    """Taken in octets; a message larger than all of it has it alone."""

    def __init__(self, octets: int = ALL) -> None:
        self._all = self._free = octets
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def take(self, octets: int) -> AsyncIterator[None]:
        """Wait until there is room for a message of so many octets, and hold it."""
        wanted = min(octets, self._all) if octets > SMALL else 0
        while self._free < wanted:
            self._freed.clear()
            await self._freed.wait()
        self._free -= wanted
        try:
            yield
        finally:
            self._free += wanted
            self._freed.set()
