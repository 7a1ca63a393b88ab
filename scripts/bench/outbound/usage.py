"""What a tree of processes spends, from /proc: processor time with that of children that have ended, and memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Self

TICK = 1000 / os.sysconf("SC_CLK_TCK")  # milliseconds; user and system time are counted in these
PAGE = os.sysconf("SC_PAGE_SIZE")
EVERY = 0.1  # seconds between two looks at memory: a look at 60 processes costs a millisecond


def tree(roots: Iterable[int]) -> list[int]:
    """The processes and all that descend from them."""
    found: list[int] = []
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for task in _listed(Path(f"/proc/{pid}/task")):
            waiting += map(int, _text(task / "children").split())
    return found


def cpu_ms(roots: Iterable[int]) -> float:
    """Milliseconds of user and system time of the trees so far, with those whom a parent has buried."""
    ticks = 0
    for pid in tree(roots):
        fields = _text(Path(f"/proc/{pid}/stat")).rpartition(") ")[2].split()
        ticks += sum(map(int, fields[11:15])) if fields else 0  # utime, stime, cutime, cstime
    return ticks * TICK


def rss(roots: Iterable[int]) -> int:
    """Octets resident of all processes together; what they share is counted for each."""
    pages = (_text(Path(f"/proc/{pid}/statm")).split() for pid in tree(roots))
    return sum(int(fields[1]) for fields in pages if fields) * PAGE


class Peak:
    """Inside it the memory of the trees is looked at again and again; ``octets`` is the most that was seen."""

    def __init__(self, roots: Iterable[int]) -> None:
        self._roots = list(roots)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.octets = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.octets = max(self.octets, rss(self._roots))
            if self._over.wait(EVERY):
                return


def _text(path: Path) -> str:
    """Nothing, where the process has ended meanwhile."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []
