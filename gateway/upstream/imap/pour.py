"""A large literal on its way out of memory: poured into a sink by a thread, with the server held back meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.domain.large import Large

POURED = 256 * 1024  # octets: smaller literals stay in memory
AT_ONCE = 128 * 1024  # octets that are written in one go, if the server sends so many
HELD = 256 * 1024  # octets that wait for the disk before the server is held back


class Sink(Large, Protocol):
    """Where a literal goes: `write` is called in a thread, one call at a time; raises PosternError."""

    def write(self, octets: bytes) -> None: ...


class Tap(Protocol):
    """The connection that octets come from."""

    def hold(self) -> None:
        """Read no more until `go_on`."""
        ...

    def go_on(self) -> None: ...

    def give_up(self) -> None:
        """What comes can't be kept: no more of it is wanted."""
        ...


class Poured(bytes):
    """Stands in a response, itself empty, for a literal that is in a sink."""

    pour: Pour


class Pour:
    """One literal; `feed` as it comes, then `done`. At most `HELD` octets and what one read brings are in memory."""

    def __init__(self, sink: Sink, tap: Tap) -> None:
        self.sink = sink
        self.error: BaseException | None = None  # why it could not be kept
        self._tap = tap
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._writing: asyncio.Future[None] | None = None
        self._holding = False

    def feed(self, octets: memoryview) -> None:
        if self.error is not None:
            return
        self._waiting += octets
        if self._writing is None and len(self._waiting) >= AT_ONCE:
            self._write()
        elif len(self._waiting) > HELD and not self._holding:
            self._holding = True
            self._tap.hold()

    async def done(self) -> None:
        """Return when all that was fed is in the sink; raises what the sink raised."""
        while self._writing is not None or self._waiting:
            if self._writing is None:
                self._write()
            assert self._writing is not None
            await asyncio.wait([self._writing])
        if self.error is not None:
            raise self.error

    def _write(self) -> None:
        octets, self._waiting = bytes(self._waiting), bytearray()
        self._writing = self._loop.run_in_executor(None, self.sink.write, octets)
        self._writing.add_done_callback(self._written)

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing = None
        error = None if writing.cancelled() else writing.exception()
        if error is not None:
            self.error = error
            self._waiting.clear()
            self._tap.give_up()
        elif len(self._waiting) >= AT_ONCE:
            self._write()
        if self._holding:
            self._holding = False
            self._tap.go_on()


Pouring = Callable[[], Pour]
"""Makes one for each large literal of an answer; ProtocolFault where there are more than were asked for."""


def poured(pour: Pour) -> Poured:
    """What stands for it in the response."""
    found = Poured()
    found.pour = pour
    return found
