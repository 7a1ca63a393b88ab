"""An entry's way is kept: the last attempts that did not deliver at once, its sent copy, what was reported of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.errors import NotFound
from gateway.domain.history import History, SentState, Tried
from gateway.domain.mail import QueueState
from gateway.store.history import KEPT
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import AL, DELIVERED, FAILED, LATER, NOW, entry, mail, minutes

RAW = mail("one")


def tried(attempt: int) -> Tried:
    return Tried(minutes(attempt), attempt, "smtp.firm.example:587", 0.25, 0.5, 1.0, {AL.key: LATER})


async def test_what_was_tried_comes_back_in_its_order_after_a_restart(open_store: Opener) -> None:
    store = await open_store()
    await store.queue.add(entry("A", RAW), RAW)
    await store.history.add("A", tried(1), tried(2))
    await store.history.add("A", tried(3))
    await store.close()
    again = await open_store()
    assert (await again.history.of("A")).tried == (tried(1), tried(2), tried(3))


async def test_of_many_attempts_the_last_ones_are_kept_and_those_of_others_stay(store: Store) -> None:
    for name in ("A", "B"):
        await store.queue.add(entry(name, RAW), RAW)
    await store.history.add("B", tried(1))
    for number in range(1, KEPT + 4):
        await store.history.add("A", tried(number))
    assert [one.attempt for one in (await store.history.of("A")).tried] == list(range(4, KEPT + 4))
    assert [one.attempt for one in (await store.history.of("B")).tried] == [1]


async def test_an_entry_that_was_never_tried_has_no_history(store: Store) -> None:
    await store.queue.add(entry("A", RAW), RAW)
    assert await store.history.of("A") == History()


async def test_the_sent_copy_is_followed_until_it_is_filed(store: Store) -> None:
    await store.queue.add(entry("A", RAW), RAW)
    await store.queue.claim(NOW, 1)
    await store.queue.settle("A", QueueState.DONE, NOW, outcomes={AL.key: DELIVERED})
    await store.queue.sent_due(NOW, 1)
    await store.queue.sent_later("A", minutes(5), "the folder is full")
    assert (await store.history.of("A")).sent == SentState("due", 1, minutes(5), "the folder is full")
    await store.queue.sent_due(minutes(5), 1)
    await store.queue.sent_done("A")
    sent = (await store.history.of("A")).sent
    assert sent is not None
    assert (sent.state, sent.attempts, sent.last_error) == ("done", 2, "")


async def test_reports_are_those_that_answer_the_message_and_came_after_it(store: Store) -> None:
    one = entry("A", RAW)
    await store.queue.add(one, RAW)
    await store.queue.claim(NOW, 1)
    await store.queue.record("A", {AL.key: FAILED})
    reports = {"R": one.message_id, "other": "<other@firm.example>"}
    for name, about in reports.items():
        report = replace(entry(name, mail(name), sender=None), in_reply_to=about, accepted_at=minutes(1))
        await store.queue.add(report, mail(name))
    earlier = replace(entry("early", RAW, sender=None), in_reply_to=one.message_id, accepted_at=minutes(-1))
    await store.queue.add(earlier, RAW)
    await store.queue.add(replace(entry("answer", RAW), in_reply_to=one.message_id), RAW)
    assert [(one.queue_id, one.at) for one in (await store.history.of("A")).reports] == [("R", minutes(1))]


async def test_an_unknown_entry_has_no_history_to_keep_or_show(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.history.of("none")
    with pytest.raises(NotFound):
        await store.history.add("none", tried(1))
