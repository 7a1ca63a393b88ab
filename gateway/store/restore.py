"""A backup put back into a data folder that has no database: each file checked as it is copied, the database last.

One that was cut off in the middle leaves files without a database, which no daemon starts on; done again, it goes on.
Nothing leaves by itself: what waited when the backup was written may have left since. So all of it is held, as by a
person, before the database has its name.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.errors import Conflict, Fault
from gateway.domain.mail import QueueState
from gateway.store import files, index
from gateway.store.backup import StoredFile, copy_database, read_only, stored_files
from gateway.store.engine import DATABASE
from gateway.store.migrate import HEAD, revision_of
from gateway.store.trouble import trouble

_BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a database, and would take for this one's
# The columns are those of every version of the schema: an older backup is migrated behind this.
_HOLD = "UPDATE queue_entry SET state = ?, hold_reason = '' WHERE state IN (?, ?)"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that this version can read, made by `checked`; ``files``: how many it has beside its database."""

    folder: Path
    files: int


@dataclass(frozen=True, slots=True)
class Restored:
    """How many files were put back, how many messages are held, and the files that could not be put back."""

    files: int
    held: int
    faults: tuple[Fault, ...]


def restore(backup: Backup, root: Path, database: Path, done: Callable[[int], None]) -> Restored:
    """Into ``root``, whose lock the caller holds; ``done`` is called with how many files were just dealt with.

    Raises `Conflict`, and changes nothing, where there is a database already; `NoSpace` and `TemporaryFailure` as
    everything that writes.
    """
    _check_free(database)
    faults = list[Fault]()
    with _told(backup.folder):
        for one in stored_files(backup.folder / DATABASE):
            fault = _put(one, backup.folder, root)
            if fault is not None:
                faults.append(fault)
            done(1)
        staged = database.with_name(f"{database.name}.restoring")
        staged.unlink(missing_ok=True)
        copy_database(backup.folder / DATABASE, staged)
        held = _hold(staged)
        index.discard(index.index_path(database))  # of another record
        staged.rename(database)
        files.sync_file(database)
    return Restored(backup.files - len(faults), held, tuple(faults))


def checked(folder: Path) -> Backup:
    """The backup in that folder. `Conflict` where it is none, is damaged, or was written by a newer version."""
    copy = folder / DATABASE
    if not copy.is_file():
        raise Conflict(f"{folder} is no backup: it holds no {DATABASE}. Name the folder that `postern backup` wrote.")
    with _told(folder):
        known = revision_of(copy)
        if known is None:
            raise Conflict(f"{copy} is empty: this backup was never finished. Take an older one.")
        if known > HEAD:
            raise Conflict(
                f"the backup was written by a newer Postern (schema {known}, this one knows {HEAD}): "
                "install that version, and restore with it"
            )
        with closing(read_only(copy)) as raw:
            (found,) = raw.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise Conflict(f"the database of the backup is damaged ({found}): take an older one")
        return Backup(folder, sum(1 for _ in stored_files(copy)))
    raise AssertionError("nothing above suppresses an error")


def _check_free(database: Path) -> None:
    if database.exists() and database.stat().st_size:
        raise Conflict(
            f"there is a database already, {database}: it would be lost. Give the settings an empty data_dir, or move "
            "all of the data folder but secret.key away first"
        )
    for suffix in _BESIDE:
        beside = database.with_name(database.name + suffix)
        if beside.exists():
            raise Conflict(f"{beside} belongs to another database, and would damage this one: move it away first")


def _hold(database: Path) -> int:
    """How many; durable on return."""
    with closing(sqlite3.connect(database)) as raw, raw:
        return raw.execute(_HOLD, (QueueState.HELD, QueueState.QUEUED, QueueState.ACTIVE)).rowcount


def _put(one: StoredFile, backup: Path, root: Path) -> Fault | None:
    try:
        content = files.read(backup, one.place, one.name)
    except FileNotFoundError:
        return Fault(one.path, "the file is not in the backup")
    if hashlib.sha256(content).hexdigest() != one.sha256:
        return Fault(one.path, "the file is not what was saved")
    if not files.holds(root, one.place, one.name, content):
        files.put(root, one.place, one.name, content, one.mode)
    return None


@contextmanager
def _told(backup: Path) -> Iterator[None]:
    """What the disk or SQLite throws becomes an error of the domain; a damaged backup is told as what it is."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        raise trouble(error) from error
    except sqlite3.DatabaseError as error:
        raise Conflict(
            f"the database of the backup in {backup} is damaged: take an older one", detail=str(error)
        ) from error
