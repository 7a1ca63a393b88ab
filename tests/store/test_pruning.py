"""What was settled long ago goes; nothing that is not done, and no bytes to which anything still leads."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.domain.errors import NotFound
from gateway.domain.history import Tried
from gateway.domain.mail import QueueEntry, QueueState
from gateway.store.bodies import INLINE, Bodies
from gateway.store.pruning import BATCH
from gateway.store.spool import BLOBS
from gateway.store.store import Store
from tests.store.making import AL, DELIVERED, KEY, LATER, NOW, entry, filing, mail, minutes
from tests.store.test_queue_model import empty_database

T = TypeVar("T")

SMALL, LARGE = mail("small"), mail("large", INLINE + 1)
LATER_ON = minutes(10)
SOON = datetime.now(UTC) + timedelta(days=1)  # every file that a test writes is older


async def deliver(store: Store, one: QueueEntry, raw: bytes = SMALL, *, copied: bool = True) -> None:
    """Accepted, delivered, settled, and its copy filed."""
    await store.queue.add(one, raw)
    await store.queue.claim(NOW, 100)
    await store.queue.settle(one.id, QueueState.DONE, NOW, outcomes={AL.key: DELIVERED})
    if copied and one.sender is not None:
        await store.queue.sent_done(one.id)


async def ids(store: Store) -> set[str]:
    return {one.id for one in await store.queue.list()}


def blobs(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / BLOBS).rglob("*") if path.is_file())


async def test_what_is_done_goes_with_all_that_was_kept_of_it(store: Store) -> None:
    await deliver(store, entry("A", SMALL))
    await store.history.add("A", Tried(NOW, 1, "h:25", 0, 0, 0, {AL.key: LATER}))
    assert (await store.pruning.entries(NOW)).entries == 0  # not older than that
    pruned = await store.pruning.entries(LATER_ON)
    assert (pruned.entries, pruned.bodies, pruned.last) == (1, 1, None)
    with pytest.raises(NotFound):
        await store.queue.get("A")
    assert await store.verify() == []


async def test_what_waits_is_held_or_owes_its_sent_copy_stays(store: Store) -> None:
    for name in ("queued", "held", "active"):
        await store.queue.add(entry(name, mail(name)), mail(name))
    await store.queue.act("queued", "hold", NOW)
    await store.queue.act("held", "hold", NOW)
    await store.queue.claim(NOW, 10)
    await store.queue.act("queued", "release", NOW)
    await deliver(store, entry("unfiled", mail("unfiled")), mail("unfiled"), copied=False)
    assert (await store.pruning.entries(LATER_ON)).entries == 0
    assert await ids(store) == {"queued", "held", "active", "unfiled"}
    await store.queue.sent_done("unfiled")
    assert (await store.pruning.entries(LATER_ON)).entries == 1


async def test_a_report_outlives_the_message_that_it_is_about(store: Store) -> None:
    original = entry("A", SMALL)
    await deliver(store, replace(original, accepted_at=minutes(1)), copied=False)
    report = replace(entry("R", mail("report"), sender=None), in_reply_to=original.message_id)
    await deliver(store, report, mail("report"))
    assert (await store.pruning.entries(LATER_ON)).entries == 0
    await store.queue.sent_done("A")
    assert [(await store.pruning.entries(LATER_ON)).entries for _ in range(2)] == [1, 1]
    assert await ids(store) == set()


async def test_the_records_messages_keep_their_bytes_and_so_does_another_entry(store: Store, data_dir: Path) -> None:
    for raw in (SMALL, LARGE):
        await deliver(store, entry(f"A{len(raw)}", raw), raw)
    filed = [(await store.record.file(filing(SMALL, "Al"))).message]
    await store.queue.add(entry("waits", LARGE, due=minutes(60)), LARGE)
    assert await store.pruning.entries(LATER_ON)
    assert [await store.pruning.files(SOON) for _ in range(3)] == [0, 0, 0]
    with closing(Bodies(data_dir, store._reader)) as fresh:
        assert await fresh.get((await store.record.message(filed[0])).sha256) == SMALL
        assert await fresh.get((await store.queue.get("waits")).sha256) == LARGE
    assert await ids(store) == {"waits"}
    assert await store.verify() == []


async def test_a_file_goes_when_two_looks_found_no_row_for_it(store: Store, data_dir: Path) -> None:
    await deliver(store, entry("A", LARGE), LARGE)
    assert await store.pruning.files(SOON) == 0
    await store.pruning.entries(LATER_ON)
    assert len(blobs(data_dir)) == 1
    assert [await store.pruning.files(SOON) for _ in range(3)] == [0, 1, 0]
    assert blobs(data_dir) == []


async def test_a_file_that_waits_for_its_row_again_stays(store: Store, data_dir: Path) -> None:
    await deliver(store, entry("A", LARGE), LARGE)
    (name,) = blobs(data_dir)
    path = data_dir / BLOBS / name[:2] / name
    os.utime(path, (0, 0))
    await store.pruning.entries(LATER_ON)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert await store.pruning.files(yesterday) == 0
    await store.bodies.prepare(LARGE)  # it was accepted again, and its row is on the way
    assert await store.pruning.files(yesterday) == 0
    await store.queue.add(entry("B", LARGE), LARGE)
    assert await store.bodies.get(name) == LARGE


async def test_only_what_is_named_like_a_body_is_removed(store: Store, data_dir: Path) -> None:
    folder = data_dir / BLOBS / "ab"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    (folder / ("ab" * 32)).mkdir()
    assert [await store.pruning.files(SOON) for _ in range(2)] == [0, 0]
    assert len(list(folder.iterdir())) == 2


async def test_batches_are_bounded_and_go_on_where_the_last_one_ended(store: Store) -> None:
    entries = [entry(f"{number}", SMALL, due=minutes(60)) for number in range(BATCH + 3)]
    await asyncio.gather(*(store.queue.add(one, SMALL) for one in entries))
    for one in entries:
        await store.queue.act(one.id, "cancel", NOW)
    first = await store.pruning.entries(minutes(70))
    assert (first.entries, first.bodies) == (BATCH, 0)
    assert first.last is not None
    second = await store.pruning.entries(minutes(70), first.last)
    assert (second.entries, second.bodies, second.last) == (3, 1, None)


BODIES = (SMALL, mail("other"), LARGE, mail("other large", INLINE + 1))


class PruningMachine(RuleBasedStateMachine):
    """Whatever is accepted, filed, settled and pruned: what somebody may ask for is there, octet for octet."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(empty_database(), self.folder / "postern.db")
        self.runner = asyncio.Runner()
        self.store = self.run(Store.open(self.folder, url=None, key=KEY))
        self.clock, self.made = 0, 0
        self.queued: dict[str, bytes] = {}
        self.done: dict[str, int] = {}
        self.filed: dict[int, bytes] = {}

    def run(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self.runner.get_loop().run_until_complete(wait())  # its own `run` writes out all that is awaited

    @rule(raw=st.sampled_from(BODIES))
    def accept(self, raw: bytes) -> None:
        self.made += 1
        one = replace(entry(f"{self.made}", raw, due=minutes(self.clock)), accepted_at=minutes(self.clock))
        self.run(self.store.queue.add(one, raw))
        self.queued[one.id] = raw

    @rule(raw=st.sampled_from(BODIES))
    def file(self, raw: bytes) -> None:
        self.filed[self.run(self.store.record.file(filing(raw, "Al"))).message] = raw

    @rule(copied=st.booleans())
    def deliver_all(self, copied: bool) -> None:
        for one in self.run(self.store.queue.claim(minutes(self.clock), 100)):
            end = minutes(self.clock)
            self.run(self.store.queue.settle(one.id, QueueState.DONE, end, outcomes={AL.key: DELIVERED}))
            if copied:
                self.run(self.store.queue.sent_done(one.id))
                self.done[one.id] = self.clock

    @rule(count=st.integers(1, 20))
    def wait(self, count: int) -> None:
        self.clock += count

    @rule(age=st.integers(0, 30))
    def prune(self, age: int) -> None:
        self.run(self.store.pruning.entries(minutes(self.clock - age)))
        for name in [name for name, ended in self.done.items() if ended < self.clock - age]:
            del self.done[name], self.queued[name]

    @rule()
    def look_for_files(self) -> None:
        self.run(self.store.pruning.files(SOON))

    @rule()
    def restart(self) -> None:
        self.run(self.store.close())
        self.store = self.run(Store.open(self.folder, url=None, key=KEY))

    @invariant()
    def everything_that_leads_somewhere_is_there(self) -> None:
        assert self.run(ids(self.store)) == set(self.queued)
        with closing(Bodies(self.folder, self.store._reader)) as fresh:
            for name, raw in self.queued.items():
                assert self.run(fresh.get(self.run(self.store.queue.get(name)).sha256)) == raw
        for number, raw in self.filed.items():
            assert self.run(self.store.record.raw(number)) == raw

    def teardown(self) -> None:
        assert self.run(self.store.verify()) == []
        self.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)


TestPruning = PruningMachine.TestCase
TestPruning.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
