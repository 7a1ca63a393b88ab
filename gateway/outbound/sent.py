"""The sent copy: filed under the client as soon as it was delivered, and appended once to the mailbox's Sent folder.

The duty is a row that delivery created. Each attempt is booked before it is made; from the second on, Sent is searched
by Message-ID first, because a connection lost after APPEND may have left the copy there. Failing to append is retried
and never a reason to send again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path

import structlog

from gateway.domain.errors import NoSpace, PosternError, TemporaryFailure
from gateway.domain.firm import Firm, Mailbox
from gateway.domain.mail import QueueEntry, SentCopy
from gateway.domain.record import Direction, Location, NewFiling
from gateway.mime.facts import facts
from gateway.outbound.insist import ROOM_WAIT, insist
from gateway.store.store import Store
from gateway.upstream.imap.folders import sent_folder
from gateway.upstream.imap.session import ImapSession, open_session

log = structlog.get_logger()

AT_ONCE = 50  # copies appended over one connection
RETRY = (timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
LONGEST_SLEEP = 60.0  # seconds
NEW_SENT = "Sent"  # what most mail programs would call it


class SentCopies:
    """Runs until cancelled; ``wake`` says that something was delivered."""

    def __init__(
        self,
        store: Store,
        *,
        firm: Callable[[], Firm],
        now: Callable[[], datetime],
        trust: Callable[[], Path | None],
    ) -> None:
        self._store = store
        self._firm = firm
        self._now = now
        self._trust = trust
        self._due = asyncio.Event()

    def wake(self) -> None:
        self._due.set()

    async def run(self) -> None:
        while True:
            self._due.clear()
            due = await self._claim()
            async with asyncio.TaskGroup() as accounts:
                for mailbox, copies in groupby(due, key=lambda copy: copy.mailbox):
                    accounts.create_task(self._account(mailbox, list(copies)), name=f"sent copies of {mailbox}")
            if not due:
                await self._sleep()

    async def _claim(self) -> list[SentCopy]:
        try:
            due = await self._store.queue.sent_due(self._now(), AT_ONCE)
        except (NoSpace, TemporaryFailure) as error:
            log.error("sent-copies-put-off", error=error.sentence, detail=error.detail)
            await asyncio.sleep(ROOM_WAIT)
            return []
        return sorted(due, key=lambda copy: copy.mailbox)

    async def _sleep(self) -> None:
        due = await self._store.queue.sent_next()
        wait = LONGEST_SLEEP if due is None else (due - self._now()).total_seconds()
        try:
            async with asyncio.timeout(min(max(wait, 0), LONGEST_SLEEP)):
                await self._due.wait()
        except TimeoutError:
            return

    async def _account(self, key: str, copies: list[SentCopy]) -> None:
        left = list(copies)
        try:
            await self._place(key, left)
        except PosternError as error:
            await self._later(left, error)

    async def _place(self, key: str, left: list[SentCopy]) -> None:
        """All due copies of one mailbox: into the record first, which needs no provider; then over one connection.

        Those that are done are taken out of ``left``.
        """
        entries = {copy.queue_id: await self._store.queue.get(copy.queue_id) for copy in left}
        for copy in left:
            await self._file(copy, entries[copy.queue_id], None)
        mailbox = self._firm().mailbox_by_key.get(key)
        if mailbox is None:  # its account was removed: the record has the copy, and there is no Sent to put it in
            await self._store.queue.sent_done(*(copy.queue_id for copy in left))
            left.clear()
            return
        session = await open_session(mailbox.imap, mailbox.username, mailbox.password, trust=self._trust())
        placed: list[str] = []
        try:
            folder = await _sent_folder(session)
            while left:
                await self._append(session, folder, mailbox, (left[0], entries[left[0].queue_id]))
                placed.append(left.pop(0).queue_id)
        finally:
            if placed:  # one that a crash leaves out here is looked for in Sent before it is appended again
                await insist(partial(self._store.queue.sent_done, *placed))
            await session.close()

    async def _append(
        self, session: ImapSession, folder: str, mailbox: Mailbox, duty: tuple[SentCopy, QueueEntry]
    ) -> None:
        copy, entry = duty
        found = await session.find_message_id(folder, copy.message_id) if copy.attempts > 1 else []
        if found:
            log.info("sent-copy-was-there", queue_id=copy.queue_id, mailbox=mailbox.key, folder=folder)
        else:
            raw = await self._store.bodies.get(copy.sha256)
            placed = await session.append(folder, raw, flags=("\\Seen",), at=entry.accepted_at)
            log.info("sent-copy", queue_id=copy.queue_id, mailbox=mailbox.key, folder=folder)
            if placed is not None:
                await self._file(copy, entry, Location(mailbox.key, folder, *placed))

    async def _file(self, copy: SentCopy, entry: QueueEntry, location: Location | None) -> None:
        """Under every client who was written to; mail to nobody's client is not kept in the record."""
        clients = self._clients(entry)
        if not clients:
            return
        raw = await self._store.bodies.get(copy.sha256)
        item = NewFiling(
            raw=raw,
            facts=facts(raw),
            clients=tuple((name, Direction.SENT) for name in clients),
            filed_at=self._now(),
            location=location,
            author_login=entry.login,
            grant=entry.grant,
            queue_id=entry.id,
        )
        filed = await self._store.record.file(item)
        if filed.new:
            log.info("filed", queue_id=entry.id, message=filed.message, clients=list(clients), box="sent")

    def _clients(self, entry: QueueEntry) -> tuple[str, ...]:
        known = self._firm().clients_by_key
        names = [
            client.name
            for recipient in entry.recipients
            for client, toggles in known.get(recipient.address.key, ())
            if toggles.email_sync
        ]
        return tuple(dict.fromkeys(names))

    async def _later(self, copies: list[SentCopy], error: PosternError) -> None:
        for copy in copies:
            wait = RETRY[min(copy.attempts, len(RETRY)) - 1]
            await insist(partial(self._store.queue.sent_later, copy.queue_id, self._now() + wait, error.sentence))
        log.warning("sent-copy-later", mailbox=copies[0].mailbox, copies=len(copies), error=error.sentence)


async def _sent_folder(session: ImapSession) -> str:
    """The mailbox's own, however it is called; a new mailbox that has none yet gets one."""
    folder = sent_folder(await session.folders())
    if folder is not None:
        return folder.name
    await session.create(NEW_SENT)
    return NEW_SENT
