"""The files of large messages that are on their way: made as they are needed, and gone at the end unless filed."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from gateway.store.bodies import Bodies
from gateway.store.spool import Spool


class Spools:
    """A context manager."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def another(self) -> Spool:
        """For one message."""
        spool = self._bodies.spool()
        self._open.callback(spool.close)
        return spool
