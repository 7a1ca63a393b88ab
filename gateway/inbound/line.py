"""From the server into the store, many messages at a time: the next are fetched while those before are filed.

Each batch is one FETCH and one transaction with the cursor. Where anything about it is odd its messages are taken one
by one, in their order, so that what is wrong with one is not laid to the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar

import structlog

from gateway.domain.errors import Outdated, PosternError
from gateway.domain.large import Mail
from gateway.domain.record import NewFiling
from gateway.inbound.departed import copies
from gateway.inbound.hits import SMALL, Hit
from gateway.inbound.reading import Looked, Reading
from gateway.inbound.spools import Spools
from gateway.inbound.watch import Watch
from gateway.upstream.imap.session import ImapSession

log = structlog.get_logger()

T = TypeVar("T")

AT_ONCE = 128 * 1024  # octets; more of them are taken apart in a thread, so that nobody waits for it


@dataclass(slots=True)
class _Fetched:
    """Messages, and the room that they take: in memory, and the files of the large ones."""

    hits: Sequence[Hit]
    raws: Mapping[int, Mail] = field(repr=False)  # by UID; what is gone is missing
    is_whole: bool  # else some are there that can't be had together with the others
    room: AsyncExitStack


class Line:
    """Of one folder, on one connection. An async context manager: what was fetched and not filed is dropped at its end.

    Messages are filed in the order in which they were put.
    """

    def __init__(self, watch: Watch, reading: Reading, session: ImapSession) -> None:
        self._watch = watch
        self._reading = reading
        self._session = session
        self._waiting: _Fetched | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._waiting is not None:
            await self._waiting.room.aclose()

    async def put(self, batch: Sequence[Hit]) -> int:
        """Fetch these while those put before are filed; how many were new to a client. See `hits.cut`."""
        if len(batch) == 1:
            return await self.drain() + await self._alone(batch[0], None)
        fetched, filed = await self.filing(self._fetch(batch))
        if fetched.is_whole:
            return filed
        self._waiting = None
        async with fetched.room:
            for hit in batch:
                filed += await self._alone(hit, fetched.raws.get(hit.row.uid))
        return filed

    async def filing(self, meanwhile: Awaitable[T]) -> tuple[T, int]:
        """What that comes to, and how many of those put before were new to a client: they are filed in the meantime."""
        fetched, self._waiting = self._waiting, None
        filing = asyncio.create_task(self._drained(fetched), name="filing meanwhile")
        try:
            found = await meanwhile
        finally:
            (filed,) = await asyncio.gather(filing)
        return found, filed

    async def drain(self) -> int:
        """File what was put; how many were new to a client."""
        fetched, self._waiting = self._waiting, None
        return await self._drained(fetched)

    async def _drained(self, fetched: _Fetched | None) -> int:
        if fetched is None:
            return 0
        async with fetched.room:
            return await self._file(fetched)

    async def _alone(self, hit: Hit, raw: Mail | None) -> int:
        return int(await self._reading.look(self._session, hit, raw) is Looked.FILED)

    async def _fetch(self, batch: Sequence[Hit]) -> _Fetched:
        """They wait from here on, so that their room is given back also where what was put before can't be filed."""
        async with AsyncExitStack() as room:
            spools = room.enter_context(Spools(self._watch.store.bodies))
            await room.enter_async_context(self._watch.room.take(sum(hit.row.size for hit in batch)))
            raws = await self._reading.stored(batch)
            wanted = [hit for hit in batch if hit.row.uid not in raws]
            found = await self._reading.fetched(self._session, wanted, spools) if wanted else {}
            raws |= {uid: raw for uid, raw in found.items() if len(raw) <= SMALL}
            missing = [hit.row.uid for hit in batch if hit.row.uid not in raws]
            there = set(await self._session.uids(missing[0], missing[-1])) if missing else set()
            self._waiting = _Fetched(batch, raws, not there.intersection(missing), room.pop_all())
            return self._waiting
        raise AssertionError("nothing above suppresses an error")

    async def _file(self, fetched: _Fetched) -> int:
        there = [hit for hit in fetched.hits if hit.row.uid in fetched.raws]
        try:
            return await self._decide(there, fetched.raws)
        except Outdated:
            there = await self._reading.anew(there)
            return sum([await self._alone(hit, fetched.raws[hit.row.uid]) for hit in there])
        except PosternError:
            raise
        except Exception as error:  # noqa: BLE001 - each is tried again by itself
            # A fault of ours, over one of them: taken by itself it is set aside with its own name in the log.
            log.warning("one-by-one", messages=len(there), error=type(error).__name__)
            return sum([await self._alone(hit, fetched.raws[hit.row.uid]) for hit in there])

    async def _decide(self, there: Sequence[Hit], raws: Mapping[int, Mail]) -> int:
        """Whose they are, and file them as that says: all in one transaction."""
        items = await self._taken_apart(there, raws)
        seen = await copies(self._watch.store, self._watch.firm(), [item for _, item in items])
        items = [(hit, item) for number, (hit, item) in enumerate(items) if number not in seen]
        if not items:
            return 0
        filed = await self._watch.store.record.file_all([item for _, item in items])
        self._reading.tell_all([(hit, item, one) for (hit, item), one in zip(items, filed, strict=True)])
        return sum(one.new for one in filed)

    async def _taken_apart(self, there: Sequence[Hit], raws: Mapping[int, Mail]) -> list[tuple[Hit, NewFiling]]:
        weighed = await self._reading.weighed(there, raws)

        def take_apart() -> list[tuple[Hit, NewFiling]]:
            both = zip(there, weighed, strict=True)
            made = ((hit, self._reading.filing(hit, *found)) for hit, found in both)
            return [(hit, item) for hit, item in made if item is not None]

        if sum(len(raws[hit.row.uid]) for hit in there) <= AT_ONCE:
            return take_apart()
        return await asyncio.to_thread(take_apart)
