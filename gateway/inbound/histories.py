"""Whether mail of before is being filed just now, in any mailbox: what can wait lets it pass."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Histories:
    """Of one event loop."""

    def __init__(self) -> None:
        self._under_way = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Inside it a history is being filed."""
        self._under_way += 1
        self._none.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._none.set()

    @property
    def is_any(self) -> bool:
        """Whether one is being filed now."""
        return self._under_way > 0

    async def passed(self, at_most: float) -> None:
        """Return when none is being filed, or after so many seconds."""
        try:
            async with asyncio.timeout(at_most):
                await self._none.wait()
        except TimeoutError:
            return
