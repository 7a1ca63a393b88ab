"""One daemon a data folder: a lock that ends with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gateway.domain.errors import Conflict

LOCK = "lock"


class DataLock:
    """Held from construction to ``release``; raises `Conflict` while another process holds it."""

    def __init__(self, data_dir: Path) -> None:
        self._fd = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._fd, 20).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise Conflict(
                f"another Postern (process {holder or 'unknown'}) works with {data_dir}: "
                "stop it first, or give this one a data_dir of its own"
            ) from error
        os.fchmod(self._fd, 0o600)
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._fd)
