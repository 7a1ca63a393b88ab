"""The sent copy: filed under the client as soon as it was delivered, and appended once to the mailbox's Sent folder.

The duty is a row that delivery created. Each attempt is booked before it is made; from the second on, Sent is searched
by Message-ID first, because a connection lost after APPEND may have left the copy there. Failing to append is retried
and never a reason to send again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path

import structlog

from gateway.domain.errors import Conflict, NoSpace, NotFound, PosternError, TemporaryFailure, UpstreamError
from gateway.domain.firm import Firm, Mailbox
from gateway.domain.mail import QueueEntry, SentCopy
from gateway.domain.record import Direction, EventKind, Location, NewFiling
from gateway.mime.facts import facts
from gateway.outbound.attempt import truth
from gateway.outbound.insist import ROOM_WAIT, insist
from gateway.outbound.sent_sessions import Sent, SentSessions
from gateway.store.room import Room
from gateway.store.store import Store

log = structlog.get_logger()

AT_ONCE = 200  # copies in one round
GATHER = 0.1  # seconds from the first delivery to the round: a round costs as much for one copy as for many
LINGER = 1.0  # seconds without copies after which connections are closed
RETRY = (timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
LONGEST_SLEEP = 60.0  # seconds


class _Damaged(PosternError):
    """The disk did not keep what is to be filed."""


class SentCopies:
    """Runs until cancelled; ``wake`` says that something was delivered."""

    def __init__(
        self,
        store: Store,
        *,
        firm: Callable[[], Firm],
        now: Callable[[], datetime],
        trust: Callable[[], Path | None],
        room: Room | None = None,
    ) -> None:
        """``room`` is for large messages in memory, shared with whoever else has some."""
        self._store = store
        self._firm = firm
        self._now = now
        self._sessions = SentSessions(trust)
        self._room = room or Room()
        self._due = asyncio.Event()

    def wake(self) -> None:
        self._due.set()

    async def run(self) -> None:
        try:
            while True:
                self._due.clear()
                due = await self._claim()
                async with asyncio.TaskGroup() as accounts:
                    for mailbox, copies in groupby(due, key=lambda copy: copy.mailbox):
                        accounts.create_task(self._account(mailbox, list(copies)), name=f"sent copies of {mailbox}")
                if len(due) < AT_ONCE:
                    await self._wait()
        finally:
            self._sessions.abort()

    async def _claim(self) -> list[SentCopy]:
        try:
            due = await self._store.queue.sent_due(self._now(), AT_ONCE)
        except (NoSpace, TemporaryFailure) as error:
            log.error("sent-copies-put-off", error=error.sentence, detail=error.detail)
            await asyncio.sleep(ROOM_WAIT)
            return []
        return sorted(due, key=lambda copy: copy.mailbox)

    async def _wait(self) -> None:
        """Until a copy is due; connections are closed when that takes its time."""
        if self._sessions.any_open:
            if await self._woken(LINGER):
                return
            await self._sessions.close()
        due = await self._store.queue.sent_next()
        wait = LONGEST_SLEEP if due is None else (due - self._now()).total_seconds()
        await self._woken(min(max(wait, 0), LONGEST_SLEEP))

    async def _woken(self, limit: float) -> bool:
        """Whether something was delivered within so many seconds."""
        try:
            async with asyncio.timeout(limit):
                await self._due.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(GATHER)
        return True

    async def _account(self, key: str, copies: list[SentCopy]) -> None:
        left = list(copies)
        try:
            await self._place(key, left)
        except (UpstreamError, NoSpace, TemporaryFailure) as error:
            await self._later(left, error)
        except Exception as error:  # noqa: BLE001 - told; it may be the fault of one, which then comes alone
            await self._alone(key, left, error)

    async def _alone(self, key: str, copies: list[SentCopy], error: Exception) -> None:
        """One copy that can't be dealt with holds up no other."""
        if len(copies) > 1:
            for copy in copies:
                await self._account(key, [copy])
        elif isinstance(error, _Damaged):
            await self._set_aside(copies[0], error)
        else:
            await self._later(copies, error)

    async def _set_aside(self, copy: SentCopy, error: PosternError) -> None:
        """There is nothing to file: the duty ends, and the firm is told."""
        await insist(partial(self._store.queue.sent_done, copy.queue_id))
        log.error("sent-copy-set-aside", queue_id=copy.queue_id, error=error.sentence, detail=error.detail)
        text = f"The sent copy of {copy.queue_id} can't be kept: {error.sentence}."
        await self._store.feed.add(EventKind.SET_ASIDE, self._now(), text, mailbox=copy.mailbox, queue_id=copy.queue_id)

    async def _place(self, key: str, left: list[SentCopy]) -> None:
        """All due copies of one mailbox: into the record first, which needs no provider; then over one connection.

        Those that are done are taken out of ``left``.
        """
        entries = await self._store.queue.entries([copy.queue_id for copy in left])
        for copy in left:
            await self._file(copy, entries[copy.queue_id], None)
        mailbox = self._firm().mailbox_by_key.get(key)
        if mailbox is None:  # its account was removed: the record has the copy, and there is no Sent to put it in
            await self._store.queue.sent_done(*(copy.queue_id for copy in left))
            left.clear()
            return
        placed: list[str] = []
        try:
            async with self._sessions.lent(mailbox) as sent:
                while left:
                    await self._append(sent, mailbox, left[0], entries[left[0].queue_id])
                    placed.append(left.pop(0).queue_id)
        finally:
            if placed:  # one that a crash leaves out here is looked for in Sent before it is appended again
                await insist(partial(self._store.queue.sent_done, *placed))

    async def _append(self, sent: Sent, mailbox: Mailbox, copy: SentCopy, entry: QueueEntry) -> None:
        session, folder = sent.session, sent.folder
        found = await session.find_message_id(folder, copy.message_id) if copy.attempts > 1 else []
        if found:
            log.info("sent-copy-was-there", queue_id=copy.queue_id, mailbox=mailbox.key, folder=folder)
        else:
            async with self._room.take(entry.size):
                placed = await session.append(folder, await self._raw(copy), flags=("\\Seen",), at=entry.accepted_at)
            log.info("sent-copy", queue_id=copy.queue_id, mailbox=mailbox.key, folder=folder)
            if placed is not None:
                await self._file(copy, entry, Location(mailbox.key, folder, *placed))

    async def _file(self, copy: SentCopy, entry: QueueEntry, location: Location | None) -> None:
        """Under every client who was written to; mail to nobody's client is not kept in the record."""
        clients = self._clients(entry)
        if not clients:
            return
        async with self._room.take(entry.size):
            filed = await self._store.record.file(self._filing(entry, await self._raw(copy), clients, location))
        if filed.new:
            log.info("filed", queue_id=entry.id, message=filed.message, clients=list(clients), box="sent")

    def _filing(self, entry: QueueEntry, raw: bytes, clients: Sequence[str], location: Location | None) -> NewFiling:
        return NewFiling(
            raw=raw,
            facts=facts(raw),
            clients=tuple((name, Direction.SENT) for name in clients),
            filed_at=self._now(),
            location=location,
            author_login=entry.login,
            grant=entry.grant,
            queue_id=entry.id,
        )

    async def _raw(self, copy: SentCopy) -> bytes:
        try:
            return await self._store.bodies.get(copy.sha256)
        except (Conflict, NotFound) as error:
            raise _Damaged(error.sentence, detail=error.detail) from error

    def _clients(self, entry: QueueEntry) -> tuple[str, ...]:
        firm = self._firm()
        names = [
            client.name
            for recipient in entry.recipients
            for client, synced in firm.clients_with(recipient.address)
            if synced
        ]
        return tuple(dict.fromkeys(names))

    async def _later(self, copies: list[SentCopy], error: Exception) -> None:
        said = truth(error)
        for copy in copies:
            wait = RETRY[min(copy.attempts, len(RETRY)) - 1]
            await insist(partial(self._store.queue.sent_later, copy.queue_id, self._now() + wait, str(said["error"])))
        log.warning("sent-copy-later", mailbox=copies[0].mailbox, copies=len(copies), **said)
