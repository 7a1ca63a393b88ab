"""The queue's clock: the wall clock jumps, and what waits goes on as if nothing had been (hostile E1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.domain.mail import Delivery, Errand, ErrandKind, QueueEntry, QueueState
from gateway.store.clock import QueueClock
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import AL, NOW, entry, mail, outcome

RAW = mail("one")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TO_2038 = timedelta(days=365 * 12)
JUMPS = [HOUR, -HOUR, timedelta(days=1), -timedelta(days=1), TO_2038, -timedelta(days=365 * 56)]
BUSY = {AL.key: outcome(Delivery.PENDING, 450)}


class Clocks:
    """The wall's and the steady one; time goes by on both, and jumps on one."""

    def __init__(self) -> None:
        self.wall, self.steady = NOW, 0.0

    def pass_(self, by: timedelta) -> None:
        self.wall += by
        self.steady += by.total_seconds()

    @property
    def of_the_queue(self) -> QueueClock:
        return QueueClock(lambda: self.wall, lambda: self.steady)


async def deferred(store: Store, clocks: Clocks, wait: timedelta) -> QueueEntry:
    """Accepted, tried, and to be tried again after ``wait``."""
    await store.queue.add(entry("A", RAW, due=clocks.wall), RAW)
    (claimed,) = await store.queue.claim(clocks.wall, 1)
    await store.queue.settle("A", QueueState.QUEUED, store.queue.clock() + wait, outcomes=BUSY)
    return claimed


async def ids(store: Store, now: datetime) -> list[str]:
    return [one.id for one in await store.queue.claim(now, 10)]


@pytest.mark.parametrize("jump", JUMPS, ids=str)
async def test_E1_a_retry_comes_after_its_wait_whatever_the_wall_clock_does(
    open_store: Opener, jump: timedelta
) -> None:
    clocks = Clocks()
    store = await open_store(clock=clocks.of_the_queue)
    await deferred(store, clocks, 15 * MINUTE)
    clocks.pass_(5 * MINUTE)
    clocks.wall += jump
    clocks.pass_(9 * MINUTE)
    assert await ids(store, clocks.wall) == []
    clocks.pass_(MINUTE)
    assert await ids(store, clocks.wall) == ["A"]


@pytest.mark.parametrize("jump", JUMPS, ids=str)
async def test_E1_an_attempt_that_was_under_way_when_the_clock_jumped_puts_off_by_its_wait(
    open_store: Opener, jump: timedelta
) -> None:
    clocks = Clocks()
    store = await open_store(clock=clocks.of_the_queue)
    await store.queue.add(entry("A", RAW), RAW)
    await store.queue.claim(clocks.wall, 1)
    clocks.wall += jump
    await store.queue.settle("A", QueueState.QUEUED, store.queue.clock() + MINUTE, outcomes=BUSY)
    assert await ids(store, clocks.wall) == []
    clocks.pass_(MINUTE)
    assert await ids(store, clocks.wall) == ["A"]


@pytest.mark.parametrize("jump", JUMPS, ids=str)
async def test_E1_no_message_ages_by_a_jump_in_a_run_or_while_we_were_away(open_store: Opener, jump: timedelta) -> None:
    clocks = Clocks()
    store = await open_store(clock=clocks.of_the_queue)
    claimed = await deferred(store, clocks, MINUTE)
    clocks.pass_(HOUR)
    clocks.wall += jump
    clocks.pass_(HOUR)
    assert store.queue.clock.waited(claimed) == 2 * HOUR
    await ids(store, clocks.wall)
    await store.close()
    clocks.wall -= jump
    clocks.steady = 7.0  # the machine was started again
    store = await open_store(clock=clocks.of_the_queue)
    assert store.queue.clock.waited(await store.queue.get("A")) == 2 * HOUR


async def test_E1_what_waits_when_we_come_back_to_a_clock_that_was_set_back_is_tried_in_time(
    open_store: Opener,
) -> None:
    clocks = Clocks()
    store = await open_store(clock=clocks.of_the_queue)
    await deferred(store, clocks, MINUTE)
    await store.close()
    clocks.wall -= TO_2038
    store = await open_store(clock=clocks.of_the_queue)
    assert await ids(store, clocks.wall) == []
    clocks.pass_(MINUTE)
    assert await ids(store, clocks.wall) == ["A"]


async def test_a_retry_that_came_due_while_we_were_away_is_made_at_once(open_store: Opener) -> None:
    clocks = Clocks()
    store = await open_store(clock=clocks.of_the_queue)
    await deferred(store, clocks, 6 * HOUR)
    await store.close()
    clocks.wall += 7 * HOUR
    store = await open_store(clock=clocks.of_the_queue)
    assert await ids(store, clocks.wall) == ["A"]


@pytest.mark.parametrize("jump", JUMPS, ids=str)
async def test_E1_what_is_scheduled_leaves_at_its_time_on_the_wall_once(open_store: Opener, jump: timedelta) -> None:
    clocks = Clocks()
    store = await open_store(clock=clocks.of_the_queue)
    leaves = clocks.wall + 2 * HOUR
    await store.queue.add(replace(entry("A", RAW, due=leaves), not_before=leaves), RAW)
    clocks.wall += jump
    assert await ids(store, clocks.wall) == (["A"] if jump > 2 * HOUR else [])
    clocks.wall = leaves
    assert await ids(store, clocks.wall) == ([] if jump > 2 * HOUR else ["A"])
    assert store.queue.clock.waited(await store.queue.get("A")) <= MINUTE


async def test_E1_what_was_never_tried_does_not_wait_for_a_clock_that_was_set_back(open_store: Opener) -> None:
    clocks = Clocks()
    store = await open_store(clock=clocks.of_the_queue)
    await store.queue.add(entry("A", RAW, due=clocks.wall), RAW)
    clocks.wall -= HOUR
    await store.queue.add(replace(entry("B", RAW, due=clocks.wall), accepted_at=clocks.wall), RAW)
    assert await ids(store, clocks.wall) == ["A", "B"]


async def test_E1_a_sent_copy_does_not_wait_for_a_clock_that_was_set_back(open_store: Opener) -> None:
    clocks = Clocks()
    store = await open_store(clock=clocks.of_the_queue)
    await deferred(store, clocks, MINUTE)
    await store.queue.record("A", {AL.key: outcome(Delivery.DELIVERED)})
    clocks.pass_(MINUTE)
    assert await store.queue.sent_due(clocks.wall, 1)
    await store.queue.sent_later("A", clocks.wall + 5 * MINUTE, "not now")
    await store.errands.owe([(Errand("A", ErrandKind.ANSWERED, "support@firm.example"), clocks.wall + 5 * MINUTE)])
    clocks.wall -= HOUR
    await ids(store, clocks.wall)
    clocks.pass_(5 * MINUTE)
    assert [copy.queue_id for copy in await store.queue.sent_due(clocks.wall, 1)] == ["A"]
    assert [errand.queue_id for errand in await store.errands.due(clocks.wall, 1)] == ["A"]


async def test_a_clock_that_is_kept_right_moves_nothing(open_store: Opener) -> None:
    clocks = Clocks()
    store = await open_store(clock=clocks.of_the_queue)
    await deferred(store, clocks, HOUR)
    due = (await store.queue.get("A")).next_attempt
    for _ in range(30):
        clocks.pass_(2 * MINUTE)
        clocks.wall -= timedelta(seconds=1)
        await ids(store, clocks.wall)
    assert (await store.queue.get("A")).next_attempt == due
