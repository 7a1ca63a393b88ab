"""The dispatcher: claims what is due, relays it, records each recipient's result, and says when to look again.

An attempt is booked (by the claim) before it is made. A crash anywhere leaves the entry claimed, and opening the
store puts it back: at worst a message whose final reply was never read is sent again, never lost.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial

import structlog

from gateway.domain.errors import Conflict, NoSpace, PosternError, SignInRefused, TemporaryFailure
from gateway.domain.firm import Firm, Mailbox
from gateway.domain.mail import Delivery, Outcome, QueueEntry, QueueState, Recipient
from gateway.domain.record import EventKind
from gateway.outbound.bounce import Bounces
from gateway.outbound.insist import ROOM_WAIT, insist
from gateway.policy.retry import given_up, next_attempt
from gateway.settings.gateway import Settings
from gateway.store.store import Store
from gateway.upstream.smtp import SmtpRelay

log = structlog.get_logger()

AT_ONCE = 40  # entries in hand; each holds its message in memory
PER_MAILBOX = 8  # entries of one account in hand; the relay shares its few connections among them
LONGEST_SLEEP = 60.0  # seconds; a clock that was set forward is noticed within this


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
    ) -> None:
        self._store = store
        self._relay = relay
        self._bounces = bounces
        self._firm = firm
        self._settings = settings
        self._now = now
        self._delivered = delivered
        self._due = asyncio.Event()
        self._busy: Counter[str] = Counter()
        self._stopping = False

    def stop(self) -> None:
        """Claim nothing more; ``run`` returns when the attempts under way have ended."""
        self._stopping = True
        self._due.set()

    def wake(self) -> None:
        self._due.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as attempts:
            while not self._stopping:
                self._due.clear()
                while claimed := await self._claim():
                    for entry in claimed:
                        self._busy[entry.mailbox] += 1
                        attempts.create_task(self._attempt(entry), name=f"attempt {entry.id}")
                await self._sleep()

    async def _claim(self) -> list[QueueEntry]:
        room = AT_ONCE - self._busy.total()
        if room <= 0 or self._stopping:
            return []
        full = {mailbox for mailbox, count in self._busy.items() if count >= PER_MAILBOX}
        try:
            return await self._store.queue.claim(self._now(), min(room, PER_MAILBOX), full)
        except (NoSpace, TemporaryFailure) as error:
            log.error("claim-put-off", error=error.sentence, detail=error.detail)
            await asyncio.sleep(ROOM_WAIT)
            return []

    async def _sleep(self) -> None:
        """Until woken, or until the next entry is due of which none is held back by a full mailbox or house."""
        due = await self._store.queue.next_due()
        wait = LONGEST_SLEEP
        if self._stopping:
            return
        if due is not None and due > self._now():
            wait = min(wait, (due - self._now()).total_seconds())
        elif due is not None and not self._busy:
            return
        try:
            async with asyncio.timeout(wait):
                await self._due.wait()
        except TimeoutError:
            return

    async def _attempt(self, entry: QueueEntry) -> None:
        try:
            await self._deliver(entry)
        except PosternError as error:
            log.error("attempt-broke", queue_id=entry.id, error=error.sentence, detail=error.detail)
            await self._again(entry)
        finally:
            self._busy[entry.mailbox] -= 1
            self._busy += Counter()  # drops the zeros
            self._due.set()

    async def _deliver(self, entry: QueueEntry) -> None:
        mailbox = self._firm().mailbox_by_key.get(entry.mailbox)
        if mailbox is None:
            await self._hold(entry, f"the mailbox {entry.mailbox} is not set up any more: set it up again, or cancel")
            return
        try:
            raw = await self._store.bodies.get(entry.sha256)
        except Conflict as error:  # damaged on the disk: what is not what was accepted is never sent (hostile.md G2)
            await self._hold(entry, f"its bytes can't be read back: {error.sentence}")
            return
        for batch in transactions(entry):
            try:
                outcomes = await self._relay.deliver(
                    mailbox, entry.sender, [one.address for one in batch], raw, smtputf8=entry.smtputf8
                )
            except SignInRefused as error:
                await self._sign_in_refused(entry, mailbox, error)
                return
            await insist(partial(self._store.queue.record, entry.id, outcomes))
            _say(entry, outcomes)
        await self._conclude(entry.id)

    async def _conclude(self, queue_id: str) -> None:
        """After an attempt: done, again later, or given up; failures are reported to the author once."""
        entry = await self._store.queue.get(queue_id)
        now = self._now()
        pending = [one for one in entry.recipients if one.delivery is Delivery.PENDING]
        if pending and given_up(entry.accepted_at, now, self._settings().queue.give_up_after):
            await self._store.queue.record(entry.id, {one.address.key: expired(one) for one in pending})
            entry, pending = await self._store.queue.get(queue_id), []
        await self._bounces.report(entry)
        if pending:
            await self._again(entry)
        else:
            await insist(partial(self._store.queue.settle, entry.id, QueueState.DONE, now))
        if any(one.delivery is Delivery.DELIVERED for one in entry.recipients):
            self._delivered()

    async def _again(self, entry: QueueEntry) -> None:
        now = self._now()
        schedule = self._settings().queue.retry
        jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
        when = next_attempt(schedule, entry.attempts, entry.accepted_at, now, jitter)
        await insist(partial(self._store.queue.settle, entry.id, QueueState.QUEUED, when))

    async def _hold(self, entry: QueueEntry, reason: str) -> None:
        await insist(partial(self._store.queue.settle, entry.id, QueueState.HELD, self._now(), reason))
        log.warning("held", queue_id=entry.id, reason=reason)

    async def _sign_in_refused(self, entry: QueueEntry, mailbox: Mailbox, error: SignInRefused) -> None:
        """The account's mail waits for a person; nothing bounces, and nothing hammers the provider."""
        reason = f"{mailbox.address} can't sign in to send: {error.sentence}"
        await self._hold(entry, reason)
        held = await self._store.queue.hold_mailbox(mailbox.key, reason)
        log.error("sign-in-refused", mailbox=mailbox.key, held=held + 1, detail=error.detail)
        await self._store.feed.add(EventKind.SYNC_STOPPED, self._now(), reason, mailbox=mailbox.key)


