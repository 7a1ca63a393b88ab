"""The dispatcher: claims what is due, relays it, records each recipient's result, and says when to look again.

An attempt is booked (by the claim) before it is made. A crash anywhere leaves the entry claimed, and opening the
store puts it back: at worst a message whose final reply was never read is sent again, never lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from operator import attrgetter

import structlog

from gateway.domain.errors import Conflict
from gateway.domain.firm import Firm
from gateway.domain.mail import QueueEntry, QueueState
from gateway.outbound.attempt import Attempts, truth
from gateway.outbound.bounce import Bounces
from gateway.outbound.course import Verdict
from gateway.outbound.flow import AT_ONCE, Flow
from gateway.outbound.insist import ROOM_WAIT
from gateway.policy.queue import QueueAction, after
from gateway.settings.gateway import Settings
from gateway.store.room import Room
from gateway.store.store import Store
from gateway.upstream.smtp import SmtpRelay

log = structlog.get_logger()

LONGEST_SLEEP = 60.0  # seconds; a clock that was set forward is noticed within this
KNOCK_EVERY = 1.0  # seconds between looks whether a server that did not answer does now

_FIELDS = [one.name for one in fields(QueueEntry)]
_VALUES = attrgetter(*_FIELDS)


class Dispatcher:
    """Runs until stopped or cancelled; ``wake`` says that something became due."""

    def __init__(
        self,
        store: Store,
        relay: SmtpRelay,
        bounces: Bounces,
        *,
        firm: Callable[[], Firm],
        settings: Callable[[], Settings],
        now: Callable[[], datetime],
        delivered: Callable[[], None],
        room: Room | None = None,
    ) -> None:
        """``room`` is for large messages in memory, shared with whoever else has some."""
        self._store = store
        self._relay = relay
        self._firm = firm
        self._now = now
        self._attempts = Attempts(
            store, relay, bounces, firm=firm, settings=settings, now=now, delivered=delivered, room=room
        )
        self._flow = Flow(time.monotonic)
        self._due = asyncio.Event()
        self._looked = now(), time.monotonic()
        self._waiting: dict[str, datetime] = {}  # at the last look: when the first of each mailbox is due
        self._knocking: dict[str, asyncio.Task[None]] = {}
        self._stopping = False
        self._looking = False  # the room that there is may be taken by what is found
        self._tasks: asyncio.TaskGroup | None = None  # while it runs
        self._broken = 0  # attempts, by faults that are not the next server's

    def stop(self) -> None:
        """Claim nothing more; ``run`` returns when the attempts under way have ended."""
        self._stopping = True
        self._due.set()

    def wake(self) -> None:
        self._due.set()

    def book(self, entry: QueueEntry) -> QueueEntry:
        """See `Desk`: most mail may leave at once, and needs no look into the queue for it."""
        now, first = self._now(), self._waiting.get(entry.mailbox)
        others_wait = self._looking or self._due.is_set() or (first is not None and first <= now)
        if self._tasks is None or self._stopping or others_wait or entry.next_attempt > now:
            return entry
        mailbox = self._firm().mailbox_by_key.get(entry.mailbox)
        if mailbox is None or not self._flow.has_room(entry.mailbox):
            return entry
        self._flow.begun(mailbox, entry.mailbox, len(entry.recipients))
        return booked(entry, self._store.queue.clock())

    def told(self, entry: QueueEntry, kept: bool) -> None:
        """See `Desk`. What is stopped before it gets here stays booked, and is due again at the next start."""
        if entry.state is QueueState.ACTIVE and not kept:
            self._flow.ended(entry.mailbox)
            if self._waiting:
                self._due.set()
        elif entry.state is QueueState.ACTIVE and self._tasks is not None:
            self._tasks.create_task(self._attempt(entry, self._tasks))
        elif kept:
            self._due.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                while not self._stopping:
                    self._due.clear()
                    claimed = await self._claim()
                    mailboxes = self._firm().mailbox_by_key
                    for entry in claimed:
                        self._flow.begun(mailboxes.get(entry.mailbox), entry.mailbox, len(entry.recipients))
                        tasks.create_task(self._attempt(entry, tasks))
                    await self._sleep()
            finally:
                for knocking in self._knocking.values():
                    knocking.cancel()
                self._tasks = None

    async def _claim(self) -> list[QueueEntry]:
        self._looking = True
        self._looked = self._now(), time.monotonic()
        try:
            taken = await self._store.queue.take(self._looked[0], AT_ONCE, self._flow.rooms(), self._flow.each)
        except Exception as error:  # noqa: BLE001 - told; attempts are under way, and what is due is due a second later
            log.error("claim-put-off", **truth(error))
            await asyncio.sleep(ROOM_WAIT)
            self._due.set()
            return []
        finally:
            self._looking = False
        self._waiting = taken.waiting
        return taken.entries

    async def _sleep(self) -> None:
        """Until woken, or until something is due of a mailbox that may have more in hand."""
        if self._stopping:
            return
        (looked, then), wait = self._looked, LONGEST_SLEEP  # the wall clock may have been set since
        gone = time.monotonic() - then
        for mailbox, due in self._waiting.items():
            closed = self._flow.wait(mailbox)
            if closed is not None:
                wait = min(wait, max(closed, (due - looked).total_seconds() - gone))
        try:
            async with asyncio.timeout(max(0.0, wait)):
                await self._due.wait()
        except TimeoutError:
            return

    async def _attempt(self, entry: QueueEntry, tasks: asyncio.TaskGroup) -> None:
        try:
            verdict = await self._attempts.make(entry)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this entry's, and no reason to stop the others
            await self._broke(entry, error)
            verdict = Verdict.NOTHING
        finally:
            more = self._flow.ended(entry.mailbox)
        self._judge(entry.mailbox, verdict, tasks)
        news = verdict is not Verdict.DELIVERED or self._waiting  # else there is nothing that a look could find
        if (more and news) or self._stopping:
            self._due.set()

    async def _broke(self, entry: QueueEntry, error: Exception) -> None:
        """Log it, count it, and put the entry back."""
        self._broken += 1
        log.error("attempt-broke", queue_id=entry.id, attempt=entry.attempts, broken=self._broken, **truth(error))
        try:
            await self._attempts.broke(entry, error)
        except Conflict as known:  # it was settled before the attempt broke, by holding it or being done
            log.info("settled-already", queue_id=entry.id, detail=known.sentence)
        except Exception as worse:  # noqa: BLE001 - it stays booked, so that nobody takes it, until the next start
            log.error("attempt-stays-booked", queue_id=entry.id, **truth(worse))

    def _judge(self, mailbox: str, verdict: Verdict, tasks: asyncio.TaskGroup) -> None:
        """What the attempt says about the account."""
        if verdict in (Verdict.DELIVERED, Verdict.WORKED):
            self._flow.worked(mailbox)
        elif verdict in (Verdict.TROUBLE, Verdict.NO_ANSWER):
            if self._flow.failed(mailbox):
                log.warning("account-in-trouble", mailbox=mailbox, answers=verdict is not Verdict.NO_ANSWER)
            if verdict is Verdict.NO_ANSWER and mailbox not in self._knocking and not self._stopping:
                self._knocking[mailbox] = tasks.create_task(self._knock(mailbox), name=f"knocking for {mailbox}")

    async def _knock(self, key: str) -> None:
        """Until the server answers or the mailbox is gone; then what waited for the server need not wait longer."""
        try:
            while not self._stopping:
                await asyncio.sleep(KNOCK_EVERY)
                mailbox = self._firm().mailbox_by_key.get(key)
                if mailbox is None:
                    return
                if await self._relay.answers(mailbox):
                    hastened = await self._store.queue.hasten(key, self._now())
                    log.info("server-answers-again", mailbox=key, hastened=hastened)
                    self._flow.reopen(key)
                    self._due.set()
                    return
        except Exception as error:  # noqa: BLE001 - told; they come at their time, then
            log.error("hasten-put-off", mailbox=key, **truth(error))
        finally:
            del self._knocking[key]


def booked(entry: QueueEntry, began: datetime) -> QueueEntry:
    """The entry with its first attempt booked; every message is copied so, and `dataclasses.replace` takes its time."""
    values = dict(zip(_FIELDS, _VALUES(entry), strict=True))
    values |= {"state": after(entry.state, QueueAction.CLAIM), "attempts": 1, "began": began}
    return QueueEntry(**values)


async def release_after_change(store: Store, old: Firm, new: Firm, now: datetime) -> int:
    """Lets go of what a refused sign-in held, for each mailbox whose account was changed; how many entries."""
    released = 0
    for mailbox in new.mailboxes:
        before = old.mailbox_by_key.get(mailbox.key)
        if before is None or before.account != mailbox.account:
            released += await store.queue.release_mailbox(mailbox.key, now)
    return released
