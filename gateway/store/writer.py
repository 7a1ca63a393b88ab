"""The one thread that writes to the database: what waits while a COMMIT is on its way to the disk shares the next.

Order: jobs run in the order in which they came, each in a SAVEPOINT of its own; but those that are cheaper in company
are brought forward to the first of their kind, though never past a job that is of none. A job that fails takes nobody
with it; a COMMIT that fails fails every job of its batch. Nobody hears "done" before COMMIT has returned. A thread
that can't go on ends the process: whoever waits for it would wait for ever, and nothing acknowledged is lost by an end.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import structlog
from sqlalchemy import Connection, Engine

from gateway.domain.errors import TemporaryFailure
from gateway.store.engine import driver
from gateway.store.trouble import CLOSED, trouble

log = structlog.get_logger()

T = TypeVar("T")
Item = TypeVar("Item")

_Many = Callable[[Connection, Sequence[object]], None]

EX_SOFTWARE = 70  # sysexits.h
BATCH = 256  # jobs in one COMMIT, about: more would only make the first of them wait longer


class _Job(Generic[T]):
    """Work and what it came to; ``settle`` runs on the loop, after COMMIT."""

    def __init__(self, work: Callable[[Connection], T], then: Callable[[T], None] | None) -> None:
        self.future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.error: Exception | None = None
        self._work = work
        self._then = then
        self._results: list[T] = []

    def run(self, connection: Connection) -> None:
        self.done(self._work(connection))

    def done(self, result: T) -> None:
        self._results = [result]

    def settle(self) -> None:
        if self.error is not None:
            if not self.future.done():
                self.future.set_exception(self.error)
            return
        (result,) = self._results
        if self._then is not None:
            self._then(result)
        if not self.future.done():
            self.future.set_result(result)


class _Together(_Job[None], Generic[Item]):
    """A job that is cheaper in company: neighbours with the same ``many`` are run as one."""

    def __init__(
        self,
        many: Callable[[Connection, Sequence[Item]], None],
        item: Item,
        told: Callable[[bool], None] | None,
    ) -> None:
        super().__init__(lambda connection: many(connection, [item]), None)
        self.many = many
        self.item = item
        self._told = told

    def settle(self) -> None:
        if self._told is not None:
            self._told(self.error is None)
        super().settle()


class _Undone(Exception):
    """SQLite rolled the whole transaction back by itself, as it does when the disk is full."""


class Writer:
    """Takes jobs from one event loop; ``close`` lets those that were handed over finish."""

    def __init__(self, engine: Engine) -> None:
        self._loop = asyncio.get_running_loop()
        self._gathered: list[_Job[object]] = []
        self._jobs: SimpleQueue[list[_Job[object]] | None] = SimpleQueue()
        self._closed = False
        self.on_commit: list[Callable[[], None]] = []  # called on the loop after each COMMIT
        self._connection = engine.connect()
        self._raw = driver(self._connection)
        self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Connection], T], then: Callable[[T], None] | None = None) -> T:
        """Run ``work`` in a transaction; what it returned is durable when this returns.

        ``then`` is called with it on the loop after COMMIT, also when the caller was cancelled meanwhile: being
        cancelled does not take back what was handed over. Raises what ``work`` raised, `NoSpace`, or
        `TemporaryFailure`; then nothing of it was kept.
        """
        job = _Job(work, then)
        self._put(job)
        return await job.future

    async def run_together(
        self,
        many: Callable[[Connection, Sequence[Item]], None],
        item: Item,
        told: Callable[[bool], None] | None = None,
    ) -> None:
        """Do the same for work that takes one item or many: a batch of them costs a statement instead of one each.

        ``many`` must be able to be undone and run again: when it fails, each item is run on its own. ``told`` is called
        once, on the loop, with whether it was kept, also when the caller was cancelled meanwhile.
        """
        job = _Together(many, item, told)
        try:
            self._put(job)
        except TemporaryFailure:
            if told is not None:
                told(False)
            raise
        await job.future

    def _put(self, job: _Job[T]) -> None:
        """To the thread with all that comes in the same turn of the loop: a COMMIT costs as much for one as for ten."""
        if self._closed:
            raise TemporaryFailure(CLOSED)
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append(job)  # type: ignore[arg-type]  # the queue does not care what a job returns

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._jobs.put(gathered)

    async def close(self) -> None:
        self._closed = True
        self._hand_over()
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        try:
            self._work()
        except BaseException:  # noqa: BLE001 - no room for a log's line, say
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(EX_SOFTWARE)

    def _work(self) -> None:
        while True:
            jobs, last = self._take()
            if jobs:
                self._commit(jobs)
                self._tell(jobs)
            if last:
                break
        self._finish()

    def _take(self) -> tuple[list[_Job[object]], bool]:
        """Wait for some jobs, then take all that came meanwhile; True after the last."""
        jobs: list[_Job[object]] = []
        more = self._jobs.get()
        while more is not None:
            jobs.extend(more)
            if len(jobs) >= BATCH:
                return jobs, False
            try:
                more = self._jobs.get_nowait()
            except Empty:
                return jobs, False
        return jobs, True

    def _commit(self, jobs: Sequence[_Job[object]]) -> None:
        try:
            self._raw.execute("BEGIN IMMEDIATE")
            for many, alike in _gathered(jobs):
                if many is None or len(alike) == 1 or not self._try_together(many, alike):
                    for job in alike:
                        self._try(job)
            self._raw.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - logged, and handed to whoever waits for the jobs
            self._give_up(jobs, error)

    def _try(self, job: _Job[object]) -> None:
        self._raw.execute("SAVEPOINT job")
        try:
            job.run(self._connection)
        except Exception as error:
            job.error = trouble(error)
            if not self._raw.in_transaction:
                raise _Undone from error
            self._raw.execute("ROLLBACK TO job")
        self._raw.execute("RELEASE job")

    def _try_together(self, many: _Many, jobs: Sequence[_Job[object]]) -> bool:
        """False: one of them failed, and all of them are still to be done."""
        self._raw.execute("SAVEPOINT many")
        try:
            many(self._connection, [job.item for job in jobs if isinstance(job, _Together)])
        except Exception as error:
            if not self._raw.in_transaction:
                raise _Undone from error
            log.debug("store-one-by-one", jobs=len(jobs), error=type(error).__name__)
            self._raw.execute("ROLLBACK TO many")
            self._raw.execute("RELEASE many")
            return False
        self._raw.execute("RELEASE many")
        for job in jobs:
            job.done(None)
        return True

    def _give_up(self, jobs: Sequence[_Job[object]], error: Exception) -> None:
        """Nothing of the batch was kept; a job that had failed on its own keeps its own reason."""
        cause = error.__cause__ if isinstance(error, _Undone) and isinstance(error.__cause__, Exception) else error
        failure = trouble(cause)
        for job in jobs:
            job.error = job.error or failure
        if self._raw.in_transaction:
            try:
                self._raw.execute("ROLLBACK")
            except Exception as worse:
                log.exception("store-rollback-failed", error=str(worse))
        log.error("store-write-failed", jobs=len(jobs), error=str(failure), detail=getattr(failure, "detail", ""))

    def _tell(self, jobs: Sequence[_Job[object]]) -> None:
        def settle() -> None:
            for job in jobs:
                job.settle()
            for told in self.on_commit:
                told()

        try:
            self._loop.call_soon_threadsafe(settle)
        except RuntimeError:
            log.warning("store-nobody-waits", jobs=len(jobs))  # the loop ended first; the work itself is committed

    def _finish(self) -> None:
        """The log goes into the database, so that the file alone is whole while nobody runs."""
        try:
            self._raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
        except Exception as error:
            log.exception("store-checkpoint-failed", error=str(error))
        self._connection.close()


def _gathered(jobs: Sequence[_Job[object]]) -> Iterator[tuple[_Many | None, list[_Job[object]]]]:
    """Jobs of a kind together, those that are of none each on its own, as the order above has it."""
    kinds: dict[_Many, list[_Job[object]]] = {}
    for job in jobs:
        if many := _many(job):
            kinds.setdefault(many, []).append(job)
        else:
            yield from kinds.items()
            kinds = {}
            yield None, [job]
    yield from kinds.items()


def _many(job: _Job[object]) -> _Many | None:
    return job.many if isinstance(job, _Together) else None
