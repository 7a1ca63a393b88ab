"""The bytes of messages, each once under its SHA-256: small ones in the database, large ones in files below blobs/."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.sqlite import insert

from gateway.domain.errors import Conflict, NotFound
from gateway.domain.large import Mail
from gateway.store import files
from gateway.store.compiled import Compiled
from gateway.store.pools import pool
from gateway.store.reader import Reader
from gateway.store.schema import body
from gateway.store.scratch import Scratch
from gateway.store.spool import BLOB_MODE, Ahead, Blob, Spool, Unfiled, blob_folder, keep_spools
from gateway.store.trouble import trouble

INLINE = 256 * 1024  # octets; below it, a row of the same commit is cheaper than two fsyncs for a file
HASHING = 2  # large messages hashed at once; one thread hashes faster than a disk writes
FRESH = 16 * 1024 * 1024  # octets of small bodies that are kept in memory: some thousand letters

_UNREADABLE = frozenset({errno.EACCES, errno.EPERM, errno.EIO})  # trying again does not help

_KEEP = Compiled(insert(body).on_conflict_do_nothing())
_FIND = select(body.c.size, body.c.content).where(body.c.sha256 == bindparam("sha256"))


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes that are on the disk already, or will be with their row."""

    sha256: str
    row: Mapping[str, object]

    @classmethod
    def of(cls, raw: Mail, sha256: str = "") -> Body:
        """What is to be a row whole where it is small, and needs a file where it is not; ``sha256`` if it is known."""
        if not isinstance(raw, bytes):
            return cls(raw.sha256, {"sha256": raw.sha256, "size": len(raw), "content": None})
        sha256 = sha256 or hashlib.sha256(raw).hexdigest()
        return cls(sha256, {"sha256": sha256, "size": len(raw), "content": raw if len(raw) < INLINE else None})


def keep_all(connection: Connection, bodies: Sequence[Body]) -> None:
    """Add the rows of those that were not known."""
    _KEEP.many(connection, [one.row for one in bodies])


