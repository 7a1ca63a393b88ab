"""A file without a name, for what is too large to be in memory and nothing yet: a crash leaves nothing of it."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.store import files
from gateway.store.trouble import trouble


class Scratch:
    """Written from one thread at a time; `NoSpace` or `TemporaryFailure` where the disk does not take it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._file: int | None = None
        self.size = 0  # octets

    def write(self, octets: bytes) -> None:
        try:
            if self._file is None:
                self._file = files.unnamed(self._root)
            files.write_all(self._file, octets)
        except (OSError, MemoryError) as error:
            raise trouble(error) from error
        self.size += len(octets)

    def read(self) -> bytes:
        """All of it."""
        if self._file is None:
            return b""
        try:
            os.lseek(self._file, 0, os.SEEK_SET)
            return files.read_all(self._file, self.size)
        except (OSError, MemoryError) as error:
            raise trouble(error) from error

    def close(self) -> None:
        """Nothing of it is left; a second time does nothing."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)
