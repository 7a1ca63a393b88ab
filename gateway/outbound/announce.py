"""Mails what happens to the members who want to hear of it by mail: once each, to the mailbox that is theirs alone."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from gateway.domain.access import Caller, Way
from gateway.domain.address import Address
from gateway.domain.errors import Conflict, PosternError
from gateway.domain.firm import Firm
from gateway.domain.mail import QueueEntry, Recipient, Wish
from gateway.domain.record import Event
from gateway.mime.notice import notice
from gateway.outbound.queue_id import queue_id_about
from gateway.policy.walls import Walls
from gateway.store.store import Store

PAGE = 50  # events in memory at once
PAUSE = 60.0  # seconds after something went wrong, as on a full disk

log = structlog.get_logger()


class Announcements:
    """Goes through the feed behind a cursor of its own; a notice is from ``<>``, so that nothing answers it.

    Its queue id follows from the event and the member: what a crash repeats, the queue refuses.
    """

    def __init__(
        self, store: Store, *, firm: Callable[[], Firm], now: Callable[[], datetime], wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._firm = firm
        self._now = now
        self._wake = wake

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self._follow()
            except PosternError as error:
                log.error("announcing-put-off", error=error.sentence, detail=error.detail)
                await asyncio.sleep(PAUSE)

    async def _follow(self) -> None:
        feed, wishes = self._store.feed, self._store.wishes
        cursor = await wishes.announced()
        if cursor is None:
            cursor = feed.newest  # what happened before there was mail of it is no news
            await wishes.announce(cursor)
        while True:
            await feed.wait(cursor)
            newest = feed.newest
            for login in await wishes.mailed():
                await self._tell(login, cursor, newest)
            cursor = newest
            await wishes.announce(cursor)

    async def _tell(self, login: str, cursor: int, newest: int) -> None:
        firm = self._firm()
        member, to = firm.member_by_login.get(login), firm.own_address(login)
        if member is None or to is None:
            return
        sight = replace(Walls(firm, Caller.member(login, member.role)).sight, way=Way.MAIL)
        while True:
            found = await self._store.feed.after(cursor, PAGE, sight, now=self._now())
            for event in found:
                if event.number <= newest:
                    await self._queue(login, to, event)
            if len(found) < PAGE or found[-1].number >= newest:
                return
            cursor = found[-1].number

    async def _queue(self, login: str, to: Address, event: Event) -> None:
        entry, raw = self._compose(login, to, event)
        try:
            await self._store.queue.add(entry, raw)
        except Conflict:
            return  # a crash came between the queue and the cursor
        log.info("announced", queue_id=entry.id, event_number=event.number, member=login)
        self._wake()

    def _compose(self, login: str, to: Address, event: Event) -> tuple[QueueEntry, bytes]:
        now, queue_id = self._now(), queue_id_about(f"event {event.number} to {login}")
        raw = notice(event, to, firm=self._firm().name, message_id=f"<{queue_id}.notice@{to.domain}>", now=now)
        entry = QueueEntry(
            id=queue_id,
            login=login,
            mailbox=to.key,
            sender=None,
            recipients=(Recipient(to, wish=Wish(notify=frozenset())),),
            sha256=hashlib.sha256(raw).hexdigest(),
            size=len(raw),
            message_id=f"<{queue_id}.notice@{to.domain}>",
            subject=event.text,
            accepted_at=now,
            next_attempt=now,
        )
        return entry, raw
