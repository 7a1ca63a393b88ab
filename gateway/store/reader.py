"""A few threads that read from the database, each look at one consistent moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine

from gateway.domain.errors import TemporaryFailure
from gateway.store.engine import driver
from gateway.store.pools import pool
from gateway.store.trouble import CLOSED, trouble

T = TypeVar("T")

THREADS = 3  # readers never wait for the writer; a slow list must not hold up the dispatcher's look


class Reader:
    """Sees everything that was committed before ``run`` was called."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pool = pool(THREADS, "store-reader")
        self._closed = False

    async def run(self, look: Callable[[Connection], T]) -> T:
        if self._closed:
            raise TemporaryFailure(CLOSED)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._look, look)

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)

    def _look(self, look: Callable[[Connection], T]) -> T:
        try:
            with self._engine.connect() as connection:
                raw = driver(connection)
                raw.execute("BEGIN")
                try:
                    return look(connection)
                finally:
                    raw.execute("ROLLBACK")
        except Exception as error:
            told = trouble(error)
            if told is error:
                raise
            raise told from error
