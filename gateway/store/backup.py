"""A copy of everything while the gateway runs: the database at one moment, then every file that it names."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.errors import Conflict, Fault, Faulty
from gateway.store import files
from gateway.store.documents import DOCUMENT_MODE
from gateway.store.engine import DATABASE
from gateway.store.spool import BLOB_MODE, blob_folder


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that a row of the database names."""

    place: tuple[str, ...]
    name: str
    sha256: str
    mode: int

    @property
    def path(self) -> str:
        return "/".join((*self.place, self.name))


def copy_database(source: Path, target: Path) -> None:
    """SQLite's online backup: one consistent moment, durable on return; writers go on meanwhile."""
    files.make_private(target)
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE").close()  # one file, whole in itself
    files.sync_file(target)


def stored_files(database: Path) -> Iterator[StoredFile]:
    """Every file that the database names."""
    with closing(read_only(database)) as raw:
        for (sha256,) in raw.execute("SELECT sha256 FROM body WHERE content IS NULL ORDER BY sha256"):
            yield StoredFile(blob_folder(sha256), sha256, sha256, BLOB_MODE)
        for path, sha256 in raw.execute("SELECT path, sha256 FROM document WHERE withdrawn = '' ORDER BY id"):
            *place, name = path.split("/")
            yield StoredFile(tuple(place), name, sha256, DOCUMENT_MODE)


def _quoted(path: Path) -> str:
    return path.resolve().as_uri().removeprefix("file://")


def back_up(database: Path, root: Path, target: Path) -> None:
    """Into ``target``, which must be empty or not there: `Conflict` otherwise. The key is not in it, on purpose.

    Raises `Faulty` at the end, naming each file that was missing or damaged; all else was copied.
    """
    _make_target(target)
    copy_database(database, target / DATABASE)
    faults = [fault for one in stored_files(target / DATABASE) if (fault := _copy(one, root, target))]
    if faults:
        raise Faulty(f"the backup in {target} is complete but for these", faults)


def _make_target(target: Path) -> None:
    try:
        target.mkdir(parents=True)
        target.chmod(files.FOLDER_MODE)
    except FileExistsError:
        if not target.is_dir() or os.listdir(target):  # noqa: PTH208 - one look, no list of paths
            raise Conflict(f"{target} is not an empty folder: name a new one for this backup") from None


def _copy(one: StoredFile, root: Path, target: Path) -> Fault | None:
    try:
        content = files.read(root, one.place, one.name)
    except FileNotFoundError:
        return Fault(one.path, "the file is gone")
    files.put(target, one.place, one.name, content, one.mode)
    if hashlib.sha256(content).hexdigest() != one.sha256:
        return Fault(one.path, "the file is not what was saved")
    return None


def read_only(database: Path) -> sqlite3.Connection:
    """To be closed by the caller; it may go from thread to thread, but be used by one at a time."""
    return sqlite3.connect(f"file:{_quoted(database)}?mode=ro", uri=True, check_same_thread=False)
