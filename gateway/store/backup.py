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
from gateway.store.bodies import BLOB_MODE, blob_folder
from gateway.store.documents import DOCUMENT_MODE
from gateway.store.engine import DATABASE


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
    with closing(_read_only(database)) as raw:
        for (sha256,) in raw.execute("SELECT sha256 FROM body WHERE content IS NULL ORDER BY sha256"):
            yield StoredFile(blob_folder(sha256), sha256, sha256, BLOB_MODE)
        for path, sha256 in raw.execute("SELECT path, sha256 FROM document ORDER BY id"):
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


def verify(database: Path, root: Path) -> list[str]:
    """A sentence for each thing that is not as it was stored; empty: all is well. Reads every octet."""
    found: list[str] = []
    for check in (_pages, _references, _rows, _files):
        try:
            found += check(database, root)
        except sqlite3.DatabaseError as error:
            found.append(f"The database {database} is damaged ({error}): restore the latest backup.")
    return list(dict.fromkeys(found))


def _read_only(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{_quoted(database)}?mode=ro", uri=True)


def _pages(database: Path, root: Path) -> Iterator[str]:
    with closing(_read_only(database)) as raw:
        for (line,) in raw.execute("PRAGMA integrity_check"):
            if line != "ok":
                yield f"The database {database} is damaged ({line}): restore the latest backup."


def _references(database: Path, root: Path) -> Iterator[str]:
    with closing(_read_only(database)) as raw:
        for table, _, parent, _ in raw.execute("PRAGMA foreign_key_check"):
            yield f"The database {database} has a {table} without its {parent}: restore the latest backup."


def _rows(database: Path, root: Path) -> Iterator[str]:
    with closing(_read_only(database)) as raw:
        for sha256, content in raw.execute("SELECT sha256, content FROM body WHERE content IS NOT NULL"):
            if hashlib.sha256(content).hexdigest() != sha256:
                yield f"The message {sha256} in the database is not what came in: restore it from a backup."


def _files(database: Path, root: Path) -> Iterator[str]:
    for one in stored_files(database):
        try:
            content = files.read(root, one.place, one.name)
        except OSError as error:
            reason = error.strerror or "it is no plain file"
            yield f"The file {one.path} can't be read ({reason}): restore it from a backup."
            continue
        if hashlib.sha256(content).hexdigest() != one.sha256:
            yield f"The file {one.path} is not what was saved: restore it from a backup."
