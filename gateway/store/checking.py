"""The check of everything that is stored: every page, row, link and octet, while the gateway goes on.

It reads in small steps, each a look of its own, so that it holds up no checkpoint and never has more than a batch of
short rows, or one small message, in memory; a caller that stops asking ends it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.store import files
from gateway.store.activity import BEGINNING, link_of
from gateway.store.backup import StoredFile, read_only
from gateway.store.documents import DOCUMENT_MODE
from gateway.store.record_rows import DIGESTED, digest_of
from gateway.store.spool import BLOB_MODE, blob_folder

BATCH = 200  # rows of one look
STEP = 50_000  # SQLite's instructions between two questions whether to stop: some milliseconds


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of how many things were looked at."""

    checked: int
    total: int


@dataclass(frozen=True, slots=True)
class Noted:
    """A line of the activity as it was noted elsewhere: what nobody who has only the database can forge."""

    number: int
    link: str


Finding = str  # a sentence: what is wrong, and what to do
Sign = Progress | Finding
_RESTORE = "restore it from a backup"


class Check:
    """One check; to be iterated once, in any thread, but in one at a time. ``stop`` is asked also within long looks."""

    def __init__(
        self, database: Path, root: Path, *, noted: Noted | None = None, stop: Callable[[], bool] = lambda: False
    ) -> None:
        self._database = database
        self._root = root
        self._noted = noted
        self._stop = stop
        self._checked = 0
        self._total = 0

    def __iter__(self) -> Generator[Sign]:
        """Progress after each thing, and a finding where one is not as it was stored."""
        looks = (self._count, self._pages, self._references, self._activity, self._messages, self._rows, self._files)
        for look in looks:
            try:
                with closing(read_only(self._database)) as raw:
                    raw.set_progress_handler(self._stop, STEP)
                    yield from look(raw)
            except sqlite3.DatabaseError as error:
                if self._stop():
                    return
                yield f"The database {self._database} is damaged ({error}): restore the latest backup."

    def _count(self, raw: sqlite3.Connection) -> Iterator[Sign]:
        for table in ("activity", "message", "body", "document"):
            self._total += raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our own names
        yield Progress(0, self._total)

    def _pages(self, raw: sqlite3.Connection) -> Iterator[Sign]:
        for (line,) in raw.execute("PRAGMA integrity_check"):
            if line != "ok":
                yield f"The database {self._database} is damaged ({line}): restore the latest backup."

    def _references(self, raw: sqlite3.Connection) -> Iterator[Sign]:
        for table, _, parent, _ in raw.execute("PRAGMA foreign_key_check"):
            yield f"The database {self._database} has a {table} without its {parent}: restore the latest backup."

    def _activity(self, raw: sqlite3.Connection) -> Iterator[Sign]:
        """Numbers without a gap up to the last that was given, and each link as its line and the one before make it."""
        given = raw.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'activity'").fetchone()[0] or 0
        last, link = 0, BEGINNING
        columns = "number, link, at, who, kind, name, verb, what"
        for number, found, at, *words in self._batches(raw, "activity", "number", columns):
            if number != last + 1:
                yield _lines_gone(last + 1, number - 1)
            elif found != link_of(link, number, at, words):
                yield f"Line {number} of the activity is not what was written: {_RESTORE}, and find out who altered it."
            if self._noted and number == self._noted.number and found != self._noted.link:
                yield f"Line {number} of the activity is not the one that you noted: {_RESTORE}, and find out why."
            last, link = number, found
            yield self._one_more()
        if last < given:
            yield _lines_gone(last + 1, given)
        if self._noted and self._noted.number > max(last, given):
            yield f"The activity ends before line {self._noted.number}, which you noted: {_RESTORE}, and find out why."

    def _messages(self, raw: sqlite3.Connection) -> Iterator[Sign]:
        octets = "(SELECT size FROM body WHERE body.sha256 = message.sha256)"
        filed = (
            "EXISTS (SELECT 1 FROM filing WHERE filing.message = message.id) "
            "OR EXISTS (SELECT 1 FROM unfiled WHERE unfiled.message = message.id)"
        )
        columns = ", ".join(("id", "digest", *DIGESTED, octets, filed))
        for number, digest, *values, size, is_filed in self._batches(raw, "message", "id", columns):
            if digest is not None and digest != digest_of(values):
                yield f"What is noted of message {number} is not what was filed: {_RESTORE}."
            if size is not None and size != dict(zip(DIGESTED, values, strict=True))["size"]:
                yield f"Message {number} is noted with another size than its bytes have: {_RESTORE}."
            if not is_filed:
                yield f"Message {number} is in no client's record any more: {_RESTORE}."
            yield self._one_more()

    def _rows(self, raw: sqlite3.Connection) -> Iterator[Sign]:
        for sha256, size, inline in self._batches(raw, "body", "sha256", "sha256, size, content IS NOT NULL"):
            if not inline:
                continue
            row = raw.execute("SELECT content FROM body WHERE sha256 = ?", (sha256,)).fetchone()
            if row is None:  # swept meanwhile, as what the queue has done with is
                continue
            if not _is_whole(row[0], sha256, size):
                yield f"The message {sha256} in the database is not what came in: {_RESTORE}."
            yield self._one_more()

    def _files(self, raw: sqlite3.Connection) -> Iterator[Sign]:
        for sha256, size, inline in self._batches(raw, "body", "sha256", "sha256, size, content IS NOT NULL"):
            if not inline:
                yield from self._file(StoredFile(blob_folder(sha256), sha256, sha256, BLOB_MODE), size)
        for _, path, sha256, size, withdrawn in self._batches(
            raw, "document", "id", "id, path, sha256, size, withdrawn"
        ):
            if withdrawn:  # the message that brought it has the bytes
                yield self._one_more()
                continue
            *place, name = path.split("/")
            yield from self._file(StoredFile(tuple(place), name, sha256, DOCUMENT_MODE), size)

    def _file(self, one: StoredFile, size: int) -> Iterator[Sign]:
        digest, octets = hashlib.sha256(), 0
        try:
            for block in files.blocks(self._root, one.place, one.name):
                digest.update(block)
                octets += len(block)
                if self._stop():
                    return
        except OSError as error:
            yield f"The file {one.path} can't be read ({error.strerror or 'it is no plain file'}): {_RESTORE}."
        else:
            if (digest.hexdigest(), octets) != (one.sha256, size):
                yield f"The file {one.path} is not what was saved: {_RESTORE}."
        yield self._one_more()

    def _batches(self, raw: sqlite3.Connection, table: str, key: str, columns: str) -> Iterator[tuple[Any, ...]]:
        """All rows by their key, which is the first column."""
        behind: object = "" if key == "sha256" else -1
        query = f"SELECT {columns} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT {BATCH}"  # noqa: S608
        while rows := raw.execute(query, (behind,)).fetchall():
            yield from rows
            behind = rows[-1][0]

    def _one_more(self) -> Progress:
        self._checked += 1
        return Progress(self._checked, self._total)


def _is_whole(content: object, sha256: str, size: int) -> bool:
    return isinstance(content, bytes) and len(content) == size and hashlib.sha256(content).hexdigest() == sha256


def _lines_gone(first: int, last: int) -> Finding:
    lines = f"Line {first}" if first == last else f"Lines {first} to {last}"
    verb = "is" if first == last else "are"
    return f"{lines} of the activity {verb} gone: restore the latest backup, and find out who removed them."
