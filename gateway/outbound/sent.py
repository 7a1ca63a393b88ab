"""The sent copy and what goes with it: filed under the client at once, in the mailboxes once and in their own time.

The duty is a row that delivery created; the errands beside it (the author's own copy, the mark on what was answered)
are made before it is done. Each attempt is booked before it is made, and a copy that may lie in Sent already is looked
for first. Failing to file is retried and never a reason to send again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import structlog

from gateway.domain.errors import CommandRefused, NoSpace, TemporaryFailure, UpstreamError
from gateway.domain.firm import Firm, Mailbox
from gateway.domain.mail import Errand, ErrandKind, QueueEntry, SentCopy
from gateway.domain.record import EventKind
from gateway.outbound.attempt import truth
from gateway.outbound.insist import ROOM_WAIT, insist
from gateway.outbound.sent_placing import Duty, Round, Task, Wait
from gateway.outbound.sent_record import Damaged, SentRecord
from gateway.outbound.sent_sessions import Sent, SentSessions
from gateway.policy.sent import provider_files, upload_over
from gateway.store.room import Room
from gateway.store.store import Store
from gateway.upstream.providers import Facts, facts_of

log = structlog.get_logger()

T = TypeVar("T")

AT_ONCE = 500  # copies in one round
GATHER = 0.1  # seconds from the first delivery to the round: a round costs as much for one copy as for many
REST = 0.05, 1.0  # seconds from one round to the next, for each of its copies, and at most: by then more have come
LINGER = 10.0  # seconds without copies after which connections are closed; a mail program's own is waited for for five
RETRY = (timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
MARK_TRIES = 4  # refusals of a mark: an account that may not mark is not asked for ever
LONGEST_SLEEP = 60.0  # seconds
OUTSIDE = (UpstreamError, NoSpace, TemporaryFailure)  # what all of a mailbox meet alike, but for a refusal
EARLY = 5_000  # entries kept in memory meanwhile, about 2 KB each: reading one again costs as much as its whole copy
UPLOAD = "time for the copy that the mail program may save itself"


class SentCopies:
    """Runs until cancelled; ``wake`` says that something was delivered. ``facts`` tells of a provider by its host."""

    def __init__(
        self,
        store: Store,
        *,
        firm: Callable[[], Firm],
        now: Callable[[], datetime],
        trust: Callable[[], Path | None],
        room: Room | None = None,
        facts: Callable[[str], Facts] = facts_of,
    ) -> None:
        """``room`` is for large messages in memory, shared with whoever else has some."""
        self._store = store
        self._firm = firm
        self._now = now
        self._sessions = SentSessions(trust)
        self._record = SentRecord(store, firm=firm, now=now, room=room or Room())
        self._facts = facts
        self._early: dict[str, QueueEntry] = {}  # filed already, and to be looked at again in a moment
        self._due = asyncio.Event()

    def wake(self) -> None:
        self._due.set()

    async def run(self) -> None:
        clock = asyncio.get_running_loop()
        try:
            while True:
                self._due.clear()
                begun, due = clock.time(), await self._claim()
                await self._round(due)
                if len(due) < AT_ONCE:
                    await self._wait()
                    rest = min(len(due) * REST[0], REST[1])
                    await asyncio.sleep(max(GATHER, begun + rest - clock.time()))
        finally:
            self._sessions.abort()

    async def _claim(self) -> list[Duty]:
        copies = await self._claimed(self._store.queue.sent_due)
        errands = await self._claimed(self._store.errands.due)
        return [*copies, *errands]

    async def _claimed(self, due: Callable[[datetime, int], Awaitable[list[T]]]) -> list[T]:
        try:
            return await due(self._now(), AT_ONCE)
        except (NoSpace, TemporaryFailure) as error:
            log.error("sent-copies-put-off", error=error.sentence, detail=error.detail)
            await asyncio.sleep(ROOM_WAIT)
            return []

    async def _wait(self) -> None:
        """Until a copy is due; connections are closed when that takes its time."""
        found = [moment for moment in (await self._store.queue.sent_next(), await self._store.errands.next()) if moment]
        wait = (min(found) - self._now()).total_seconds() if found else LONGEST_SLEEP
        wait = min(max(wait, 0), LONGEST_SLEEP)
        if self._sessions.any_open and wait > LINGER:
            if await self._woken(LINGER):
                return
            await self._sessions.close()
            wait -= LINGER
        await self._woken(wait)

    async def _woken(self, limit: float) -> bool:
        """Whether something was delivered within so many seconds."""
        try:
            async with asyncio.timeout(limit):
                await self._due.wait()
        except TimeoutError:
            return False
        return True

    async def _round(self, due: Sequence[Duty]) -> None:
        """Into the record first, which needs no provider; then in each mailbox over one connection."""
        tasks = sorted(await self._recorded(due), key=_mailbox)
        async with asyncio.TaskGroup() as accounts:
            for mailbox, some in groupby(tasks, key=_mailbox):
                accounts.create_task(self._account(mailbox, list(some)), name=f"sent copies of {mailbox}")

    async def _recorded(self, due: Sequence[Duty]) -> list[Task]:
        """What is to be done in the mailboxes now; one that can't be recorded holds up no other."""
        if not due:
            return []
        try:
            return await self._record_all(due)
        except OUTSIDE as error:
            for duty in due:
                await self._later(duty, error)
        except Exception as error:  # noqa: BLE001 - told, once it is known whose fault it is
            if len(due) > 1:
                half = len(due) // 2
                return [*await self._recorded(due[:half]), *await self._recorded(due[half:])]
            await self._ill(due[0], error)
        return []

    async def _record_all(self, due: Sequence[Duty]) -> list[Task]:
        """Copies that were put off were filed when that was done."""
        copies = {duty.queue_id for duty in due if isinstance(duty, SentCopy)}
        known = {queue_id: self._early.pop(queue_id) for queue_id in copies if queue_id in self._early}
        asked = list(dict.fromkeys(duty.queue_id for duty in due if duty.queue_id not in known))
        entries = known | (await self._store.queue.entries(asked) if asked else {})
        new = [entries[queue_id] for queue_id in asked if queue_id in copies]
        await self._record.file_all(new)
        await self._owe_errands(new)
        return await self._put_off([(duty, entries[duty.queue_id]) for duty in due])

    async def _account(self, key: str, left: list[Task]) -> None:
        """Those that are dealt with are taken out of ``left``."""
        mailbox = self._firm().mailbox_by_key.get(key)
        if mailbox is None:  # its account was removed: the record has the copy, and there is no Sent to put it in
            await self._done([(duty, "the mailbox is not the firm's any more") for duty, _ in left])
            return
        try:
            async with self._sessions.lent(mailbox) as sent:
                await self._place(self._begin(mailbox, sent), left)
        except OUTSIDE as error:
            for duty, _ in left:
                await self._later(duty, error)
        except Exception as error:  # noqa: BLE001 - told; it may be the fault of one, which then comes alone
            if len(left) > 1:
                for task in left:
                    await self._account(key, [task])
            elif left:
                await self._ill(left[0][0], error)

    def _begin(self, mailbox: Mailbox, sent: Sent) -> Round:
        """A provider files what left through it: where mail leaves by another's server, it does not know of it."""
        imap, smtp = self._facts(mailbox.imap.host), self._facts(mailbox.smtp.host)
        files = provider_files(mailbox, known=imap.files_sent_mail and imap.name == smtp.name)
        return Round(self._store, self._record, mailbox, sent, now=self._now, provider_files=files)

    async def _owe_errands(self, entries: Sequence[QueueEntry]) -> None:
        """Before the copies are done, so that a crash finds who makes them again."""
        owed = [(one, self._errand_due(one, entry)) for entry in entries for one in await self._record.errands(entry)]
        if owed:
            await self._store.errands.owe(owed)
            self._due.set()

    def _errand_due(self, errand: Errand, entry: QueueEntry) -> datetime:
        """A mail program that was told to leave a copy with the author leaves it in their own mailbox."""
        now = self._now()
        return max(now, upload_over(entry)) if errand.kind is ErrandKind.AUTHOR_COPY else now

    async def _put_off(self, tasks: Sequence[Task]) -> list[Task]:
        """The rest, after the copies that a mail program may be saving at this moment."""
        now = self._now()
        early = {entry.id: entry for duty, entry in tasks if isinstance(duty, SentCopy) and upload_over(entry) > now}
        if not early:
            return list(tasks)
        until = {queue_id: upload_over(entry) for queue_id, entry in early.items()}
        await insist(partial(self._store.queue.sent_put_off, until, UPLOAD))
        if len(self._early) < EARLY:
            self._early |= early
        return [(duty, entry) for duty, entry in tasks if not (isinstance(duty, SentCopy) and entry.id in early)]

    async def _place(self, placing: Round, left: list[Task]) -> None:
        """Where a refusal is one message's own, the others go on."""
        ended: list[tuple[Duty, str]] = []
        try:
            await placing.look(left)
            while left:
                some = placing.next_of(left)
                try:
                    notes = await placing.do(some)
                except Wait as wait:
                    await self._again(some[0][0], wait.until, wait.sentence)
                except Exception as error:
                    if isinstance(error, OUTSIDE) and not isinstance(error, CommandRefused):
                        raise
                    if len(some) > 1:
                        await placing.part(some)
                        continue
                    await self._ill(some[0][0], error)
                else:
                    ended += [(duty, note) for (duty, _), note in zip(some, notes, strict=True)]
                del left[: len(some)]
        finally:
            if ended:  # one that a crash leaves out here is looked for in Sent before it is appended again
                await self._done(ended)

    async def _done(self, ended: Sequence[tuple[Duty, str]]) -> None:
        plain = [duty.queue_id for duty, note in ended if isinstance(duty, SentCopy) and not note]
        if plain:
            await insist(partial(self._store.queue.sent_done, *plain))
        for duty, note in ended:
            if isinstance(duty, Errand):
                await insist(partial(self._store.errands.done, duty, note))
            elif note:
                await insist(partial(self._store.queue.sent_done, duty.queue_id, note=note))

    async def _ill(self, duty: Duty, error: Exception) -> None:
        """What is wrong with one; where there is nothing left to file the duty ends, and the firm is told."""
        if not isinstance(error, Damaged):
            await self._later(duty, error)
            return
        await self._done([(duty, error.sentence)])
        log.error("sent-copy-set-aside", queue_id=duty.queue_id, error=error.sentence, detail=error.detail)
        text = f"The sent copy of {duty.queue_id} can't be kept: {error.sentence}."
        await self._store.feed.add(EventKind.SET_ASIDE, self._now(), text, mailbox=duty.mailbox, queue_id=duty.queue_id)

    async def _later(self, duty: Duty, error: Exception) -> None:
        kind, said = "copy" if isinstance(duty, SentCopy) else duty.kind.value, truth(error)
        log.warning("sent-later", queue_id=duty.queue_id, mailbox=duty.mailbox, what=kind, **said)
        is_mark = isinstance(duty, Errand) and duty.kind is ErrandKind.ANSWERED
        if is_mark and duty.attempts >= MARK_TRIES and isinstance(error, CommandRefused):
            await self._done([(duty, f"given up: {error.sentence}")])
            return
        wait = RETRY[min(duty.attempts, len(RETRY)) - 1]
        await self._again(duty, self._now() + wait, str(said["error"]))

    async def _again(self, duty: Duty, at: datetime, why: str) -> None:
        if isinstance(duty, Errand):
            await insist(partial(self._store.errands.later, duty, at, why))
        else:
            await insist(partial(self._store.queue.sent_later, duty.queue_id, at, why))


def _mailbox(task: Task) -> str:
    return task[0].mailbox
