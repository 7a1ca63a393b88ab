"""What the firm hears of a mailbox that can't be synced: that it is stopped, or fails for an hour, and its end."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from gateway.domain.errors import NoSpace, TemporaryFailure
from gateway.domain.firm import Mailbox
from gateway.inbound.watch import Watch

log = structlog.get_logger()

# Servers are restarted and lines are cut; what lasts longer is a certificate that ran out, or a server that is gone.
WARN_AFTER = timedelta(hours=1)


class Outage:
    """One mailbox's; what it has told is kept in the store, and so survives a restart."""

    def __init__(self, watch: Watch, mailbox: Mailbox) -> None:
        self._watch = watch
        self._mailbox = mailbox
        self._since: datetime | None = None  # the first failure in a row, in this life
        self._over = False  # nothing is to be said of its end

    async def failed(self, why: str) -> None:
        """It is tried again by itself; told once, when that has not helped for an hour."""
        now = self._watch.now()
        self._since = self._since or now
        if now - self._since >= WARN_AFTER:
            await self._tell(
                f"{self._mailbox.address} has not been synced for an hour, and is tried again all the time: {why} "
                f"`postern mailbox test {self._mailbox.key}` says at which step it fails."
            )

    async def stopped(self, sentence: str) -> None:
        """Nothing is tried any more until a person does something: told each time."""
        await self._tell(sentence, again=True)

    async def ended(self) -> None:
        """All is synced again."""
        self._since = None
        if self._over:
            return
        try:
            await self._watch.store.outages.ended(
                self._mailbox.key, self._watch.now(), f"{self._mailbox.address} is synced again."
            )
            self._over = True
        except (NoSpace, TemporaryFailure) as failure:  # the next round says it
            log.error("event-not-kept", mailbox=self._mailbox.key, error=failure.sentence)

    async def _tell(self, sentence: str, *, again: bool = False) -> None:
        self._over = False
        try:
            await self._watch.store.outages.begun(self._mailbox.key, self._watch.now(), sentence, again=again)
        except (NoSpace, TemporaryFailure) as failure:  # status says it as well
            log.error("event-not-kept", mailbox=self._mailbox.key, error=failure.sentence)
