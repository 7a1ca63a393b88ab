"""The database by its URL, and connections that keep what they commit."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.domain.errors import Fault, Faulty

DATABASE = "postern.db"
BUSY_TIMEOUT = 5_000  # milliseconds; a mail program waits minutes, and a backup by hand holds the lock for less
CHECKPOINT_PAGES = 2_000  # 8 MB of log between checkpoints: each costs the writer one pause
LOG_KEPT = 64 * 1024 * 1024  # octets of log file that stay allocated after a burst

_DRIVERS = frozenset({"sqlite", "sqlite+aiosqlite", "sqlite+pysqlite"})


def database_path(data_dir: Path, url: str | None) -> Path:
    """Where the SQLite file lies; a relative path is below the data folder. Raises `Faulty` for any other URL."""
    if url is None:
        return data_dir / DATABASE
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise _faulty("this is no database URL: write sqlite+aiosqlite:///PATH, or leave it out") from error
    if parsed.drivername not in _DRIVERS or parsed.host or parsed.query:
        raise _faulty("only SQLite is supported so far: write sqlite+aiosqlite:///PATH, or leave it out")
    if not parsed.database or parsed.database == ":memory:":
        raise _faulty("mail that was accepted must survive a restart: give the database a file")
    return data_dir / parsed.database


def _faulty(sentence: str) -> Faulty:
    return Faulty("settings", [Fault("database.url", sentence)])


def connect(path: Path, *, writes: bool) -> Engine:
    """An engine whose transactions are begun and ended by hand, in SQL: the driver's own rules begin too late."""
    engine = create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT", connect_args={"check_same_thread": False})

    def prepare(raw: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
        for pragma in _PRAGMAS + (_WRITER if writes else _READER):
            raw.execute(f"PRAGMA {pragma}").close()

    event.listen(engine, "connect", prepare)
    return engine


_PRAGMAS = (
    f"busy_timeout = {BUSY_TIMEOUT}",
    "foreign_keys = ON",
    "synchronous = FULL",  # with NORMAL, a power cut took every commit since the last checkpoint
    "trusted_schema = OFF",
)
_WRITER = (
    "journal_mode = WAL",
    f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
    f"journal_size_limit = {LOG_KEPT}",
)
_READER = ("query_only = ON",)


def driver(connection: Connection) -> sqlite3.Connection:
    """The bare connection below SQLAlchemy's."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw
