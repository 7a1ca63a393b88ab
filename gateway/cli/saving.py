"""Writing what came from outside to the caller's disk: never over a file, never through a link, never to a terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gateway.cli.exits import DATA, USAGE, Failed


def hand_over(content: bytes, output: Path | None) -> None:
    """To the file, or to stdout where that is no terminal."""
    if output is not None and str(output) != "-":
        save(output, content)
    elif output is None and sys.stdout.isatty():
        raise Failed(USAGE, "This would fill the terminal with somebody's bytes: say -o FILE, or redirect.")
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def save(target: Path, content: bytes) -> None:
    """A new file; one that exists is left alone, and that is an error."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
            file.write(content)
    except FileExistsError:
        raise Failed(DATA, f"{target} exists already: choose another name, or move it away.") from None
    except OSError as error:
        raise Failed(DATA, f"{target} can't be written: {error.strerror}.") from error


def folder(target: Path) -> None:
    """An empty folder to export into: it is made, or it is there and has nothing in it."""
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise Failed(DATA, f"{target} is not empty: choose a new folder.")
    except OSError as error:
        raise Failed(DATA, f"{target} can't be used as a folder: {error.strerror}.") from error