class Fresh:
    """The last small bodies that came in: what was just accepted is about to be relayed, and then appended."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def get(self, sha256: str) -> bytes | None:
        return self._bodies.get(sha256)

    def put(self, sha256: str, raw: bytes) -> None:
        """The oldest go when there are more than `FRESH` octets."""
        if sha256 in self._bodies:
            return
        self._bodies[sha256] = raw
        self._size += len(raw)
        while self._size > FRESH:
            _, oldest = self._bodies.popitem(last=False)
            self._size -= len(oldest)


class Bodies:
    """Durable bytes; what comes out is what went in, or an error."""

    def __init__(self, root: Path, reader: Reader) -> None:
        self._root = root
        self._reader = reader
        self._fresh = Fresh()
        self._hashing = pool(HASHING, "hashing")

    def close(self) -> None:
        """Let go of the threads; a second time does nothing."""
        self._hashing.shutdown()

    async def get(self, sha256: str) -> bytes:
        """The bytes, checked against their hash; `NotFound`, or `Conflict` where the disk did not keep them."""
        _, content = await self._small(sha256)
        if content is not None:
            return content
        content = await asyncio.to_thread(self._read, sha256)
        if await _hash(content) != sha256:
            raise _damaged(sha256)
        return content

    def at_hand(self, sha256: str) -> bytes | None:
        """The bytes, where they are in memory: what came in is not read back in the next moments."""
        return self._fresh.get(sha256)

    async def find(self, sha256: str) -> Mail:
        """As `get`; what lies in a file stays there."""
        size, content = await self._small(sha256)
        if content is not None:
            return content
        blob = Blob(self._root, sha256, size)
        if not await asyncio.to_thread(self._is_sound, blob):
            raise _damaged(sha256)
        return blob

    async def _small(self, sha256: str) -> tuple[int, bytes | None]:
        """How many octets there are, and the bytes where they need no file, checked."""
        fresh = self._fresh.get(sha256)
        if fresh is not None:
            return len(fresh), fresh
        size, content = await self._reader.run(lambda connection: _look_up(connection, sha256))
        if content is not None and await _hash(content) != sha256:
            raise _damaged(sha256)
        return size, content

    def spool(self) -> Spool:
        """For a message that is too large to be in memory: written as it comes, then filed, and closed in any case."""
        return Spool(self._root)

    def scratch(self) -> Scratch:
        """For a large message that will be read back once it has come; closed in any case."""
        return Scratch(self._root)

    def ahead(self, lead: bytes, end: int) -> Ahead:
        """The same for one that will leave with ``lead`` in place of its first ``end`` octets."""
        return Ahead(self._root, self._hashing, lead, end)

    async def prepare(self, raw: Mail, sha256: str | None = None) -> Body:
        """Write what needs a file; the row is for the caller's transaction, see `keep_all`.

        Raises ValueError where ``sha256`` is not the hash of the bytes: a mistake of the caller.
        """
        if not isinstance(raw, bytes):
            return (await asyncio.to_thread(self.prepare_all, [raw]))[0]
        body = Body.of(raw, "" if len(raw) < INLINE else await asyncio.to_thread(self._write_hashing, raw))
        if sha256 is not None and sha256 != body.sha256:
            raise ValueError("the hash is not that of the bytes")
        self.remember([body])
        return body

    def prepare_all(self, raws: Sequence[Mail], hashes: Sequence[str] = ()) -> list[Body]:
        """As `prepare`, the files of all written together; for a thread that may wait for the disk.

        ``hashes``: theirs, where the caller has made them.
        """
        unfiled = {id(raw): raw for raw in raws if isinstance(raw, Unfiled)}  # each once
        keep_spools(self._root, list(unfiled.values()))  # before their hashes are asked for: those may still be made
        found = [Body.of(*one) for one in zip(raws, hashes or [""] * len(raws), strict=True)]
        large: dict[str, bytes] = {}
        for one, raw in zip(found, raws, strict=True):
            if isinstance(raw, Blob):
                raw.keep()
            elif one.row["content"] is None and not isinstance(raw, Unfiled):
                assert isinstance(raw, bytes), "what is neither in memory nor in a file of ours can't be kept"
                large[one.sha256] = raw
        self._write(large)
        return found

    def is_quick(self, raws: Sequence[Mail], hashes: Sequence[str]) -> bool:
        """Whether `prepare_all` has nothing to hash and nothing to write for them: no thread is needed."""
        return all(hashes) and all(isinstance(raw, bytes) and len(raw) < INLINE for raw in raws)

    def remember(self, bodies: Sequence[Body]) -> None:
        """These are wanted again soon, as what was just filed is to be indexed."""
        for one in bodies:
            if isinstance(content := one.row["content"], bytes):
                self._fresh.put(one.sha256, content)

    def _write_hashing(self, raw: bytes) -> str:
        """Write the file while its name is found out: to hash takes as long as the disk does."""
        try:
            with files.staging(self._root, BLOB_MODE) as staged:
                hashing = self._hashing.submit(hashlib.sha256, raw)
                written = staged.write(raw)
                staged.sync()
                sha256 = hashing.result().hexdigest()
                if self._adopt(sha256, raw):
                    return sha256
                staged.rename(written, blob_folder(sha256), sha256)
                staged.settle()
        except (OSError, MemoryError) as error:
            raise trouble(error) from error
        return sha256

    def _write(self, large: Mapping[str, bytes]) -> None:
        if not large:
            return
        try:
            with files.staging(self._root, BLOB_MODE) as staged:
                new = {sha256: staged.write(raw) for sha256, raw in large.items() if not self._adopt(sha256, raw)}
                staged.sync()
                for sha256, written in new.items():
                    staged.rename(written, blob_folder(sha256), sha256)
                staged.settle()
        except (OSError, MemoryError) as error:
            raise trouble(error) from error

    def _adopt(self, sha256: str, raw: bytes) -> bool:
        """Whether the file is there already; then it is as young as a new one."""
        there = files.holds(self._root, blob_folder(sha256), sha256, raw)
        if there:
            files.adopt(self._root, blob_folder(sha256), sha256)
        return there

    def _is_sound(self, blob: Blob) -> bool:
        with _reading(blob.sha256):
            return blob.is_sound()

    def _read(self, sha256: str) -> bytes:
        with _reading(sha256):
            return files.read(self._root, blob_folder(sha256), sha256)


@contextmanager
def _reading(sha256: str) -> Iterator[None]:
    """A file that is not there is damage, one that can't be read waits for a person; what else there is may pass."""
    try:
        yield
    except FileNotFoundError as error:
        raise _damaged(sha256) from error
    except (OSError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno in _UNREADABLE:
            raise _unreadable(sha256, error) from error
        raise trouble(error) from error


async def _hash(raw: bytes) -> str:
    if len(raw) < INLINE:
        return hashlib.sha256(raw).hexdigest()
    return (await asyncio.to_thread(hashlib.sha256, raw)).hexdigest()


def _look_up(connection: Connection, sha256: str) -> tuple[int, bytes | None]:
    row = connection.execute(_FIND, {"sha256": sha256}).one_or_none()
    if row is None:
        raise NotFound("there is no message with these bytes", detail=sha256)
    return row.size, row.content


def _unreadable(sha256: str, error: OSError) -> Conflict:
    file = "/".join((*blob_folder(sha256), sha256))
    return Conflict(
        f"the stored bytes of this message can't be read ({error.strerror}): make {file} in the data folder readable"
        " for the user that runs postern, or restore it from a backup",
        detail=str(error),
    )


def _damaged(sha256: str) -> Conflict:
    return Conflict(
        "the stored bytes of this message are damaged or gone: `postern verify` names all such; restore from a backup",
        detail=sha256,
    )
