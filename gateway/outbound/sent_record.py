"""What the record has of a message that left: it is filed under every client who was written to, by whom, and where."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

import structlog

from gateway.domain.errors import Conflict, NotFound, Outdated, PosternError
from gateway.domain.firm import Firm
from gateway.domain.mail import Errand, ErrandKind, QueueEntry
from gateway.domain.record import Direction, Duty, Filed, Location, NewFiling
from gateway.mime.read_before import read_before
from gateway.policy.sent import errands
from gateway.store.room import Room
from gateway.store.store import Store

log = structlog.get_logger()

TOGETHER = 50  # messages of one transaction: whoever else writes waits for it
OCTETS = 4 * 1024 * 1024  # of them


class Damaged(PosternError):
    """The disk did not keep what is to be filed."""


class SentRecord:
    """Mail to nobody's client is not kept in the record."""

    def __init__(self, store: Store, *, firm: Callable[[], Firm], now: Callable[[], datetime], room: Room) -> None:
        self._store = store
        self._firm = firm
        self._now = now
        self._room = room

    async def file_all(self, entries: Sequence[QueueEntry]) -> None:
        """Each under every client who was written to; again, it changes nothing."""
        for some in _portions(entries):
            await self._file([(entry, None) for entry in some])

    async def sight_all(self, seen: Sequence[tuple[QueueEntry, Location]]) -> None:
        """They lie there now; what became a client's only since it was delivered is filed as well."""
        firm = self._firm()
        ours = [(entry, where) for entry, where in seen if _clients(firm, entry)]
        if ours:
            unknown = await self._store.record.sight_all([(entry.sha256, where) for entry, where in ours])
            await self._file([(entry, where) for entry, where in ours if entry.sha256 in unknown])

    async def _file(self, placed: Sequence[tuple[QueueEntry, Location | None]]) -> None:
        try:
            await self._decide(placed)
        except Outdated:  # the firm was changed meanwhile: whose they are is said anew
            await self._decide(placed)

    async def _decide(self, placed: Sequence[tuple[QueueEntry, Location | None]]) -> None:
        firm = self._firm()
        ours = [(entry, where, names) for entry, where in placed if (names := _clients(firm, entry))]
        if not ours:
            return
        async with self.raws([entry for entry, _, _ in ours]) as raws:
            items = [self._filing(entry, raw, names, at) for (entry, at, names), raw in zip(ours, raws, strict=True)]
            items = [replace(item, revision=firm.revision) for item in items]
            filed = await self._store.record.file_all(items)
        self._tell([(item, one) for item, one in zip(items, filed, strict=True) if one.new])

    def _tell(self, filed: Sequence[tuple[NewFiling, Filed]]) -> None:
        """One line for all: a busy minute has thousands."""
        if len(filed) == 1:
            ((item, one),) = filed
            names = [name for name, _ in item.clients]
            log.info("filed", queue_id=item.queue_id, message=one.message, clients=names, box="sent")
        elif filed:
            ids, messages = [item.queue_id for item, _ in filed], [one.message for _, one in filed]
            log.info("filed", queue_ids=ids, messages=messages, box="sent")

    def _filing(self, entry: QueueEntry, raw: bytes, clients: Sequence[str], location: Location | None) -> NewFiling:
        return NewFiling(
            raw=raw,
            facts=read_before(raw).facts,  # the tail will read the same in Sent
            clients=tuple((name, Direction.SENT) for name in clients),
            filed_at=self._now(),
            duty=Duty.LOOK if b"image/" in raw else None,  # our logo comes back in the answer
            location=location,
            author_login=entry.login,
            grant=entry.grant,
            queue_id=entry.id,
            sha256=entry.sha256,
        )

    async def errands(self, entry: QueueEntry) -> list[Errand]:
        """What is to be done besides the copy; of what was answered only where it is known to lie."""
        return [
            one
            for one in errands(self._firm(), entry)
            if one.kind is not ErrandKind.ANSWERED or await self._store.record.places(entry.in_reply_to, one.mailbox)
        ]

    @asynccontextmanager
    async def raws(self, entries: Sequence[QueueEntry]) -> AsyncIterator[list[bytes]]:
        """As they left, while there is room for them in memory; `Damaged` where one is not what it was."""
        async with self._room.take(sum(entry.size for entry in entries)):
            try:
                found = [await self._store.bodies.get(entry.sha256) for entry in entries]
            except (Conflict, NotFound) as error:
                raise Damaged(error.sentence, detail=error.detail) from error
            yield found


def _portions(entries: Sequence[QueueEntry]) -> Iterator[Sequence[QueueEntry]]:
    """As many as share a transaction, and are in memory together; a large one comes alone."""
    some: list[QueueEntry] = []
    for entry in entries:
        if some and (len(some) == TOGETHER or sum(one.size for one in some) + entry.size > OCTETS):
            yield some
            some = []
        some.append(entry)
    if some:
        yield some


def _clients(firm: Firm, entry: QueueEntry) -> tuple[str, ...]:
    names = [
        client.name
        for recipient in entry.recipients
        for client, synced in firm.clients_with(recipient.address)
        if synced
    ]
    return tuple(dict.fromkeys(names))
