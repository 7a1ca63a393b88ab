"""The socket file: made without a moment in which others could connect, never taken from a daemon that lives."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from gateway.domain.errors import Conflict, Fault, Faulty

MODE = 0o660
BACKLOG = 64  # connections that wait for us; people and a web page, not a crowd
MAX_PATH = 107  # octets of sun_path before its NUL, unix(7)


@contextlib.contextmanager
def short_path(path: Path) -> Iterator[str]:
    """A name for the socket that fits into sun_path: through a descriptor of its folder where it is too long."""
    if len(os.fsencode(path)) <= MAX_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def bind(path: Path, group: int | None) -> socket.socket:
    """A bound socket that does not listen yet, mode 0660, owned by ``group`` where it is given.

    Raises Conflict where a living daemon (or another kind of file) holds the path, Faulty where its folder is missing
    or the group can't be given. The file of a dead daemon is replaced.
    """
    if not path.parent.is_dir():
        raise _faulty("admin.socket", f"its folder {path.parent} does not exist: create it, or name another")
    _clear(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        os.fchmod(sock.fileno(), 0o600)  # before bind: the file is born with this mode, whatever the umask is
        with short_path(path) as name:
            sock.bind(name)
        _give(path, group)
    except BaseException:
        sock.close()
        raise
    return sock


def identity(path: Path) -> tuple[int, int]:
    """Which file it is, so that only the one we made is removed."""
    found = path.lstat()
    return found.st_dev, found.st_ino


def remove(path: Path, mine: tuple[int, int]) -> None:
    """Removes the socket file unless another daemon has put its own there."""
    with contextlib.suppress(FileNotFoundError):
        if identity(path) == mine:
            path.unlink()


def _give(path: Path, group: int | None) -> None:
    try:
        if group is not None and group != path.lstat().st_gid:
            os.chown(path, -1, group, follow_symlinks=False)
    except PermissionError:
        path.unlink()
        sentence = "only root, or a member of the group, can give the socket to it: add the daemon's user to the group"
        raise _faulty("admin.group", sentence) from None
    path.chmod(MODE)


def _faulty(where: str, sentence: str) -> Faulty:
    return Faulty("The admin socket can't be made", [Fault(where, sentence)])


def _clear(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Conflict(f"{path} is not a socket: move it away, or set admin.socket to another path.")
    if _answers(path):
        raise Conflict(f"Another daemon answers at {path}: stop it first, or set admin.socket to another path.")
    path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    """Anything but a refused connection counts as life: a socket that we may not touch is not ours to remove."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe, short_path(path) as name:
        try:
            probe.connect(name)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
        return True
