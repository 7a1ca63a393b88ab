"""The queue against a model of it: whatever happens in whatever order, both come to the same."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.domain.errors import Conflict
from gateway.domain.mail import Delivery, Outcome, QueueEntry, QueueState, Recipient
from gateway.policy.queue import PERSONS, QueueAction, after
from gateway.store.migrate import migrate
from gateway.store.store import Store
from tests.store.making import AL, ARCHIVE, DELIVERED, FAILED, KEY, LATER, mail, minutes, standing_still
from tests.store.making import entry as new_entry

T = TypeVar("T")

RAW = mail("model")
MAILBOXES = ("ana@firm.example", "ion@firm.example")
IDS = ("A", "B", "C")  # few, so that what happens to them meets
UNREACHED = Outcome(Delivery.PENDING, 0, "4.4.1", "nobody there", "connect")
RESULTS = (DELIVERED, FAILED, LATER, UNREACHED)
ENDS = {
    QueueState.QUEUED: QueueAction.DEFER,
    QueueState.HELD: QueueAction.REFUSED,
    QueueState.DONE: QueueAction.FINISH,
}


@cache
def empty_database() -> Path:
    """Migrated once: what is tested here is not migrating."""
    path = Path(tempfile.mkdtemp()) / "postern.db"
    migrate(path)
    return path


def its_time(one: QueueEntry, now: datetime) -> datetime:
    """Released, what was to leave later and was never tried still leaves then."""
    return one.next_attempt if not one.attempts and one.next_attempt > now else now


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(empty_database(), self.folder / "postern.db")
        self.runner = asyncio.Runner()
        self.model: dict[str, QueueEntry] = {}
        self.sent: dict[str, str] = {}
        self.tried: dict[str, set[str]] = {}
        self.delivered: dict[str, set[str]] = {which: set() for which in IDS}
        self.clock = 0

    def run(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self.runner.get_loop().run_until_complete(wait())  # its own `run` writes out all that is awaited

    def both(self, real: Awaitable[object], model: Callable[[], None]) -> None:
        """Both do it, or both refuse."""
        before = dict(self.model)
        try:
            model()
        except Conflict:
            self.model = before
            refused = True
        else:
            refused = False
        try:
            self.run(real)
        except Conflict:
            assert refused
        else:
            assert not refused

    @initialize(dues=st.lists(st.integers(0, 3), min_size=len(IDS), max_size=len(IDS)))
    def start(self, dues: list[int]) -> None:
        self.store = self.run(Store.open(self.folder, url=None, key=KEY, clock=standing_still()))
        for number, (which, due) in enumerate(zip(IDS, dues, strict=True)):
            people = (AL, ARCHIVE) if number else (AL,)
            one = new_entry(which, RAW, mailbox=MAILBOXES[number % 2], recipients=people, due=minutes(due))
            self.run(self.store.queue.add(one, RAW))
            self.model[which] = one

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    @rule(
        step=st.integers(0, 3),
        limit=st.integers(1, 4),
        rooms=st.dictionaries(st.sampled_from(MAILBOXES), st.integers(0, 2)),
        each=st.none() | st.integers(0, 2),
    )
    def claim(self, step: int, limit: int, rooms: dict[str, int], each: int | None) -> None:
        self.clock += step
        now = minutes(self.clock)
        due = [one for one in self.model.values() if one.state is QueueState.QUEUED and one.next_attempt <= now]
        due.sort(key=lambda one: one.next_attempt)  # stable: of the same time the older first
        left = {mailbox: rooms.get(mailbox, limit if each is None else each) for mailbox in MAILBOXES}
        expected: list[QueueEntry] = []
        for one in due:
            if left[one.mailbox] > 0 and len(expected) < limit:
                left[one.mailbox] -= 1
                expected.append(replace(one, state=QueueState.ACTIVE, attempts=one.attempts + 1))
        self.model.update({one.id: one for one in expected})
        for one in expected:  # whoever has it is never tried again
            self.tried[one.id] = {who.address.key for who in one.recipients if who.delivery is Delivery.PENDING}
            assert not self.tried[one.id] & self.delivered[one.id]
        assert self.run(self.store.queue.claim(now, limit, rooms, each)) == expected

    @rule(
        which=st.sampled_from(IDS),
        first=st.sampled_from(RESULTS),
        second=st.sampled_from(RESULTS),
        known=st.booleans(),
    )
    def record(self, which: str, first: Outcome, second: Outcome, *, known: bool) -> None:
        outcomes = self.outcomes(which, first, second)
        people = self.model[which].recipients if known else ()
        self.run(self.store.queue.record(which, outcomes, recipients=people))
        self.hear(which, outcomes)

    def outcomes(self, which: str, *results: Outcome) -> dict[str, Outcome]:
        keys = (recipient.address.key for recipient in self.model[which].recipients)
        return dict(zip(keys, results, strict=False))

    def hear(self, which: str, outcomes: dict[str, Outcome]) -> None:
        one = self.model[which]
        told = tuple(hear(who, outcomes.get(who.address.key)) for who in one.recipients)
        self.model[which] = replace(one, recipients=told)
        reached = {key for key, outcome in outcomes.items() if outcome.delivery is Delivery.DELIVERED}
        self.delivered[which] |= reached
        if reached:
            self.sent.setdefault(which, "due")

    @rule(
        which=st.sampled_from(IDS),
        state=st.sampled_from(tuple(ENDS)),
        due=st.integers(0, 5),
        results=st.lists(st.sampled_from(RESULTS), max_size=2),
        known=st.booleans(),
    )
    def settle(self, which: str, state: QueueState, due: int, results: list[Outcome], *, known: bool) -> None:
        when = minutes(self.clock + due)
        reason = "sign-in" if state is QueueState.HELD else ""
        outcomes = self.outcomes(which, *results)
        people = self.model[which].recipients if known else ()
        sent, delivered = dict(self.sent), {key: set(who) for key, who in self.delivered.items()}

        def model() -> None:
            after(self.model[which].state, ENDS[state])
            self.hear(which, outcomes)
            one = self.model[which]
            if state is QueueState.DONE and any(who.delivery is Delivery.PENDING for who in one.recipients):
                self.sent, self.delivered = sent, delivered
                raise Conflict("pending")
            self.model[which] = replace(one, state=state, next_attempt=when, hold_reason=reason)

        self.both(self.store.queue.settle(which, state, when, reason, outcomes, recipients=people), model)

    @rule(which=st.sampled_from(IDS), action=st.sampled_from(PERSONS))
    def act(self, which: str, action: QueueAction) -> None:
        now = minutes(self.clock)

        def model() -> None:
            one = self.model[which]
            state = after(one.state, action)
            due = one.next_attempt if state is QueueState.HELD else now
            if state is QueueState.QUEUED and action is not QueueAction.RETRY:
                due = its_time(one, now)
            people = one.recipients
            if state is QueueState.DONE:
                people = tuple(
                    replace(who, delivery=Delivery.CANCELLED) if who.delivery is Delivery.PENDING else who
                    for who in people
                )
            self.model[which] = replace(one, state=state, next_attempt=due, hold_reason="", recipients=people)

        self.both(self.store.queue.act(which, action, now), model)

    @rule(mailbox=st.sampled_from(MAILBOXES), hold=st.booleans())
    def hold_or_release_mailbox(self, mailbox: str, hold: bool) -> None:
        now, changed = minutes(self.clock), 0
        for one in [one for one in self.model.values() if one.mailbox == mailbox]:
            if hold and one.state is QueueState.QUEUED:
                self.model[one.id] = replace(one, state=QueueState.HELD, hold_reason="sign-in")
                changed += 1
            if not hold and one.state is QueueState.HELD and one.hold_reason:
                self.model[one.id] = replace(
                    one, state=QueueState.QUEUED, hold_reason="", next_attempt=its_time(one, now)
                )
                changed += 1
        queue = self.store.queue
        assert changed == self.run(
            queue.hold_mailbox(mailbox, "sign-in") if hold else queue.release_mailbox(mailbox, now)
        )

    @rule(done=st.booleans())
    def append_sent_copies(self, done: bool) -> None:
        far = minutes(10_000)
        copies = self.run(self.store.queue.sent_due(far, 100))
        assert {copy.queue_id for copy in copies} == {key for key, state in self.sent.items() if state == "due"}
        for copy in copies:
            if done:
                self.run(self.store.queue.sent_done(copy.queue_id))
                self.sent[copy.queue_id] = "done"
            else:
                self.run(self.store.queue.sent_later(copy.queue_id, far, "later"))

    @precondition(lambda self: any(one.state is QueueState.ACTIVE for one in self.model.values()))
    @rule()
    def restart(self) -> None:
        self.run(self.store.close())
        self.store = self.run(Store.open(self.folder, url=None, key=KEY, clock=standing_still()))
        for one in self.model.values():
            if one.state is QueueState.ACTIVE:
                self.model[one.id] = replace(one, state=QueueState.QUEUED)

    @rule(mailbox=st.sampled_from(MAILBOXES))
    def hasten(self, mailbox: str) -> None:
        now, changed = minutes(self.clock), 0
        for one in [one for one in self.model.values() if one.mailbox == mailbox]:
            waits = one.state is QueueState.QUEUED and one.next_attempt > now
            if waits and any(who.delivery is Delivery.PENDING and who.last == UNREACHED for who in one.recipients):
                self.model[one.id] = replace(one, next_attempt=now)
                changed += 1
        assert self.run(self.store.queue.hasten(mailbox, now)) == changed

    @invariant()
    def both_hold_the_same(self) -> None:
        entries = self.run(self.store.queue.list(limit=1000))
        assert entries == list(reversed(self.model.values()))
        for one in entries:  # nothing is lost: who is pending is in an entry that is not over
            assert one.state is not QueueState.DONE or all(
                who.delivery is not Delivery.PENDING for who in one.recipients
            )
        queued = [one for one in entries if one.state is QueueState.QUEUED]
        waiting = {one.mailbox for one in queued}
        first = {box: min(one.next_attempt for one in queued if one.mailbox == box) for box in waiting}
        assert self.run(self.store.queue.due()) == first


def hear(recipient: Recipient, outcome: Outcome | None) -> Recipient:
    if outcome is None:
        return recipient
    if recipient.delivery is Delivery.PENDING or (
        outcome.delivery is Delivery.DELIVERED and recipient.delivery is not Delivery.DELIVERED
    ):
        return replace(recipient, delivery=outcome.delivery, last=outcome)
    return recipient


TestQueueModel = QueueMachine.TestCase
TestQueueModel.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
