"""A large message as a file: written and hashed piece by piece while it comes, and read in pieces from then on.

Order: octets, fsync, its name below blobs/, fsync of that folder, and only then the row (see `gateway.store.bodies`).
What is not kept is gone with `close`, what a crash leaves with the next start of the daemon.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, wait
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


class Unfiled:
    """A `Large` in a file of its own, filed where it was kept; one call at a time, from any thread."""

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

    def _to_name(self) -> files.Begun | None:
        """None where it has its name."""
        file = self._written()
        return files.Begun(self._name, file, blob_folder(self.sha256), self.sha256) if self._name else None

    def _to_write(self) -> int | None:
        """The file, at which the next octets go behind the last; None once it was closed."""
        if self._file is None and not self._closed:
            self._name, self._file = files.begin(self._root)
        return None if self._closed else self._file

    def _written(self) -> int:
        if self._file is None:
            raise FileNotFoundError("nothing was written, or it was closed")
        return self._file

    def _slices(self, start: int, stop: int) -> Iterator[bytes]:
        while start < stop:
            with self._one, _told():
                piece = os.pread(self._written(), min(SLICE, stop - start), start)
            if not piece:
                return
            start += len(piece)
            yield piece


class Spool(Unfiled):
    """One that is read, and filed, as it was written. `NoSpace`, `TemporaryFailure`."""

    def write(self, octets: bytes) -> None:
        """Add these; when it was closed meanwhile they are nobody's."""
        with self._one, _told():
            file = self._to_write()
            if file is not None:
                files.write_all(file, octets)
                self._hash.update(octets)
                self._size += len(octets)


class Ahead(Unfiled):
    """One that is written as a message comes, and hashed as it will leave: its first ``end`` octets as ``lead``.

    The file has what came where it will stand behind the lead, so that `read` finds it in one piece, and `turn` has but
    the lead to write. It is read back for the hash by a thread of ``hashing``: that takes longer than all else, and
    lags behind without holding anything in memory. `NoSpace`, `TemporaryFailure`; ValueError for a lead that is
    shorter than what it stands for.
    """

    def __init__(self, root: Path, hashing: Executor, lead: bytes, end: int) -> None:
        if len(lead) < end:
            raise ValueError("there is no room for what came before what leaves")
        super().__init__(root)
        self._hashing = hashing
        self._lead = lead
        self._gap = len(lead) - end  # where in the file what came begins
        self.size = 0  # octets that came
        self._hashed = len(lead)  # octets of what leaves
        self._hash.update(lead)
        self._lag: Future[None] | None = None  # done once all that was there was hashed

    @property
    def sha256(self) -> str:
        """Of what leaves; waits for what is not hashed yet."""
        self._catch_up()
        return super().sha256

    def write(self, octets: bytes) -> None:
        """Add these, which came; when it was closed meanwhile they are nobody's."""
        with self._one, _told():
            is_first = self._file is None
            file = self._to_write()
            if file is None:
                return
            if is_first:
                os.lseek(file, self._gap, os.SEEK_SET)
            files.write_all(file, octets)
            self.size += len(octets)
            if self._lag is None or self._lag.done():
                self._lag = self._hashing.submit(self._hash_on, file)

    def read(self) -> bytes:
        """All that came; not to be asked for any more once it was turned."""
        with self._one, _told():
            file = self._written()
            os.lseek(file, self._gap, os.SEEK_SET)
            return files.read_all(file, self.size)

    def turn(self) -> None:
        """From here on it is what leaves; all of it has to have come."""
        with self._one, _told():
            file = self._written()
            os.lseek(file, 0, os.SEEK_SET)
            files.write_all(file, self._lead)
            self._size = self._gap + self.size

    def close(self) -> None:
        """As any, once no thread reads the file."""
        with self._one:
            self._closed = True
        if self._lag is not None and not self._lag.cancel():
            wait([self._lag])  # for one piece at most
        super().close()

    def _hash_on(self, file: int) -> None:
        while not self._closed and (piece := os.pread(file, SLICE, self._hashed)):
            self._hash.update(piece)
            self._hashed += len(piece)

    def _catch_up(self) -> None:
        """What no thread came to, or was written when one was just about to end, is hashed here."""
        with _told():
            if self._lag is not None and not self._lag.cancel():
                self._lag.result()
            self._hash_on(self._written())


def keep_spools(root: Path, spools: Sequence[Unfiled]) -> None:
    """Put them on the disk together, each under its hash; durable on return."""
    with ExitStack() as held, _told():
        for spool in spools:
            held.enter_context(spool._one)
        for spool in spools:
            files.finish(spool._written(), BLOB_MODE)
        files.give_names(root, [one for spool in spools if (one := spool._to_name()) is not None])
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
    except (OSError, MemoryError) as error:
        raise trouble(error) from error
