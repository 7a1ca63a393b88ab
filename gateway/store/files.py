"""The only place that writes files: whole and on the disk, or not there; never through a link, never over another."""

from __future__ import annotations

import os
import secrets
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER_MODE = 0o750
STAGING = "tmp"

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # NONBLOCK: a FIFO must not hold us
_REMOVING = threading.Lock()  # who adopts a file finds it gone, or makes it too young to be removed
_BLOCK = 1024 * 1024  # octets read at once
_TOGETHER = 16  # files that are open to be synced together: descriptors are few where they are limited to 64


def make_root(root: Path) -> None:
    """The data folder itself, where it is not there yet."""
    if not root.is_dir():
        root.mkdir(parents=True)
        root.chmod(FOLDER_MODE)


def clear_staging(root: Path) -> None:
    """Remove what a crash left half written; only for who has locked the folder."""
    with folder(root, STAGING) as staging:
        for name in os.listdir(staging):  # noqa: PTH208 - pathlib knows no descriptors
            os.unlink(name, dir_fd=staging)


@contextmanager
def folder(root: Path, *parts: str, create: bool = True) -> Iterator[int]:
    """A descriptor of the folder below ``root``, each step opened without following links; made where missing."""
    current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            deeper = _step(current, part, create=create)
            os.close(current)
            current = deeper
        yield current
    finally:
        os.close(current)


def _step(parent: int, part: str, *, create: bool) -> int:
    _check(part)
    try:
        return os.open(part, _OPEN_FOLDER, dir_fd=parent)
    except FileNotFoundError:
        if not create:
            raise
    try:
        os.mkdir(part, FOLDER_MODE, dir_fd=parent)
    except FileExistsError:
        return os.open(part, _OPEN_FOLDER, dir_fd=parent)
    made = os.open(part, _OPEN_FOLDER, dir_fd=parent)
    os.fchmod(made, FOLDER_MODE)
    os.fsync(parent)
    return made


def _check(name: str) -> None:
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise ValueError(f"not the name of one file or folder: {name!r}")


class Staged:
    """Files under names that nobody reads, which get their own names together: each synced, then each folder once.

    A context manager, made by `staging`; what got no name is gone at its end.
    """

    def __init__(self, root: Path, folder: int, mode: int) -> None:
        self._root = root
        self._folder = folder
        self._mode = mode
        self._open: list[int] = []
        self._there: set[str] = set()
        self._changed: set[tuple[str, ...]] = set()

    def write(self, content: bytes) -> str:
        """The name to give to `rename` or `link`; on the disk after `sync`."""
        name = secrets.token_hex(16)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(name, flags, 0o600, dir_fd=self._folder)
        self._open.append(fd)
        self._there.add(name)
        write_all(fd, content)
        os.fchmod(fd, self._mode)
        if len(self._open) >= _TOGETHER:
            self.sync()
        return name

    def sync(self) -> None:
        """Put what was written on the disk: written first and synced then, a file costs half of what it does alone."""
        while self._open:
            os.fsync(self._open[-1])
            os.close(self._open.pop())

    def rename(self, staged: str, parts: Sequence[str], name: str) -> None:
        """Give it that name, in place of an older file of that name."""
        _check(name)
        with folder(self._root, *parts) as place:
            os.rename(staged, name, src_dir_fd=self._folder, dst_dir_fd=place)
        self._there.discard(staged)
        self._changed.add(tuple(parts))

    def link(self, staged: str, parts: Sequence[str], name: str) -> None:
        """Give it that name, which must be free: raises FileExistsError and changes nothing."""
        _check(name)
        with folder(self._root, *parts) as place:
            os.link(staged, name, src_dir_fd=self._folder, dst_dir_fd=place, follow_symlinks=False)
        self._changed.add(tuple(parts))

    def settle(self) -> None:
        """The names are on the disk when this returns."""
        for parts in self._changed:
            with folder(self._root, *parts) as place:
                os.fsync(place)
        self._changed.clear()

    def clear(self) -> None:
        """Close what is open, and remove what got no name."""
        while self._open:
            os.close(self._open.pop())
        for name in self._there:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._folder)


@contextmanager
def staging(root: Path, mode: int) -> Iterator[Staged]:
    """For files of that mode; see `Staged`."""
    with folder(root, STAGING) as place:
        staged = Staged(root, place, mode)
        try:
            yield staged
        finally:
            staged.clear()


def begin(root: Path) -> tuple[str, int]:
    """A new file, to be written and read, under a name that nobody reads, for `give_names` or `discard`."""
    staged = secrets.token_hex(16)
    with folder(root, STAGING) as place:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        return staged, os.open(staged, flags, 0o600, dir_fd=place)


@dataclass(frozen=True, slots=True)
class Begun:
    """A file that `begin` made, all written, and the name that it is to have."""

    staged: str
    fd: int
    parts: tuple[str, ...]
    name: str


def finish(fd: int, mode: int) -> None:
    """Put what was written on the disk, as it has to be before it gets a name."""
    os.fchmod(fd, mode)
    os.fsync(fd)


