"""A large message as a file: written and hashed piece by piece while it comes, and read in pieces from then on.

Order: octets, fsync, its name below blobs/, fsync of that folder, and only then the row (see `gateway.store.bodies`).
What is not kept is gone with `close`, what a crash leaves with the next start of the daemon.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gateway.store import files
from gateway.store.trouble import trouble

BLOBS = "blobs"
BLOB_MODE = 0o600
SLICE = 256 * 1024  # octets that are read at once


def blob_folder(sha256: str) -> tuple[str, str]:
    """Where the file of that hash lies: 256 folders, so that none grows past what tools can list."""
    return BLOBS, sha256[:2]


class Spool:
    """A `Large` that is being written; one call at a time, from any thread. `NoSpace`, `TemporaryFailure`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._one = threading.Lock()  # who closes it while a thread writes waits for that
        self._file: int | None = None
        self._name = ""
        self._size = 0
        self._hash = hashlib.sha256()
        self._closed = False

    def __len__(self) -> int:
        return self._size

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, octets: bytes) -> None:
        """Add these; when it was closed meanwhile they are nobody's."""
        with self._one, _told():
            if self._closed:
                return
            if self._file is None:
                self._name, self._file = files.begin(self._root)
            files.write_all(self._file, octets)
            self._hash.update(octets)
            self._size += len(octets)

    def head(self, most: int) -> bytes:
        return b"".join(self._slices(0, most))

    def slices(self, start: int = 0) -> Iterator[bytes]:
        return self._slices(start, self._size)

    def keep(self) -> None:
        """Put it on the disk, under its hash; durable on return."""
        keep_spools(self._root, [self])

    def close(self) -> None:
        """Remove what was not kept; a second time does nothing."""
        with self._one, _told():
            self._closed = True
            if self._file is not None:
                os.close(self._file)
                self._file = None
            if self._name:
                files.discard(self._root, self._name)
                self._name = ""

    def _begun(self) -> files.Begun | None:
        """None where it has its name."""
        if self._file is None:
            raise FileNotFoundError("nothing was written, or it was closed")
        return files.Begun(self._name, self._file, blob_folder(self.sha256), self.sha256) if self._name else None

    def _slices(self, start: int, stop: int) -> Iterator[bytes]:
        while start < stop:
            with self._one, _told():
                if self._file is None:
                    raise FileNotFoundError("nothing was written, or it was closed")
                piece = os.pread(self._file, min(SLICE, stop - start), start)
            if not piece:
                return
            start += len(piece)
            yield piece


def keep_spools(root: Path, spools: Sequence[Spool]) -> None:
    """Put them on the disk together, each under its hash; durable on return."""
    with ExitStack() as held, _told():
        for spool in spools:
            held.enter_context(spool._one)
        files.give_names(root, [one for spool in spools if (one := spool._begun()) is not None], BLOB_MODE)
        for spool in spools:
            spool._name = ""


class Blob:
    """A `Large` that lies below blobs/ already."""

    def __init__(self, root: Path, sha256: str, size: int) -> None:
        self._root = root
        self._sha256 = sha256
        self._size = size

    def __len__(self) -> int:
        return self._size

    @property
    def sha256(self) -> str:
        return self._sha256

    def head(self, most: int) -> bytes:
        found = b""
        for piece in self.slices():
            found += piece
            if len(found) >= most:
                break
        return found[:most]

    def slices(self, start: int = 0) -> Iterator[bytes]:
        with _told():
            yield from files.blocks(self._root, blob_folder(self._sha256), self._sha256, start=start, size=SLICE)

    def keep(self) -> None:
        """It is kept; from here on it is as young as one that was just written."""
        with _told():
            files.adopt(self._root, blob_folder(self._sha256), self._sha256)

    def is_sound(self) -> bool:
        """Whether its octets are those of its hash. FileNotFoundError where it is gone."""
        digest = hashlib.sha256()
        for piece in files.blocks(self._root, blob_folder(self._sha256), self._sha256):
            digest.update(piece)
        return digest.hexdigest() == self._sha256


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise trouble(error) from error