def transactions(entry: QueueEntry) -> Iterator[list[Recipient]]:
    """Those that everybody may see together in one; each rule's copy in one of its own, so that no trace joins them."""
    pending = [one for one in entry.recipients if one.delivery is Delivery.PENDING]
    seen = [one for one in pending if not one.bcc]
    if seen:
        yield seen
    for one in pending:
        if one.bcc:
            yield [one]


def expired(recipient: Recipient) -> Outcome:
    """Given up, with the last thing the peer said (RFC 3463: 4.4.7, delivery time expired)."""
    said = recipient.last.text if recipient.last else "no attempt could be made"
    return Outcome(Delivery.FAILED, 0, "5.4.7", f"given up after trying for too long; last answer: {said}", "final")


def _say(entry: QueueEntry, outcomes: Mapping[str, Outcome]) -> None:
    for address, outcome in outcomes.items():
        log.info(
            "attempt",
            queue_id=entry.id,
            mailbox=entry.mailbox,
            to=address,
            result=outcome.delivery.value,
            code=outcome.code,
            status=outcome.status,
            stage=outcome.stage,
            text=outcome.text,
            attempt=entry.attempts,
        )


async def release_after_change(store: Store, old: Firm, new: Firm, now: datetime) -> int:
    """Lets go of what a refused sign-in held, for each mailbox whose account was changed; how many entries."""
    released = 0
    for mailbox in new.mailboxes:
        before = old.mailbox_by_key.get(mailbox.key)
        account = (mailbox.username, mailbox.password, mailbox.smtp)
        if before is None or (before.username, before.password, before.smtp) != account:
            released += await store.queue.release_mailbox(mailbox.key, now)
    return released
