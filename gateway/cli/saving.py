"""Writing what came from outside to the caller's disk: never over a file, never through a link, never to a terminal."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from gateway.cli.exits import DATA, USAGE, Failed


@dataclass(frozen=True, slots=True)
class Saved:
    """A file that was written: octets, and their SHA-256 in hex."""

    size: int
    sha256: str


def hand_over(content: bytes, output: Path | None) -> None:
    """To the file, or to stdout where that is no terminal."""
    if output is not None and str(output) != "-":
        save(output, content)
    elif output is None and sys.stdout.isatty():
        raise Failed(USAGE, "This would fill the terminal with somebody's bytes: say -o FILE, or redirect.")
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def hand_over_pieces(pieces: Iterator[bytes], output: Path | None) -> None:
    """The same for what is printed, so a terminal may have it; the first piece is there before anything is made."""
    first = next(pieces, b"")
    if output is not None and str(output) != "-":
        save_pieces(output, chain([first], pieces))
        return
    for piece in chain([first], pieces):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def save(target: Path, content: bytes) -> None:
    """A new file; one that exists is left alone, and that is an error."""
    save_pieces(target, [content])


def save_pieces(target: Path, pieces: Iterable[bytes]) -> Saved:
    """The same piece by piece; what breaks off leaves no file."""
    digest, size = hashlib.sha256(), 0
    made = fresh(target)  # outside, so that a file of somebody else's is not taken for ours
    try:
        with made as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise Failed(DATA, f"{target} can't be written: {error.strerror}.") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return Saved(size, digest.hexdigest())


def damaged(target: Path) -> Failed:
    """What came is not what was asked for."""
    return Failed(DATA, f"{target} came damaged: run `postern verify`, then export again.")


def fresh(target: Path) -> BinaryIO:
    """A new file to write, for its user alone."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.fdopen(os.open(target, flags, 0o600), "w+b")
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
