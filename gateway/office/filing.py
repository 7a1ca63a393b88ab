"""A person files a message: under a client, out of a client's record, or from one client to another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from gateway.domain.errors import Conflict, NotFound
from gateway.domain.firm import Firm
from gateway.domain.record import Direction
from gateway.mime.facts import correspondents
from gateway.policy.match import direction_of
from gateway.store.store import Store

log = structlog.get_logger()


class Clerk:
    """NotFound for an unknown message or client; Conflict where a message lies there already, or does not."""

    def __init__(self, store: Store, *, firm: Callable[[], Firm], now: Callable[[], datetime]) -> None:
        self._store = store
        self._firm = firm
        self._now = now

    async def file(self, message_id: int, client: str, *, by: str) -> None:
        """What was in doubt is decided by it, for this client."""
        self._require(client)
        message = await self._store.record.message(message_id)
        await self._store.hand.file(message, client, await self._direction(message_id), by=by, at=self._now())
        log.info("filed-by-hand", message=message_id, by=by)

    async def unfile(self, message_id: int, client: str, *, by: str) -> None:
        """The message itself stays, and so does where it lay."""
        message = await self._store.record.message(message_id)
        await self._store.hand.unfile(message, client, by=by, at=self._now())
        log.info("unfiled-by-hand", message=message_id, by=by)

    async def refile(self, message_id: int, old: str, new: str, *, by: str) -> None:
        self._require(new)
        if old == new:
            raise Conflict("it is to go from one client to another: name two")
        message = await self._store.record.message(message_id)
        direction = await self._direction(message_id)
        await self._store.hand.refile(message, old, new, direction, by=by, at=self._now())
        log.info("refiled-by-hand", message=message_id, by=by)

    async def _direction(self, message_id: int) -> Direction:
        """What was found to be sent stays so: its provider's labels said more than its header does."""
        if await self._store.hand.was_sent(message_id):
            return Direction.SENT
        senders = correspondents(await self._store.record.raw(message_id)).senders
        return direction_of(senders, self._firm().mailbox_by_key.keys())

    def _require(self, client: str) -> None:
        if client not in self._firm().client_by_name:
            raise NotFound(f"There is no client {client!r}: `postern client list` shows them.")
