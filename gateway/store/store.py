"""The store as one thing: opened on a data folder, closed once, and the shelves in between."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from sqlalchemy import Engine

from gateway.domain.errors import Conflict
from gateway.policy import texts
from gateway.store import backup, files
from gateway.store.activity import ActivityShelf
from gateway.store.bodies import Bodies
from gateway.store.brought import BroughtShelf
from gateway.store.checking import Check, Noted
from gateway.store.clock import QueueClock
from gateway.store.conversations import Conversations
from gateway.store.correspondents import Correspondents
from gateway.store.dkim import DkimShelf
from gateway.store.documents import CLIENTS
from gateway.store.engine import connect, database_path
from gateway.store.errands import Errands
from gateway.store.feed import Bell, Feed, newest
from gateway.store.firm import FirmShelf
from gateway.store.hand import ByHand
from gateway.store.history import HistoryShelf
from gateway.store.lock import DataLock
from gateway.store.migrate import migrate
from gateway.store.outages import Outages
from gateway.store.pruning import Pruning
from gateway.store.queue import Queue, recover
from gateway.store.reader import Reader
from gateway.store.record import Record
from gateway.store.returns import Returns
from gateway.store.saving import SavingShelf
from gateway.store.scheduled import Scheduled
from gateway.store.search import Search
from gateway.store.searches import Searches
from gateway.store.secrets import Seal
from gateway.store.spool import BLOBS
from gateway.store.sync import Sync
from gateway.store.tokens import TokenShelf
from gateway.store.trouble import named, trouble
from gateway.store.verdicts import Verdicts
from gateway.store.webhooks import WebhookShelf
from gateway.store.wishes import Wishes
from gateway.store.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """All that outlives the process. Errors: `NoSpace`, `TemporaryFailure`, `NotFound`, `Conflict`."""

    def __init__(
        self,
        data_dir: Path,
        database: Path,
        lock: DataLock,
        engines: tuple[Engine, Engine],
        *,
        seal: Seal,
        clock: QueueClock,
    ) -> None:
        writing, reading = engines
        self._data_dir = data_dir
        self._database = database
        self._lock = lock
        self._engines = engines
        self._writer = Writer(writing)
        self._reader = Reader(reading)
        self._bell = Bell()
        self._closed = False
        self._shelve_queue(clock)
        self._shelve_record()
        self._shelve_firm(seal)

    def _shelve_firm(self, seal: Seal) -> None:
        """How it is set up, who may ask, and who is told."""
        correspondents = Correspondents(self._data_dir, self._writer, self._reader)
        self.firm = FirmShelf(self._writer, self._reader, seal, correspondents=correspondents, saving=self.saving)
        self.dkim = DkimShelf(self._writer, self._reader, seal)
        self.tokens = TokenShelf(self._writer, self._reader)
        self.activity = ActivityShelf(self._reader)
        self.webhooks = WebhookShelf(self._writer, self._reader, seal)
        self.wishes = Wishes(self._writer, self._reader)
        self.feed = Feed(self._writer, self._reader, self._bell)

    def _shelve_queue(self, clock: QueueClock) -> None:
        """Mail on its way out."""
        self.bodies = Bodies(self._data_dir, self._reader)
        self.queue = Queue(self._writer, self._reader, self.bodies, clock, self._bell)
        self.errands = Errands(self._writer, self._reader)
        self.history = HistoryShelf(self._writer, self._reader)
        self.scheduled = Scheduled(self._writer, self._reader)
        self.pruning = Pruning(self._data_dir, self._writer, self._reader, clock)
        self.outages = Outages(self._writer, self._bell)
        self.returns = Returns(self._writer, self._reader, self.bodies, self._bell)

    def _shelve_record(self) -> None:
        """The clients' record, what was made of it, and how far the mailboxes have been read."""
        self.saving = SavingShelf(self._data_dir, self._writer, self._reader, self._bell)
        self.brought = BroughtShelf(self._reader)
        self.conversations = Conversations(self._reader)
        self.hand = ByHand(self._writer, self._reader, self._bell, self.saving)
        self.record = Record(self._data_dir, self._writer, self._reader, self.bodies, self._bell, saving=self.saving)
        self.verdicts = Verdicts(self._writer, self._reader, self._bell)
        self.sync = Sync(self._writer, self._reader)
        self.searches = Searches(self._writer, self._reader)
        self.search = Search(self._database, self._writer, self._reader)

    @classmethod
    async def open(
        cls,
        data_dir: Path,
        *,
        url: str | None,
        key: bytes,
        clock: QueueClock | None = None,
        lock: DataLock | None = None,
    ) -> Store:
        """Lock the folder, migrate the database, and put back what a crash left under way.

        ``clock``: the queue's, which goes on from where it was; the one of this machine unless a test has its own.
        ``lock``: the folder's, where it is held already; ours to release from now on.
        Raises `Conflict` when another daemon has the folder, a newer version wrote the database, or it is gone
        while its files are there; `Faulty` for a URL or key that can't be used.
        """
        seal = Seal(key)
        database = database_path(data_dir, url)
        with named(database):
            return await cls._open(data_dir, database, seal, clock or QueueClock(), lock)

    @classmethod
    async def _open(cls, data_dir: Path, database: Path, seal: Seal, clock: QueueClock, held: DataLock | None) -> Store:
        lock = await asyncio.to_thread(_prepare, data_dir, database, held)
        try:
            engines = connect(database, writes=True), connect(database, writes=False)
            store = cls(data_dir, database, lock, engines, seal=seal, clock=clock)
        except BaseException:
            lock.release()
            raise
        try:
            await store._writer.run(lambda connection: recover(connection, store.queue.clock.wall()))
            await store._writer.run(store.queue.clock.start)
            store._bell.ring(await store._reader.run(newest))
            await store.search.open(texts.version())
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Finish what was handed over, put the log into the database, let the folder go; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        await self.search.close()
        await self._writer.close()
        await self._reader.close()
        self.bodies.close()
        for engine in self._engines:
            engine.dispose()
        self._lock.release()

    async def backup(self, target: Path) -> None:
        """A whole copy into an empty folder, while all goes on; see `gateway.store.backup`."""
        await asyncio.to_thread(_told, backup.back_up, self._database, self._data_dir, target)

    def check(self, *, noted: Noted | None = None, stop: Callable[[], bool] = lambda: False) -> Check:
        """A check of everything, to be gone through in a thread; see `gateway.store.checking`."""
        return Check(self._database, self._data_dir, noted=noted, stop=stop)

    async def verify(self) -> list[str]:
        """A sentence for each thing that is not as it was stored; empty: all is well."""
        signs = await asyncio.to_thread(lambda: [one for one in self.check() if isinstance(one, str)])
        return list(dict.fromkeys(signs))

    def disk_free(self) -> int:
        """Octets that may still be written to the data folder's file system."""
        found = os.statvfs(self._data_dir)
        return found.f_bavail * found.f_frsize


def _prepare(data_dir: Path, database: Path, held: DataLock | None) -> DataLock:
    """All that may be done to the folder before the database is open; nothing but the lock if it is not ours."""
    try:
        files.make_root(data_dir)
        lock = held or DataLock(data_dir)
    except OSError as error:
        raise trouble(error) from error
    try:
        files.clear_staging(data_dir)
        _check_not_gone(data_dir, database)
        _told(migrate, database)
    except BaseException:
        lock.release()
        raise
    return lock


def _check_not_gone(data_dir: Path, database: Path) -> None:
    """A new database beside old files would look like a firm without mail."""
    if database.exists() and database.stat().st_size:
        return
    for name in (BLOBS, CLIENTS):
        if (data_dir / name).is_dir() and any((data_dir / name).iterdir()):
            raise Conflict(
                f"{data_dir} has stored mail but {database} is gone or empty: restore it from the latest backup, "
                f"or move {name} away to start anew"
            )


def _told(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run it; what the database or the disk throws becomes an error of the domain."""
    try:
        return work(*args, **kwargs)
    except Exception as error:
        told = trouble(error)
        if told is error:
            raise
        raise told from error
