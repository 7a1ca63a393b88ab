"""How far the look for history in one folder has come: kept for `postern status`, and told in the feed."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.firm import Mailbox
from gateway.domain.record import EventKind
from gateway.inbound.hits import TOGETHER
from gateway.inbound.watch import Watch

NAMED = 3  # addresses; the rest is a number


class Progress:
    """Of one folder. What is over in a moment is told once, at its end, and only if something was found."""

    def __init__(self, watch: Watch, mailbox: Mailbox, folder: str) -> None:
        self._searches = watch.store.searches
        self._feed = watch.store.feed
        self._now = watch.now
        self._mailbox = mailbox
        self._folder = folder
        self._whom = ""
        self._untold = False

    async def begin(self, addresses: Sequence[str]) -> None:
        """These are looked for now, or again where it was cut off."""
        rest = len(addresses) - NAMED
        self._whom = ", ".join(addresses[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
        self._untold = await self._searches.begin(self._mailbox.key, self._folder, addresses)

    async def found(self, number: int) -> None:
        """A search found so many."""
        if not number:
            return
        await self._searches.move(self._mailbox.key, self._folder, found=number)
        if self._untold and number > TOGETHER:
            self._untold = False
            await self._tell(f"is being filed: {number} messages found so far. `postern status` shows how far it is.")

    async def done(self, number: int) -> None:
        """So many of them were dealt with."""
        if number:
            await self._searches.move(self._mailbox.key, self._folder, done=number)

    async def end(self) -> None:
        """All were looked for."""
        came_to = await self._searches.end(self._mailbox.key, self._folder)
        if came_to is not None and came_to.found:
            await self._tell(f"is filed: {came_to.done} messages were looked at.")

    async def _tell(self, what: str) -> None:
        sentence = f"Mail of before with {self._whom} in {self._folder} of {self._mailbox.address} {what}"
        await self._feed.add(EventKind.HISTORY, self._now(), sentence, mailbox=self._mailbox.key)
