"""Mailboxes that a person stopped: neither read nor sent through, until somebody starts them or an account changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from gateway.domain.errors import NotFound
from gateway.domain.firm import Firm, Mailbox
from gateway.domain.record import SyncState
from gateway.inbound.tails import Tails
from gateway.store.store import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stopping:
    """What does not work while a mailbox is stopped."""

    rules: tuple[str, ...]  # names of those that send as it
    members: tuple[str, ...]  # logins of those who are attached to it
    queued: int  # entries that wait to leave through it


class Stops:
    """Kept in the mailbox's sync state (``off``), so that a restart of the daemon does not undo it."""

    def __init__(self, store: Store, tails: Tails, *, firm: Callable[[], Firm], now: Callable[[], datetime]) -> None:
        self._store = store
        self._tails = tails
        self._firm = firm
        self._now = now
        self._keys: set[str] = set()
        self._seen: tuple[Firm, frozenset[str], Firm] | None = None

    async def load(self) -> None:
        """Before the tails run: those that were stopped in the daemon's last life stay so."""
        for key, sync in (await self._store.sync.states()).items():
            if sync.state is SyncState.OFF and await self._tails.halt(key):
                self._keys.add(key)

    async def look(self, key: str) -> Stopping:
        """What would not work any more. NotFound when there is no such mailbox."""
        mailbox = self._mailbox(key)
        rules = (rule.name for rule in self._firm().rules if rule.send_as is not None and rule.send_as.key == key)
        return Stopping(tuple(rules), mailbox.members, await self._store.queue.waiting(key))

    async def stop(self, key: str, *, by: str) -> Stopping:
        """Hang up, and hold what waits to leave through it. NotFound when there is no such mailbox."""
        mailbox = self._mailbox(key)
        found = await self.look(key)
        self._keys.add(key)
        await self._tails.halt(key)
        sentence = f"stopped by {by}; `postern mailbox sync {mailbox.address}` starts it again"
        await self._store.sync.set_state(key, SyncState.OFF, self._now(), sentence)
        held = await self._store.queue.hold_mailbox(key, f"{mailbox.address} was {sentence}")
        log.warning("mailbox-stopped", mailbox=key, by=by, held=held)
        return found

    @property
    def keys(self) -> frozenset[str]:
        """Those that are stopped now; a tail that was started meanwhile, for whatever reason, has ended it."""
        self._keys = {key for key in self._keys if self._tails.is_halted(key)}
        return frozenset(self._keys)

    def sending(self) -> Firm:
        """The firm without what is stopped, for the dispatcher: mail through that is held, not tried."""
        firm, keys = self._firm(), self.keys
        if not keys:
            return firm
        if self._seen is None or self._seen[0] is not firm or self._seen[1] != keys:
            mailboxes = tuple(mailbox for mailbox in firm.mailboxes if mailbox.key not in keys)
            self._seen = firm, keys, replace(firm, mailboxes=mailboxes)
        return self._seen[2]

    def _mailbox(self, key: str) -> Mailbox:
        mailbox = self._firm().mailbox_by_key.get(key)
        if mailbox is None:
            raise NotFound(f"There is no mailbox {key}: `postern mailbox list` shows those that there are.")
        return mailbox
