"""One attempt at a queue entry that is ours, and how the entry stands after it."""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

import structlog

from gateway.domain.errors import Conflict, NotFound, PosternError, SignInRefused
from gateway.domain.firm import Firm, Mailbox
from gateway.domain.mail import Delivery, Outcome, QueueEntry, QueueState
from gateway.domain.record import EventKind, SyncState
from gateway.outbound.bounce import Bounces
from gateway.outbound.course import Course, Verdict, after, expired
from gateway.outbound.insist import insist
from gateway.outbound.remember import remember
from gateway.outbound.ways import Ways
from gateway.policy.retry import given_up, next_attempt
from gateway.settings.gateway import Settings
from gateway.store.room import SMALL, Room
from gateway.store.store import Store
from gateway.upstream.smtp import SmtpRelay

log = structlog.get_logger()


class Attempts:
    """Makes them; what went wrong upstream is settled in the queue, what went wrong here is raised."""

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
        self._store = store
        self._ways = Ways(relay, clock=time.monotonic)
        self._bounces = bounces
        self._firm = firm
        self._settings = settings
        self._now = now
        self._delivered = delivered
        self._room = room or Room()

    async def make(self, entry: QueueEntry) -> Verdict:
        """Ends with the entry settled: done, again later, or held."""
        mailbox = self._firm().mailbox_by_key.get(entry.mailbox)
        if mailbox is None:
            await self._hold(entry, await self._why_not(entry.mailbox))
            return Verdict.NOTHING
        if entry.size <= SMALL:
            return await self._take_up(entry, mailbox)
        async with self._room.take(entry.size):
            return await self._take_up(entry, mailbox)

    async def _take_up(self, entry: QueueEntry, mailbox: Mailbox) -> Verdict:
        raw = self._store.bodies.at_hand(entry.sha256)
        try:
            if raw is None:
                raw = await self._store.bodies.get(entry.sha256)
        except (Conflict, NotFound) as error:  # what is not what was accepted is never sent (hostile G2)
            await self._set_aside(entry, f"its bytes can't be read back: {error.sentence}")
            return Verdict.NOTHING
        try:
            return await self._relay_all(entry, mailbox, raw)
        except SignInRefused as error:
            await self._sign_in_refused(entry, mailbox, error)
            return Verdict.NOTHING

    async def _why_not(self, key: str) -> str:
        """Why nothing is sent through a mailbox that the firm does not have just now."""
        sync = (await self._store.sync.states()).get(key)
        if sync is not None and sync.state is SyncState.OFF and sync.detail:  # who stopped it, and how it starts again
            return f"{key} was {sync.detail}"
        return f"the mailbox {key} is not set up any more: set it up again, or cancel"

    async def broke(self, entry: QueueEntry, error: Exception) -> None:
        """The attempt ended by a fault that is not the next server's: for each who waits it was one that failed.

        `Conflict` where the entry was settled before it broke.
        """
        entry = await self._store.queue.get(entry.id)
        why = error.sentence if isinstance(error, PosternError) else f"a fault of the gateway, {type(error).__name__}"
        outcome = Outcome(Delivery.PENDING, 0, "4.3.0", f"{why}; its log says more", "gateway")
        pending = (one for one in entry.recipients if one.delivery is Delivery.PENDING)
        last = {one.address.key: outcome for one in pending}
        try:
            await self._conclude(after(entry, last), last)
        except PosternError:
            raise
        except Exception as worse:  # noqa: BLE001 - told, and what is left is to wait
            log.error("attempt-broke", queue_id=entry.id, **truth(worse))
            await self.again(entry, last)

    async def again(self, entry: QueueEntry, outcomes: Mapping[str, Outcome] | None = None) -> datetime:
        """Later, by the schedule; when, on the queue's clock."""
        schedule, clock = self._settings().queue.retry, self._store.queue.clock()
        jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
        when = next_attempt(schedule, entry.attempts, entry.began or clock, clock, jitter)
        await insist(partial(self._store.queue.settle, entry.id, QueueState.QUEUED, when, outcomes=outcomes))
        return when

    async def _relay_all(self, entry: QueueEntry, mailbox: Mailbox, raw: bytes) -> Verdict:
        """The transactions one after the other; what one came to is written while the next is on its way."""
        writing: list[asyncio.Task[None]] = []
        course = Course(entry, raw, self._now(), lambda outcomes: writing.append(self._writes(entry, outcomes)))
        try:
            envelopes = course.envelopes()
            if envelopes:
                await self._ways.deliver(mailbox, envelopes, raw, course.told)
        except Exception:
            if course.unkept:  # who has it is not sent it again, whatever went wrong after that
                await insist(partial(self._store.queue.record, entry.id, course.unkept))
            raise
        finally:
            if writing:
                await (writing[0] if len(writing) == 1 else asyncio.gather(*writing))
        if not course.is_done:
            return await self._make_good(course)
        await self._done(entry, course.unkept, self._now(), is_owed=len(course.made) > 1)
        self._delivered()
        return Verdict.DELIVERED

    def _writes(self, entry: QueueEntry, outcomes: Mapping[str, Outcome]) -> asyncio.Task[None]:
        record = partial(self._store.queue.record, entry.id, outcomes, recipients=entry.recipients)
        return asyncio.create_task(insist(record))

    async def _make_good(self, course: Course) -> Verdict:
        """The end of an attempt after which something is to be done, told, or kept for people."""
        entry = course.ended()
        await self._conclude(entry, course.unkept)
        await remember(self._store, entry, course.made, course.picked_up)
        handed = course.handed()
        if handed:
            await self._bounces.relayed(entry, handed)
        elif all(one.delivery is Delivery.DELIVERED for one in entry.recipients):
            return Verdict.DELIVERED
        return course.verdict

    async def _done(
        self, entry: QueueEntry, outcomes: Mapping[str, Outcome], now: datetime, *, is_owed: bool = False
    ) -> None:
        settle = partial(self._store.queue.settle, entry.id, QueueState.DONE, now)
        await insist(partial(settle, outcomes=outcomes, recipients=entry.recipients, is_owed=is_owed))

    async def _conclude(self, entry: QueueEntry, last: Mapping[str, Outcome]) -> None:
        """Done, again later, or given up. Failures are reported before the entry may be done, and once."""
        now, waited = self._now(), self._store.queue.clock.waited(entry)
        patience = self._settings().queue.give_up_after
        pending = [one for one in entry.recipients if one.delivery is Delivery.PENDING]
        if pending and given_up(waited, patience):
            given = {one.address.key: expired(one) for one in pending}
            entry, pending, last = after(entry, given), [], {**last, **given}
        if any(one.delivery is Delivery.FAILED for one in entry.recipients):
            await insist(partial(self._store.queue.record, entry.id, last, recipients=entry.recipients))
            last = {}
            await self._bounces.report(entry)
        if pending:
            await self.again(entry, last)
            await self._bounces.delayed(entry, since=now - waited, until=now + patience - waited)
        else:
            await self._done(entry, last, now)
        if any(one.delivery is Delivery.DELIVERED for one in entry.recipients):
            self._delivered()

    async def _hold(self, entry: QueueEntry, reason: str) -> None:
        await insist(partial(self._store.queue.settle, entry.id, QueueState.HELD, self._now(), reason))
        log.warning("held", queue_id=entry.id, reason=reason)

    async def _set_aside(self, entry: QueueEntry, reason: str) -> None:
        """The rest goes on; the firm is told."""
        await self._hold(entry, reason)
        text = f"The message {entry.id} (“{entry.subject}”) waits in the queue: {reason}."
        await self._store.feed.add(EventKind.SET_ASIDE, self._now(), text, mailbox=entry.mailbox, queue_id=entry.id)

    async def _sign_in_refused(self, entry: QueueEntry, mailbox: Mailbox, error: SignInRefused) -> None:
        """The account's mail waits for a person; nothing bounces, and nothing hammers the provider."""
        reason = f"{mailbox.address} can't sign in to send: {error.sentence}"
        await self._hold(entry, reason)
        held = await self._store.queue.hold_mailbox(mailbox.key, reason)
        log.error("sign-in-refused", mailbox=mailbox.key, held=held + 1, detail=error.detail)
        await self._store.feed.add(EventKind.SYNC_STOPPED, self._now(), reason, mailbox=mailbox.key)


def truth(error: Exception) -> dict[str, object]:
    """Of a fault of our own for the log: what and where; never its words, which may hold what people wrote."""
    if isinstance(error, PosternError):
        return {"error": error.sentence, "detail": error.detail}
    return {"error": type(error).__name__, "trace": "".join(traceback.format_tb(error.__traceback__))}
