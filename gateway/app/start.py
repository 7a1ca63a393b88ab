"""The start of the process: settings, the data folder, its lock; then, and only then, the daemon.

What the daemon imports is most of a start. A second one for the same folder, or one whose settings are wrong, says so
and ends before any of it is loaded.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gateway.domain.errors import Conflict, Faulty, PosternError
from gateway.settings.gateway import load
from gateway.store.lock import DataLock

EX_UNAVAILABLE, EX_CONFIG = 69, 78  # sysexits.h


def serve(settings_path: Path) -> int:
    """Runs until a signal; the exit code. Faults of the settings go to stderr, each on a line of its own."""
    try:
        settings = load(settings_path)
        prepare(settings.data_dir)
        lock = hold(settings.data_dir)
        from gateway.app.daemon import live

        return live(settings_path, settings, lock)
    except Faulty as faulty:
        for fault in faulty.faults:
            print(f"postern: {faulty.what}: {fault}", file=sys.stderr)
        return EX_CONFIG
    except PosternError as error:
        print(f"postern: {error.sentence}", file=sys.stderr)
        return EX_UNAVAILABLE


def prepare(data_dir: Path) -> None:
    """The data folder, ours alone, whatever the umask; files that we make are nobody else's to read. `Conflict`."""
    os.umask(0o077)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Conflict(f"The data folder {data_dir} can't be made: {error}.") from error
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        raise Conflict(f"The data folder {data_dir} is not ours to write: chown it to the user that runs postern.")


def hold(data_dir: Path) -> DataLock:
    """The data folder's lock; `Conflict` while another process works with it."""
    try:
        return DataLock(data_dir)
    except OSError as error:
        raise Conflict(f"The data folder {data_dir} can't be locked: {error}.") from error