def give_names(root: Path, begun: Sequence[Begun]) -> None:
    """Give each, finished, its name, in place of an older file of that name; durable on return.

    All are finished before the first is renamed, and the folders synced behind the last: what one fsync wrote is no
    work for the next.
    """
    for one in begun:
        _check(one.name)
    with folder(root, STAGING) as source:
        for one in begun:
            # An old file of that name may be about to go: ours must not go in its place.
            with folder(root, *one.parts) as place, _REMOVING:
                os.rename(one.staged, one.name, src_dir_fd=source, dst_dir_fd=place)
    for parts in {one.parts for one in begun}:
        with folder(root, *parts) as place:
            os.fsync(place)


def discard(root: Path, staged: str) -> None:
    """Remove what got no name; it may have got one just before what then failed."""
    with folder(root, STAGING) as place, suppress(FileNotFoundError):
        os.unlink(staged, dir_fd=place)


def unnamed(root: Path) -> int:
    """The descriptor of a new file, to be written and read, that is gone when it is closed."""
    staged, fd = begin(root)
    discard(root, staged)
    return fd


def read_all(fd: int, size: int) -> bytes:
    """So many octets from where the file stands, or fewer where it ends; in memory once."""
    with open(fd, "rb", buffering=0, closefd=False) as file:
        whole = file.read(size) or b""
        while len(whole) < size and (more := file.read(size - len(whole))):  # a read is 2 GB at most
            whole += more
    return whole


def write_all(fd: int, content: bytes) -> None:
    """Every octet, however few the kernel takes at a time."""
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def put(root: Path, parts: Sequence[str], name: str, content: bytes, mode: int) -> None:
    """Write the file, in place of an older one of that name; durable on return."""
    _check(name)
    with staging(root, mode) as staged:
        written = staged.write(content)
        staged.sync()
        staged.rename(written, parts, name)
        staged.settle()


def add(root: Path, parts: Sequence[str], name: str, content: bytes, mode: int) -> None:
    """Write the file under a name that must be free; durable on return. Raises FileExistsError and changes nothing."""
    _check(name)
    with staging(root, mode) as staged:
        written = staged.write(content)
        staged.sync()
        staged.link(written, parts, name)
        staged.settle()


def adopt(root: Path, parts: Sequence[str], name: str) -> None:
    """Make durable what an earlier run left whole; from here on it is as young as one that was just written."""
    with folder(root, *parts, create=False) as place:
        with _REMOVING:
            os.utime(name, dir_fd=place, follow_symlinks=False)
        fd = os.open(name, _OPEN_FILE, dir_fd=place)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        os.fsync(place)


def remove_old(root: Path, parts: Sequence[str], name: str, before: float) -> bool:
    """Remove a plain file that was last written or adopted before that moment (seconds since 1970); whether it went."""
    _check(name)
    with folder(root, *parts, create=False) as place, _REMOVING:
        found = os.stat(name, dir_fd=place, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode) or found.st_mtime >= before:
            return False
        os.unlink(name, dir_fd=place)
        return True


def remove(root: Path, parts: Sequence[str], name: str) -> None:
    """Take the name away; durable on return. Raises FileNotFoundError."""
    _check(name)
    with folder(root, *parts, create=False) as place, _REMOVING:
        os.unlink(name, dir_fd=place)
        os.fsync(place)


def read(root: Path, parts: Sequence[str], name: str) -> bytes:
    """The content of a plain file, in memory once; OSError for anything else."""
    with _plain(root, parts, name) as fd:
        return read_all(fd, os.fstat(fd).st_size)


def blocks(root: Path, parts: Sequence[str], name: str, *, start: int = 0, size: int = _BLOCK) -> Iterator[bytes]:
    """The same from octet ``start`` on, in pieces of at most ``size``."""
    with _plain(root, parts, name) as fd:
        os.lseek(fd, start, os.SEEK_SET)
        while piece := os.read(fd, size):
            yield piece


@contextmanager
def _plain(root: Path, parts: Sequence[str], name: str) -> Iterator[int]:
    """The descriptor of a plain file, to be read."""
    _check(name)
    with folder(root, *parts, create=False) as place:
        fd = os.open(name, _OPEN_FILE, dir_fd=place)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise FileNotFoundError(f"{name} is no plain file")
        yield fd
    finally:
        os.close(fd)


def holds(root: Path, parts: Sequence[str], name: str, content: bytes) -> bool:
    """Whether it is a plain file with that very content."""
    _check(name)
    try:
        with folder(root, *parts, create=False) as place:
            found = os.stat(name, dir_fd=place, follow_symlinks=False)
        same = stat.S_ISREG(found.st_mode) and found.st_size == len(content)
        return same and read(root, parts, name) == content
    except FileNotFoundError:
        return False


def names_in(root: Path, parts: Sequence[str]) -> list[str]:
    """Everything in the folder, which is made where missing."""
    with folder(root, *parts) as place:
        return os.listdir(place)  # noqa: PTH208 - pathlib knows no descriptors


def make_private(path: Path) -> None:
    """An empty file that only we may read, unless there is one: databases take their mode from it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(fd, 0o600)
    finally:
        os.close(fd)


def sync_file(path: Path) -> None:
    """To the disk with it, and with its name."""
    for target in (path, path.parent):
        fd = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
