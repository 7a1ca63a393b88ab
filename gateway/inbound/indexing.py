"""Makes what was filed findable: shortly after it was filed, apart from it, and as far back as the record goes."""

from __future__ import annotations

import asyncio

import structlog

from gateway.domain.errors import PosternError
from gateway.inbound.histories import Histories
from gateway.inbound.search_reading import Reading
from gateway.policy.texts import header_texts
from gateway.store.index import Entry
from gateway.store.search import Filed
from gateway.store.store import Store

BATCH = 512  # messages of one write to the index at most: one fsync, and one list of words to be merged with others
MOST_TEXT = (
    4 * 1024 * 1024
)  # characters of one write, a thousand long letters: with more, memory is the smaller of the two
LONGEST = 5.0  # seconds of reading before one: what is filed meanwhile has its turn behind it
GATHER = 0.25  # seconds that news wait for company: who searches does not notice
PAUSE = 30.0  # seconds after a failure, of the disk as a rule
REST = 2.0  # seconds at least before each write while mail of before is being filed: most histories are over by then
RESTS = 9  # times as long as the last one took
BRIEF = 1.5  # seconds of reading then, so that what is new meanwhile is looked at within a quarter of a minute
IDLE = 60.0  # seconds without work after which the reading process ends

log = structlog.get_logger()


class Indexing:
    """Idempotent: a batch that a crash cut is done again. What can't be read is found by its header.

    It costs more than the filing itself, so while mail of before is being filed it takes a tenth of the time.
    """

    def __init__(self, store: Store, reading: Reading | None = None, *, histories: Histories | None = None) -> None:
        self._store = store
        self._reading = reading or Reading()
        self._histories = histories or Histories()

    async def run(self) -> None:
        """Until it is cancelled."""
        try:
            while True:
                try:
                    await self._all()
                except PosternError as error:
                    log.warning("search-indexing-failed", reason=error.sentence, detail=error.detail, again_in=PAUSE)
                    await asyncio.sleep(PAUSE)
                else:
                    await self._wait()
        finally:
            await self._reading.rest()

    async def _all(self) -> None:
        """Batch by batch."""
        clock, rest = asyncio.get_running_loop(), REST
        while True:
            await self._histories.passed(rest)
            begun = clock.time()
            if not await self.round():
                return
            rest = max(REST, RESTS * (clock.time() - begun))

    async def round(self) -> bool:
        """One batch, as far as there is time and room; False where nothing was due."""
        due = await self._store.search.due(BATCH)
        if not due.messages and due.swept is None:
            return False
        filed = await self._store.search.filed(due.messages)
        entries: list[Entry] = []
        longest = min(BRIEF, LONGEST) if self._histories.is_any else LONGEST
        text, until = 0, asyncio.get_running_loop().time() + longest
        for done, number in enumerate(due.messages, 1):
            if number in filed:
                entries.append(await self._entry(filed[number]))
                text += entries[-1].texts.size
            if text > MOST_TEXT or asyncio.get_running_loop().time() > until:
                due = due.first(done)
                break
        await self._store.search.put(due, entries)
        return True

    async def _entry(self, filed: Filed) -> Entry:
        message = filed.message
        try:
            mail = await self._store.bodies.find(message.sha256)
            return Entry(message, filed.filings, await self._reading.read(message.id, mail, message.facts))
        except PosternError as error:
            log.warning("search-bytes-unread", message=message.id, reason=error.sentence, detail=error.detail)
            return Entry(message, filed.filings, header_texts(message.facts))

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(IDLE):
                await self._store.search.news()
        except TimeoutError:
            await self._reading.rest()
            await self._store.search.news()
        await asyncio.sleep(GATHER)
