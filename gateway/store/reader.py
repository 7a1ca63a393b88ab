"""A few threads that read from the database, each look at one consistent moment."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

import structlog
from sqlalchemy import Connection, Engine

from gateway.domain.errors import TemporaryFailure
from gateway.store.engine import driver
from gateway.store.trouble import CLOSED, trouble

log = structlog.get_logger()

T = TypeVar("T")

THREADS = 3  # readers never wait for the writer; a slow list must not hold up the dispatcher's look
EX_SOFTWARE = 70  # sysexits.h


class _Look(Generic[T]):
    """What somebody waits for; `settle` runs on the loop."""

    def __init__(self, look: Callable[[Connection], T], future: asyncio.Future[T]) -> None:
        self.look = look
        self.future = future
        self.error: Exception | None = None
        self._found: list[T] = []

    def run(self, connection: Connection) -> None:
        self._found = [self.look(connection)]

    def settle(self) -> None:
        if self.future.done():  # whoever waited was cancelled
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(*self._found)


class Reader:
    """Sees everything that was committed before ``run`` was called. To be made on the event loop that it serves.

    Each thread keeps its connection, and nothing but the look and its result goes to and fro: an executor and a
    connection from SQLAlchemy's pool cost ten times what a small look does.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._looks: SimpleQueue[_Look[object] | None] = SimpleQueue()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"store-reader-{number}", daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, look: Callable[[Connection], T]) -> T:
        if self._closed:
            raise TemporaryFailure(CLOSED)
        future: asyncio.Future[T] = self._loop.create_future()
        self._looks.put(_Look(look, future))  # type: ignore[arg-type]  # the queue does not care what is found
        return await future

    async def close(self) -> None:
        """Let what was asked for be answered; a second time does nothing."""
        if not self._closed:
            self._closed = True
            for _ in range(THREADS):
                self._looks.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _serve(self) -> None:
        try:
            self._work()
        except BaseException:  # noqa: BLE001 - who waits for a thread that is gone would wait for ever
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(EX_SOFTWARE)

    def _work(self) -> None:
        connection: Connection | None = None
        while (asked := self._looks.get()) is not None:
            if not asked.future.cancelled():
                connection = self._answer(asked, connection)
        if connection is not None:
            connection.close()

    def _answer(self, asked: _Look[object], connection: Connection | None) -> Connection | None:
        """The connection, where it is still good."""
        try:
            connection = connection or self._engine.connect()
            raw = driver(connection)
            raw.execute("BEGIN")
            try:
                asked.run(connection)
            finally:
                raw.execute("ROLLBACK")
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            asked.error = trouble(error)
            if connection is not None:
                connection.invalidate()
                connection.close()
                connection = None
        try:
            self._loop.call_soon_threadsafe(asked.settle)
        except RuntimeError:
            log.warning("store-nobody-waits", jobs=1)  # the loop ended first
        return connection
