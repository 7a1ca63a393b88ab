"""Errands are made once, booked before they are tried, due again after a crash, and go with their entry."""

from __future__ import annotations

from gateway.domain.history import ErrandState, SentState
from gateway.domain.mail import Errand, ErrandKind, QueueState
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import AL, DELIVERED, NOW, entry, mail, minutes

RAW = mail("one")
COPY, MARK = Errand("A", ErrandKind.AUTHOR_COPY, "ana@firm.example"), Errand("A", ErrandKind.ANSWERED, "s@firm.example")


async def with_errands(store: Store) -> None:
    await store.queue.add(entry("A", RAW), RAW)
    await store.queue.claim(NOW, 1)
    await store.queue.settle("A", QueueState.DONE, NOW, outcomes={AL.key: DELIVERED})
    await store.errands.owe([(COPY, minutes(1)), (MARK, NOW)])


async def claimed(store: Store, at: float) -> list[tuple[ErrandKind, int]]:
    return [(one.kind, one.attempts) for one in await store.errands.due(minutes(at), 10)]


async def test_each_is_claimed_in_its_time_and_by_one(store: Store) -> None:
    await with_errands(store)
    assert await store.errands.next() == NOW
    assert await claimed(store, 0) == [(ErrandKind.ANSWERED, 1)]
    assert await claimed(store, 0) == []
    assert await claimed(store, 1) == [(ErrandKind.AUTHOR_COPY, 1)]
    assert await store.errands.next() is None


async def test_to_owe_it_again_changes_nothing(store: Store) -> None:
    await with_errands(store)
    await store.errands.due(NOW, 10)
    await store.errands.done(MARK)
    await store.errands.owe([(COPY, NOW), (MARK, NOW)])
    assert await claimed(store, 0.5) == []
    assert await store.errands.next() == minutes(1)


async def test_a_crash_leaves_it_due_with_the_attempt_counted(open_store: Opener) -> None:
    store = await open_store()
    await with_errands(store)
    assert await claimed(store, 1) == [(ErrandKind.ANSWERED, 1), (ErrandKind.AUTHOR_COPY, 1)]
    await store.errands.done(COPY)
    await store.close()
    assert await claimed(await open_store(), 1) == [(ErrandKind.ANSWERED, 2)]


async def test_the_entry_tells_where_they_stand_and_waits_for_them_before_it_goes(store: Store) -> None:
    await with_errands(store)
    await store.queue.sent_done("A")
    await store.errands.due(minutes(1), 10)
    await store.errands.done(COPY, "it lay there")
    await store.errands.later(MARK, minutes(5), "not now")
    assert (await store.history.of("A")).errands == (
        ErrandState(ErrandKind.ANSWERED, MARK.mailbox, SentState("due", 1, minutes(5), "not now")),
        ErrandState(ErrandKind.AUTHOR_COPY, COPY.mailbox, SentState("done", 1, minutes(1), "it lay there")),
    )
    assert (await store.pruning.entries(minutes(60))).entries == 0
    await store.errands.done(MARK)
    assert (await store.pruning.entries(minutes(60))).entries == 1


async def test_a_copy_that_was_claimed_too_early_is_due_again_untried(store: Store) -> None:
    await with_errands(store)
    await store.queue.sent_due(NOW, 1)
    await store.queue.sent_put_off({"A": minutes(2)}, "time for the program's")
    assert (await store.history.of("A")).sent == SentState("due", 0, minutes(2), "time for the program's")
    await store.queue.sent_due(minutes(2), 1)
    await store.queue.sent_done("A", note="it lay there")
    assert (await store.history.of("A")).sent == SentState("done", 1, minutes(2), "it lay there")
    await store.queue.sent_put_off({"A": minutes(9)}, "nobody's")
    assert await store.queue.sent_next() is None
