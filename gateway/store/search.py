"""The shelf of search: what has to be indexed, the index, and finding in it what the asker may see."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, select

from gateway.domain.errors import Fault, Faulty, TemporaryFailure
from gateway.domain.record import Direction, Message
from gateway.domain.search import Found, Hit, Query
from gateway.policy.snippet import snippet
from gateway.store import index
from gateway.store.index import HASH_OCTETS, Entry
from gateway.store.matching import Candidate, Match, Scope, TooSlow, candidates, match_of, scope_of
from gateway.store.pools import pool
from gateway.store.reader import Reader
from gateway.store.record_rows import MESSAGES, read_message
from gateway.store.schema import filing, message, unindexed
from gateway.store.trouble import CLOSED, trouble
from gateway.store.writer import Writer

T = TypeVar("T")

THREADS = 2  # that look into the index at once
PATIENCE = 0.8  # seconds of one search, so that its answer is there within one (hostile.md I9)
MORE = 500  # proposals that are taken at once when those of the first look were not the asker's to see
TOO_SLOW = "this takes too long: add a rarer word, more letters before a *, client:, or after:"

_NUMBERS: BindParameter[Any] = bindparam("numbers", expanding=True)
_DUE = select(unindexed.c.number, unindexed.c.message).order_by(unindexed.c.number.desc()).limit(bindparam("most"))
_DONE = delete(unindexed).where(unindexed.c.number.in_(_NUMBERS))
_OLDER = (
    select(message.c.id).where(message.c.id < bindparam("below")).order_by(message.c.id.desc()).limit(bindparam("most"))
)
_WAITING = select(func.count()).select_from(unindexed)
_NEWEST = select(func.max(message.c.id))
_THESE = MESSAGES.where(message.c.id.in_(_NUMBERS))
_FILINGS = (
    select(filing.c.message, filing.c.client, filing.c.direction)
    .where(filing.c.message.in_(_NUMBERS))
    .order_by(filing.c.client)
)


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be indexed next, newest first; ``asked`` are the rows that ask for it, and for which message each."""

    messages: tuple[int, ...]
    asked: tuple[tuple[int, int], ...] = ()
    swept: int | None = None  # how far down the sweep over what was there before the index is then

    def first(self, most: int) -> Due:
        """So many messages of it, and what asks for them."""
        if most >= len(self.messages):
            return self
        messages = self.messages[:most]
        asked = tuple(row for row in self.asked if row[1] in messages)
        return Due(messages, asked, None if self.swept is None else messages[-1])


@dataclass(frozen=True, slots=True)
class Filed:
    """A message as the record has it now, with its filings."""

    message: Message
    filings: tuple[tuple[str, Direction], ...]


