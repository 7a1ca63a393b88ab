"""What is done is kept for its days, whatever the wall clock is set to meanwhile (hostile E1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from gateway.domain.mail import QueueState
from gateway.store import marks
from gateway.store.clock import QueueClock
from gateway.store.schema import clock_mark, queue_clock, queue_entry
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import AL, DELIVERED, NOW, entry, mail
from tests.store.test_clock import JUMPS, TO_2038, Clocks

DAY, KEEP = timedelta(days=1), timedelta(days=30)
RAW = mail("one")


async def delivered(store: Store, clocks: Clocks, name: str) -> None:
    """Accepted and settled now."""
    one = replace(entry(name, RAW, due=clocks.wall), accepted_at=clocks.wall)
    await store.queue.add(one, RAW)
    await store.queue.claim(clocks.wall, 1)
    await store.queue.settle(name, QueueState.DONE, clocks.wall, outcomes={AL.key: DELIVERED})
    await store.queue.sent_done(name)


async def sweep(store: Store) -> int:
    return (await store.pruning.entries(await store.pruning.before(KEEP))).entries


@pytest.mark.parametrize("jump", JUMPS, ids=str)
async def test_E1_what_is_done_is_kept_for_its_days_though_the_clock_jumps(open_store: Opener, jump: timedelta) -> None:
    clocks = Clocks()
    store = await open_store(clock=clocks.of_the_queue)
    await delivered(store, clocks, "before")
    clocks.wall += jump
    assert await sweep(store) == 0
    await delivered(store, clocks, "after")
    for _ in range(29):
        clocks.pass_(DAY)
        assert await sweep(store) == 0
    clocks.wall -= jump  # somebody puts it right
    for _ in range(2):
        clocks.pass_(KEEP + DAY)
        await sweep(store)
    left = {one.id for one in await store.queue.list()}
    assert left == ({"after"} if jump > KEEP else set()), "what shows a moment to come stays until then"


async def test_E1_a_start_in_2038_and_the_next_one_in_time_sweep_nothing_early(open_store: Opener) -> None:
    clocks = Clocks()
    store = await open_store(clock=clocks.of_the_queue)
    await delivered(store, clocks, "A")
    for jump in (TO_2038, -TO_2038):
        await store.close()
        clocks.wall += jump
        store = await open_store(clock=clocks.of_the_queue)
        assert await sweep(store) == 0
    clocks.pass_(29 * DAY)
    assert await sweep(store) == 0
    clocks.pass_(2 * DAY)
    await sweep(store)
    clocks.pass_(KEEP)
    await sweep(store)
    assert await store.queue.list() == []


async def test_marks_that_nobody_needs_go(open_store: Opener) -> None:
    clocks = Clocks()
    store = await open_store(clock=clocks.of_the_queue)
    for _ in range(100):
        clocks.pass_(DAY)
        await sweep(store)
    with store._engines[1].connect() as connection:
        assert len(connection.execute(clock_mark.select()).all()) <= KEEP.days + 2


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(-4_000, 4_000)), min_size=1, max_size=8), st.integers(1, 60))
def test_E1_however_the_clock_is_set_nothing_counts_as_older_than_it_is(
    steps: list[tuple[int, int]], keep: int
) -> None:
    """Hours pass, the wall clock jumps by hours; each moment that was shown is judged at the end."""
    engine = create_engine("sqlite://")
    for table in (queue_clock, clock_mark, queue_entry):
        table.create(engine, checkfirst=False)
    clocks, shown = Clocks(), []
    clock = clocks.of_the_queue
    with engine.connect() as connection:
        clock.start(connection)
        for hours, jump in steps:
            shown.append((clocks.steady, clocks.wall))
            clocks.pass_(timedelta(hours=hours))
            clocks.wall += timedelta(hours=jump)
            marks_of(clock, clocks, backward=jump < 0, connection=connection)
        before = marks.shown_before(connection, clock() - timedelta(hours=keep))
    for at, wall in shown:
        if wall < before:
            assert clocks.steady - at >= keep * 3600
    assert before <= clocks.wall or any(jump < 0 for _, jump in steps)


def marks_of(clock: QueueClock, clocks: Clocks, *, backward: bool, connection: object) -> None:
    """What `keep` does about marks; moving what waits is another test's."""
    if backward:
        marks.mark(connection, clock(), clocks.wall)  # type: ignore[arg-type]


def test_a_clock_that_was_right_all_along_decides_to_the_microsecond() -> None:
    engine = create_engine("sqlite://")
    clock_mark.create(engine, checkfirst=False)
    with engine.connect() as connection:
        for day in range(40):
            marks.mark(connection, NOW + day * DAY, NOW + day * DAY)
        assert marks.shown_before(connection, NOW + 9.5 * DAY) == NOW + 9.5 * DAY
