"""The queue against a model of it: whatever happens in whatever order, both come to the same."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
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
from tests.store.making import AL, ARCHIVE, DELIVERED, FAILED, KEY, LATER, mail, minutes
from tests.store.making import entry as new_entry

T = TypeVar("T")

RAW = mail("model")
MAILBOXES = ("ana@firm.example", "ion@firm.example")
IDS = ("A", "B", "C")  # few, so that what happens to them meets
RESULTS = (DELIVERED, FAILED, LATER)
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


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(empty_database(), self.folder / "postern.db")
        self.runner = asyncio.Runner()
        self.model: dict[str, QueueEntry] = {}
        self.sent: dict[str, str] = {}
        self.clock = 0

    def run(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self.runner.run(wait())

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
        self.store = self.run(Store.open(self.folder, url=None, key=KEY))
        for number, (which, due) in enumerate(zip(IDS, dues, strict=True)):
            people = (AL, ARCHIVE) if number else (AL,)
            one = new_entry(which, RAW, mailbox=MAILBOXES[number % 2], recipients=people, due=minutes(due))
            self.run(self.store.queue.add(one, RAW))
            self.model[which] = one

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    @rule(step=st.integers(0, 3), limit=st.integers(1, 4), busy=st.sets(st.sampled_from(MAILBOXES)))
    def claim(self, step: int, limit: int, busy: set[str]) -> None:
        self.clock += step
        now = minutes(self.clock)
        due = [
            one
            for one in self.model.values()
            if one.state is QueueState.QUEUED and one.next_attempt <= now and one.mailbox not in busy
        ]
        due.sort(key=lambda one: one.next_attempt)  # stable: of the same time the older first
        expected = [replace(one, state=QueueState.ACTIVE, attempts=one.attempts + 1) for one in due[:limit]]
        self.model.update({one.id: one for one in expected})
        assert self.run(self.store.queue.claim(now, limit, busy)) == expected

    @rule(which=st.sampled_from(IDS), first=st.sampled_from(RESULTS), second=st.sampled_from(RESULTS))
    def record(self, which: str, first: Outcome, second: Outcome) -> None:
        one = self.model[which]
        outcomes = dict(zip((recipient.address.key for recipient in one.recipients), (first, second), strict=False))
        self.run(self.store.queue.record(which, outcomes))
        told = tuple(hear(recipient, outcomes[recipient.address.key]) for recipient in one.recipients)
        self.model[which] = replace(one, recipients=told)
        if any(outcome.delivery is Delivery.DELIVERED for outcome in outcomes.values()):
            self.sent.setdefault(which, "due")

    @rule(which=st.sampled_from(IDS), state=st.sampled_from(tuple(ENDS)), due=st.integers(0, 5))
    def settle(self, which: str, state: QueueState, due: int) -> None:
        when = minutes(self.clock + due)
        reason = "sign-in" if state is QueueState.HELD else ""

        def model() -> None:
            one = self.model[which]
            after(one.state, ENDS[state])
            if state is QueueState.DONE and any(who.delivery is Delivery.PENDING for who in one.recipients):
                raise Conflict("pending")
            self.model[which] = replace(one, state=state, next_attempt=when, hold_reason=reason)

        self.both(self.store.queue.settle(which, state, when, reason), model)

    @rule(which=st.sampled_from(IDS), action=st.sampled_from(PERSONS))
    def act(self, which: str, action: QueueAction) -> None:
        now = minutes(self.clock)

        def model() -> None:
            one = self.model[which]
            state = after(one.state, action)
            due = now if state is QueueState.QUEUED else one.next_attempt
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
                self.model[one.id] = replace(one, state=QueueState.QUEUED, hold_reason="", next_attempt=now)
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
        self.store = self.run(Store.open(self.folder, url=None, key=KEY))
        for one in self.model.values():
            if one.state is QueueState.ACTIVE:
                self.model[one.id] = replace(one, state=QueueState.QUEUED)

    @invariant()
    def both_hold_the_same(self) -> None:
        assert self.run(self.store.queue.list(limit=1000)) == list(reversed(self.model.values()))


def hear(recipient: Recipient, outcome: Outcome) -> Recipient:
    if recipient.delivery is Delivery.PENDING or (
        outcome.delivery is Delivery.DELIVERED and recipient.delivery is not Delivery.DELIVERED
    ):
        return replace(recipient, delivery=outcome.delivery, last=outcome)
    return recipient


TestQueueModel = QueueMachine.TestCase
TestQueueModel.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