class Search:
    """To be opened before it is used. Errors: `TemporaryFailure`, and `Faulty` for a query that takes too long."""

    def __init__(self, database: Path, writer: Writer, reader: Reader) -> None:
        self._path = index.index_path(database)
        self._writer, self._reader = writer, reader
        self._writing = pool(1, "search-writer")
        self._looking = pool(THREADS, "search-reader")
        self._own = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._news = asyncio.Event()
        self._closed = False

    async def open(self, version: str) -> None:
        """``version``: of what makes words of messages; an index by another one is made anew."""
        newest = await self._reader.run(lambda connection: connection.execute(_NEWEST).scalar() or 0)
        await self._in(self._writing, lambda: index.prepare(self._path, version, newest))
        self._writer.on_commit.append(self._news.set)

    async def close(self) -> None:
        """Finish what is under way; a second time does nothing."""
        self._closed = True
        for threads in (self._writing, self._looking):
            await asyncio.to_thread(threads.shutdown)
        while self._connections:
            self._connections.pop().close()

    async def news(self) -> None:
        """Return when something was committed to the record since the last call."""
        await self._news.wait()
        self._news.clear()

    async def due(self, most: int) -> Due:
        """What was filed, refiled or taken out lately; then what was there before the index. Empty: all is done."""
        rows = await self._reader.run(lambda connection: connection.execute(_DUE, {"most": most}).all())
        if rows:
            asked = tuple((row.number, row.message) for row in rows)
            return Due(tuple(dict.fromkeys(message for _, message in asked)), asked)
        below = await self._look(index.unswept)
        if below == 0:
            return Due(())
        older = {"below": below, "most": most}
        found = await self._reader.run(lambda connection: connection.execute(_OLDER, older).scalars().all())
        return Due(tuple(found), swept=found[-1] if found else 0)

    async def filed(self, numbers: Collection[int]) -> dict[int, Filed]:
        """Those that are filed under somebody, by number."""
        return await self._reader.run(lambda connection: _filed(connection, numbers))

    async def put(self, due: Due, entries: Sequence[Entry]) -> None:
        """What was due is in the index, or out of it where it is nobody's any more; and then nobody asks for it."""
        gone = set(due.messages) - {entry.message.id for entry in entries}
        writing = partial(index.write, entries=entries, gone=gone, swept=due.swept)
        await self._in(self._writing, lambda: writing(self._connection(writes=True)))
        if due.asked:
            numbers = [number for number, _ in due.asked]
            await self._writer.run(lambda connection: _done(connection, numbers))

    async def find(
        self, query: Query, *, clients: Collection[str] | None, limit: int, zone: tzinfo = UTC, after: int | None = None
    ) -> Found:
        """Messages of ``clients`` (names; None: of all), newest first; ``after`` is the cursor of the page before.

        The index only proposes: whose each message is, the record says at this moment. Days are those of ``zone``.
        """
        known = dict(await self._look(index.clients))
        waiting = await self._waiting()
        scope = scope_of(query, known, clients)
        if query.is_empty or scope is None:
            return Found((), None, waiting)
        match = match_of(query, scope, zone, after)
        hits, behind = await self._page(query, scope, match, limit)
        return Found(tuple(hits), behind, waiting)

    async def _page(self, query: Query, scope: Scope, match: Match, limit: int) -> tuple[list[Hit], int | None]:
        """Look on until the page is full, nothing is left, or time is up: then what there is, and where to go on."""
        deadline = time.monotonic() + PATIENCE
        hits: list[Hit] = []
        most = limit
        while True:
            try:
                proposed = await self._look(partial(candidates, match=match, most=most, deadline=deadline))
            except TooSlow:
                if hits:
                    return hits, match.end
                raise Faulty("The search", [Fault("q", TOO_SLOW)]) from None
            known = await self.filed([one.message for one in proposed])
            for one in proposed:
                match = match.behind(one.place)
                hit = _hit(one, known.get(one.message), scope, query)
                if hit is not None:
                    hits.append(hit)
                    if len(hits) == limit:
                        return hits, match.end
            if len(proposed) < most:
                return hits, None
            most = MORE

    async def _waiting(self) -> int:
        rows: int = await self._reader.run(lambda connection: connection.execute(_WAITING).scalar() or 0)
        return rows + max(0, await self._look(index.unswept) - 1)

    async def _look(self, look: Callable[[sqlite3.Connection], T]) -> T:
        return await self._in(self._looking, lambda: look(self._connection()))

    def _connection(self, *, writes: bool = False) -> sqlite3.Connection:
        """The calling thread's own."""
        if not hasattr(self._own, "raw"):
            self._own.raw = index.connect(self._path, writes=writes)
            self._connections.append(self._own.raw)
        raw: sqlite3.Connection = self._own.raw
        return raw

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        if self._closed:
            raise TemporaryFailure(CLOSED)
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work)
        except (sqlite3.Error, OSError) as error:
            raise trouble(error) from error


def _filed(connection: Connection, numbers: Collection[int]) -> dict[int, Filed]:
    asked = {"numbers": list(numbers)}
    filings: dict[int, list[tuple[str, Direction]]] = {}
    for row in connection.execute(_FILINGS, asked):
        filings.setdefault(row.message, []).append((row.client, Direction(row.direction)))
    messages = map(read_message, connection.execute(_THESE, asked))
    return {one.id: Filed(one, tuple(filings[one.id])) for one in messages if one.id in filings}


def _done(connection: Connection, numbers: Sequence[int]) -> None:
    connection.execute(_DONE, {"numbers": numbers})


def _hit(proposed: Candidate, filed: Filed | None, scope: Scope, query: Query) -> Hit | None:
    """None where the record says other than the index: it was filed anew, restored, or is not the asker's to see."""
    if filed is None or bytes.fromhex(filed.message.sha256)[:HASH_OCTETS] != proposed.digest:
        return None
    clients = scope.shown([client for client, _ in filed.filings])
    boxes = [direction for client, direction in filed.filings if client in clients]
    if not clients or (query.box is not None and query.box not in boxes):
        return None
    return Hit(filed.message, clients, query.box or boxes[0], snippet(proposed.text, query.terms))
