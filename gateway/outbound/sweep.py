"""The daily sweep: what the queue has done with long enough goes, in small steps between which others may write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from gateway.domain.errors import PosternError
from gateway.settings.gateway import Settings
from gateway.store.store import Store

log = structlog.get_logger()

FIRST_AFTER = 300.0  # seconds from the start: a daemon that just came up has more urgent things to write
EVERY = 86_400.0  # seconds; `Pruning.files` counts on a day between two looks
PAUSE = 0.1  # seconds between two batches: an acceptance in between waits for one of them at most
FILE_AGE = timedelta(days=1)  # a file that was written since may be waiting for its row


class Sweep:
    """Runs until cancelled; what goes wrong is logged, and tried again the next day."""

    def __init__(self, store: Store, *, settings: Callable[[], Settings], now: Callable[[], datetime]) -> None:
        self._store = store
        self._settings = settings
        self._now = now

    async def run(self) -> None:
        await asyncio.sleep(FIRST_AFTER)
        while True:
            try:
                await self.once()
            except (PosternError, OSError) as error:
                log.warning("sweep-put-off", error=str(error), detail=getattr(error, "detail", ""))
            await asyncio.sleep(EVERY)

    async def once(self) -> None:
        """All that is due to go."""
        before = await self._store.pruning.before(self._settings().queue.keep_done)
        entries = bodies = 0
        behind: int | None = 0
        while behind is not None:
            pruned = await self._store.pruning.entries(before, behind)
            entries, bodies, behind = entries + pruned.entries, bodies + pruned.bodies, pruned.last
            if behind is not None:
                await asyncio.sleep(PAUSE)
        files = await self._store.pruning.files(self._now() - FILE_AGE)
        log.info("swept", entries=entries, bodies=bodies, files=files)
