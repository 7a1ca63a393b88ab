"""What the record has of a message that left: it is filed under every client who was written to, by whom, and where."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

import structlog

from gateway.domain.errors import Conflict, NotFound, Outdated, PosternError
from gateway.domain.firm import Firm
from gateway.domain.mail import Errand, ErrandKind, QueueEntry
from gateway.domain.record import Direction, Duty, Location, NewFiling
from gateway.mime.facts import facts
from gateway.policy.sent import errands
from gateway.store.room import Room
from gateway.store.store import Store

log = structlog.get_logger()


class Damaged(PosternError):
    """The disk did not keep what is to be filed."""


class SentRecord:
    """Mail to nobody's client is not kept in the record."""

    def __init__(self, store: Store, *, firm: Callable[[], Firm], now: Callable[[], datetime], room: Room) -> None:
        self._store = store
        self._firm = firm
        self._now = now
        self._room = room

    async def file(self, entry: QueueEntry, location: Location | None) -> None:
        """Under every client who was written to; again, it adds the place where it was seen."""
        try:
            await self._file(entry, location)
        except Outdated:  # the firm was changed meanwhile: whose it is is said anew
            await self._file(entry, location)

    async def _file(self, entry: QueueEntry, location: Location | None) -> None:
        firm = self._firm()
        clients = _clients(firm, entry)
        if not clients:
            return
        async with self.raw(entry) as raw:
            item = self._filing(entry, raw, clients, location)
            filed = await self._store.record.file(replace(item, revision=firm.revision))
        if filed.new:
            log.info("filed", queue_id=entry.id, message=filed.message, clients=list(clients), box="sent")

    def _filing(self, entry: QueueEntry, raw: bytes, clients: Sequence[str], location: Location | None) -> NewFiling:
        return NewFiling(
            raw=raw,
            facts=facts(raw),
            clients=tuple((name, Direction.SENT) for name in clients),
            filed_at=self._now(),
            duty=Duty.LOOK if b"image/" in raw else None,  # our logo comes back in the answer
            location=location,
            author_login=entry.login,
            grant=entry.grant,
            queue_id=entry.id,
        )

    async def errands(self, entry: QueueEntry) -> list[Errand]:
        """What is to be done besides the copy; of what was answered only where it is known to lie."""
        return [
            one
            for one in errands(self._firm(), entry)
            if one.kind is not ErrandKind.ANSWERED or await self._store.record.places(entry.in_reply_to, one.mailbox)
        ]

    @asynccontextmanager
    async def raw(self, entry: QueueEntry) -> AsyncIterator[bytes]:
        """As it left, while there is room for it in memory; `Damaged` where it is not what it was."""
        async with self._room.take(entry.size):
            try:
                raw = await self._store.bodies.get(entry.sha256)
            except (Conflict, NotFound) as error:
                raise Damaged(error.sentence, detail=error.detail) from error
            yield raw


def _clients(firm: Firm, entry: QueueEntry) -> tuple[str, ...]:
    names = [
        client.name
        for recipient in entry.recipients
        for client, synced in firm.clients_with(recipient.address)
        if synced
    ]
    return tuple(dict.fromkeys(names))
