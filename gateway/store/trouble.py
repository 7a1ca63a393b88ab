"""What databases and file systems throw, told as the errors of the domain."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from gateway.domain.errors import Conflict, NoSpace, PosternError, TemporaryFailure

FULL = "there is no room left on the gateway's disk: free some, then try again"
BUSY = "another program holds the gateway's database: try again in a moment"
DAMAGED = "the gateway's database is damaged: stop the gateway and restore the latest backup"
TROUBLE = "the gateway's store can't be written or read just now: try again later"
NO_MEMORY = "the gateway has no memory left just now: try again later"
CLOSED = "the gateway is shutting down: try again in a moment"
CLASH = "this is in the store already"

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_OURS = frozenset({errno.ELOOP, errno.ENOTDIR})
_PRIMARY = 0xFF  # the low octet of SQLite's extended result codes


def trouble(error: Exception) -> Exception:
    """The domain's error for it; a mistake of our own stays what it is, so that it is seen."""
    if isinstance(error, PosternError):
        return error
    if isinstance(error, DBAPIError) and isinstance(error.orig, sqlite3.Error):
        return _database(error.orig)
    if isinstance(error, sqlite3.Error):
        return _database(error)
    if isinstance(error, OSError):
        return _files(error)
    if isinstance(error, MemoryError):
        return TemporaryFailure(NO_MEMORY, detail="MemoryError")
    return error


@contextmanager
def named(database: Path) -> Iterator[None]:
    """A damaged database is told by its path, for who starts the gateway; mail programs are told no paths."""
    try:
        yield
    except TemporaryFailure as error:
        if error.sentence != DAMAGED:
            raise
        sentence = DAMAGED.replace("database is", f"database {database} is")
        raise TemporaryFailure(sentence, detail=error.detail) from error


def _database(error: sqlite3.Error) -> PosternError:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    name = f"{getattr(error, 'sqlite_errorname', '')}: {error}"
    if code == sqlite3.SQLITE_FULL:
        return NoSpace(FULL, detail=name)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return TemporaryFailure(BUSY, detail=name)
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return TemporaryFailure(DAMAGED, detail=name)
    if code == sqlite3.SQLITE_CONSTRAINT:
        return Conflict(CLASH, detail=name)
    return TemporaryFailure(TROUBLE, detail=name)


def _files(error: OSError) -> PosternError:
    detail = f"{errno.errorcode.get(error.errno or 0, '')}: {error}"
    if error.errno in _NO_ROOM:
        return NoSpace(FULL, detail=detail)
    if error.errno in _NOT_OURS:
        return Conflict("a link or file stands where the gateway keeps a folder: take it away", detail=detail)
    return TemporaryFailure(TROUBLE, detail=detail)
