"""The queue: what was accepted stays, attempts are booked, results are kept, and nobody undoes a delivery."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.domain.errors import Conflict, NotFound
from gateway.domain.mail import Delivery, QueueState
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import AL, ARCHIVE, DELIVERED, FAILED, LATER, NOW, SUPPORT, entry, mail, minutes

RAW = mail("one")


async def test_an_entry_comes_back_as_it_was_added(store: Store) -> None:
    one = entry("A", RAW, recipients=(AL, ARCHIVE))
    await store.queue.add(one, RAW)
    assert await store.queue.get("A") == one
    assert await store.bodies.get(one.sha256) == RAW


async def test_an_entry_outlives_a_restart_and_an_attempt_under_way_is_due_again(open_store: Opener) -> None:
    store = await open_store()
    await store.queue.add(entry("A", RAW), RAW)
    await store.queue.claim(NOW, 10)
    await store.queue.record("A", {AL.key: DELIVERED})
    await store.queue.sent_due(NOW, 10)
    await store.close()

    again = await open_store()
    assert (await again.queue.get("A")).state is QueueState.QUEUED
    assert [one.attempts for one in await again.queue.claim(NOW, 10)] == [2]
    assert [copy.attempts for copy in await again.queue.sent_due(NOW, 10)] == [2]


async def test_the_same_id_twice_is_refused_and_its_neighbours_are_kept(store: Store) -> None:
    await store.queue.add(entry("A", RAW), RAW)
    added = await asyncio.gather(
        *(store.queue.add(entry(name, RAW), RAW) for name in ("B", "A", "C", "D")), return_exceptions=True
    )
    assert [type(one) for one in added] == [type(None), Conflict, type(None), type(None)]
    assert {one.id for one in await store.queue.list()} == {"A", "B", "C", "D"}


async def test_bytes_that_are_not_those_of_the_hash_are_not_queued(store: Store) -> None:
    with pytest.raises(ValueError, match="hash"):
        await store.queue.add(entry("A", RAW), mail("other"))
    assert await store.queue.list() == []


async def test_a_claim_takes_what_is_due_of_mailboxes_that_are_not_busy_longest_due_first(store: Store) -> None:
    await store.queue.add(entry("later", RAW, due=minutes(1)), RAW)
    await store.queue.add(entry("second", RAW, due=minutes(-1)), RAW)
    await store.queue.add(entry("first", RAW, due=minutes(-2)), RAW)
    await store.queue.add(entry("busy", RAW, mailbox="ion@firm.example"), RAW)
    claimed = await store.queue.claim(NOW, 10, rooms={"ion@firm.example": 0})
    assert [(one.id, one.state, one.attempts) for one in claimed] == [
        ("first", QueueState.ACTIVE, 1),
        ("second", QueueState.ACTIVE, 1),
    ]
    assert await store.queue.next_due() == NOW
    assert [one.id for one in await store.queue.claim(minutes(2), 1)] == ["busy"]


async def test_two_claims_at_once_share_nothing(store: Store) -> None:
    for number in range(20):
        await store.queue.add(entry(f"{number}", RAW), RAW)
    claims = await asyncio.gather(*(store.queue.claim(NOW, 5) for _ in range(6)))
    ids = [one.id for claim in claims for one in claim]
    assert len(ids) == 20
    assert len(set(ids)) == 20


async def test_a_delivery_is_never_taken_back_and_one_that_came_late_counts(store: Store) -> None:
    await store.queue.add(entry("A", RAW, recipients=(AL, ARCHIVE)), RAW)
    await store.queue.claim(NOW, 1)
    await store.queue.record("A", {AL.key: DELIVERED, ARCHIVE.key: FAILED})
    await store.queue.record("A", {AL.key: FAILED, ARCHIVE.key: LATER})
    first, second = (await store.queue.get("A")).recipients
    assert (first.delivery, first.last) == (Delivery.DELIVERED, DELIVERED)
    assert (second.delivery, second.last) == (Delivery.FAILED, FAILED)
    await store.queue.record("A", {ARCHIVE.key: DELIVERED})
    assert (await store.queue.get("A")).recipients[1].delivery is Delivery.DELIVERED


async def test_an_outcome_for_a_stranger_is_refused_whole(store: Store) -> None:
    await store.queue.add(entry("A", RAW), RAW)
    with pytest.raises(NotFound):
        await store.queue.record("A", {AL.key: DELIVERED, "who@ever.example": FAILED})
    assert (await store.queue.get("A")).recipients[0].delivery is Delivery.PENDING


async def test_an_entry_is_not_done_while_somebody_is_pending(store: Store) -> None:
    await store.queue.add(entry("A", RAW, recipients=(AL, ARCHIVE)), RAW)
    await store.queue.claim(NOW, 1)
    await store.queue.record("A", {AL.key: DELIVERED})
    with pytest.raises(Conflict):
        await store.queue.settle("A", QueueState.DONE, NOW)
    await store.queue.settle("A", QueueState.QUEUED, minutes(5))
    assert (await store.queue.get("A")).next_attempt == minutes(5)
    assert await store.queue.next_due() == minutes(5)


async def test_what_an_attempt_came_to_and_its_end_are_one_transaction(store: Store) -> None:
    for name in ("A", "B", "C"):
        await store.queue.add(entry(name, RAW, recipients=(AL, ARCHIVE)), RAW)
    await store.queue.claim(NOW, 10)
    both = {AL.key: DELIVERED, ARCHIVE.key: DELIVERED}
    ended = await asyncio.gather(
        store.queue.settle("A", QueueState.DONE, NOW, outcomes=both),
        store.queue.settle("B", QueueState.DONE, NOW, outcomes={AL.key: DELIVERED}),
        store.queue.settle("C", QueueState.QUEUED, minutes(1), outcomes={AL.key: DELIVERED, ARCHIVE.key: LATER}),
        store.queue.settle("nobody", QueueState.DONE, NOW),
        return_exceptions=True,
    )
    assert [type(one) for one in ended] == [type(None), Conflict, type(None), NotFound]
    states = {one.id: (one.state, [who.delivery.value for who in one.recipients]) for one in await store.queue.list()}
    assert states == {
        "A": (QueueState.DONE, ["delivered", "delivered"]),
        "B": (QueueState.ACTIVE, ["pending", "pending"]),  # all of it or nothing
        "C": (QueueState.QUEUED, ["delivered", "pending"]),
    }
    assert {copy.queue_id for copy in await store.queue.sent_due(NOW, 10)} == {"A", "C"}


async def test_results_of_many_are_kept_together_and_whoever_is_out_of_order_spoils_it_for_nobody(store: Store) -> None:
    people = entry("A", RAW, recipients=(AL, ARCHIVE)).recipients
    for name in ("A", "B", "C", "D"):
        await store.queue.add(entry(name, RAW, recipients=(AL, ARCHIVE)), RAW)
    await store.queue.claim(NOW, 10)
    await store.queue.settle("D", QueueState.HELD, NOW, "by hand")
    both = {AL.key: DELIVERED, ARCHIVE.key: FAILED}
    kept = await asyncio.gather(
        store.queue.record("A", {AL.key: DELIVERED}, recipients=people),
        store.queue.settle("B", QueueState.DONE, NOW, outcomes=both, recipients=people),
        store.queue.settle("C", QueueState.DONE, NOW, outcomes={AL.key: DELIVERED}, recipients=people),
        store.queue.settle("D", QueueState.DONE, NOW, outcomes=both, recipients=people),
        return_exceptions=True,
    )
    assert [type(one) for one in kept] == [type(None), type(None), Conflict, Conflict]
    found = {
        one.id: (one.state.value, [who.delivery.value for who in one.recipients]) for one in await store.queue.list()
    }
    assert found == {
        "A": ("active", ["delivered", "pending"]),
        "B": ("done", ["delivered", "failed"]),
        "C": ("active", ["pending", "pending"]),
        "D": ("held", ["pending", "pending"]),
    }
    assert {copy.queue_id for copy in await store.queue.sent_due(NOW, 10)} == {"A", "B"}


async def test_no_mailbox_takes_the_room_of_another(store: Store) -> None:
    for number in range(10):
        await store.queue.add(entry(f"{number}", RAW, due=minutes(-20 + number)), RAW)
    await store.queue.add(entry("other", RAW, mailbox="ion@firm.example"), RAW)
    claimed = await store.queue.claim(NOW, 100, {SUPPORT.key: 2}, each=5)
    assert [one.id for one in claimed] == ["0", "1", "other"]
    assert await store.queue.due() == {SUPPORT.key: minutes(-18)}


async def test_cancelling_spares_who_was_reached(store: Store) -> None:
    await store.queue.add(entry("A", RAW, recipients=(AL, ARCHIVE)), RAW)
    await store.queue.claim(NOW, 1)
    await store.queue.record("A", {AL.key: DELIVERED, ARCHIVE.key: LATER})
    with pytest.raises(Conflict):
        await store.queue.act("A", "cancel", NOW)  # it is being delivered right now
    await store.queue.settle("A", QueueState.QUEUED, minutes(5))
    cancelled = await store.queue.act("A", "cancel", NOW)
    assert cancelled.state is QueueState.DONE
    assert [one.delivery for one in cancelled.recipients] == [Delivery.DELIVERED, Delivery.CANCELLED]
    assert cancelled.recipients[1].last == LATER


async def test_what_nobody_may_do_to_the_queue_is_refused(store: Store) -> None:
    await store.queue.add(entry("A", RAW), RAW)
    for action in ("claim", "recover", "explode", ""):
        with pytest.raises(Conflict):
            await store.queue.act("A", action, NOW)
    with pytest.raises(NotFound):
        await store.queue.act("B", "hold", NOW)


async def test_putting_an_account_right_releases_what_it_held_and_not_what_a_person_held(store: Store) -> None:
    for name in ("by-person", "queued", "active"):
        await store.queue.add(entry(name, RAW, due=NOW if name == "active" else minutes(0.5)), RAW)
    await store.queue.add(entry("other", RAW, mailbox="ion@firm.example", due=minutes(9)), RAW)
    await store.queue.act("by-person", "hold", NOW)
    await store.queue.claim(NOW, 1)
    await store.queue.settle("active", QueueState.HELD, NOW, "the password is wrong")
    assert await store.queue.hold_mailbox(SUPPORT.key, "the password is wrong") == 1
    assert (await store.queue.get("queued")).hold_reason == "the password is wrong"
    assert await store.queue.release_mailbox(SUPPORT.key, minutes(1)) == 2
    assert await store.queue.counts() == {"queued": 3, "active": 0, "held": 1, "done": 0}
    assert (await store.queue.get("queued")).next_attempt == minutes(1)
    assert (await store.queue.get("by-person")).state is QueueState.HELD


async def test_lists_page_from_the_newest(store: Store) -> None:
    for name in "ABCDE":
        await store.queue.add(entry(name, RAW), RAW)
    await store.queue.act("C", "hold", NOW)
    assert [one.id for one in await store.queue.list(limit=2)] == ["E", "D"]
    assert [one.id for one in await store.queue.list(limit=2, before="D")] == ["C", "B"]
    assert [one.id for one in await store.queue.list(QueueState.HELD)] == ["C"]
    assert await store.queue.oldest() == NOW


async def test_a_failure_is_reported_once_in_the_transaction_that_queues_the_report(store: Store) -> None:
    await store.queue.add(entry("A", RAW, recipients=(AL, ARCHIVE)), RAW)
    await store.queue.claim(NOW, 1)
    await store.queue.record("A", {AL.key: FAILED, ARCHIVE.key: FAILED})
    failed = await store.queue.unreported("A")
    assert [one.address for one in failed] == [AL, ARCHIVE]
    report = mail("report")
    await store.queue.reported("A", failed, (entry("R", report, sender=None), report))
    assert await store.queue.unreported("A") == []
    with pytest.raises(Conflict):
        await store.queue.reported("A", failed, (entry("R2", report, sender=None), report))
    assert {one.id for one in await store.queue.list()} == {"A", "R"}


async def test_the_first_delivery_makes_the_sent_copy_a_duty_once(store: Store) -> None:
    await store.queue.add(entry("A", RAW, recipients=(AL, ARCHIVE)), RAW)
    await store.queue.claim(NOW, 1)
    await store.queue.record("A", {ARCHIVE.key: LATER})
    assert await store.queue.sent_next() is None
    await store.queue.record("A", {AL.key: DELIVERED})
    assert await store.queue.sent_next() == NOW
    (copy,) = await store.queue.sent_due(NOW, 10)
    assert (copy.queue_id, copy.mailbox, copy.attempts) == ("A", SUPPORT.key, 1)
    assert await store.queue.sent_due(NOW, 10) == []  # it is ours
    await store.queue.sent_later("A", minutes(1), "the provider is away")
    assert await store.queue.sent_due(NOW, 10) == []
    (copy,) = await store.queue.sent_due(minutes(1), 10)
    assert (copy.attempts, copy.last_error) == (2, "the provider is away")
    await store.queue.sent_done("A")
    await store.queue.record("A", {ARCHIVE.key: DELIVERED})
    assert await store.queue.sent_next() is None


async def test_a_delivery_report_leaves_no_sent_copy(store: Store) -> None:
    await store.queue.add(entry("R", RAW, sender=None), RAW)
    await store.queue.claim(NOW, 1)
    await store.queue.record("R", {AL.key: DELIVERED})
    assert await store.queue.sent_next() is None


async def test_text_that_no_database_can_hold_is_kept_readable(store: Store) -> None:
    odd = replace(entry("A", RAW), subject="a\udcffb\0c", message_id="<\ud800@x>")
    await store.queue.add(odd, RAW)
    kept = await store.queue.get("A")
    assert (kept.subject, kept.message_id) == ("a\ufffdb\ufffdc", "<\ufffd@x>")


async def test_what_a_look_leaves_is_told_with_what_it_takes(store: Store) -> None:
    await store.queue.add(entry("now", RAW), RAW)
    await store.queue.add(entry("next", RAW), RAW)
    await store.queue.add(entry("later", RAW, mailbox="ion@firm.example", due=minutes(5)), RAW)
    taken = await store.queue.take(NOW, 1, {}, 1)
    assert [one.id for one in taken.entries] == ["now"]
    assert taken.waiting == {SUPPORT.key: NOW, "ion@firm.example": minutes(5)} == await store.queue.due()


async def test_several_entries_are_read_in_one_look(store: Store) -> None:
    both = {name: entry(name, RAW) for name in ("A", "B")}
    for one in both.values():
        await store.queue.add(one, RAW)
    assert await store.queue.entries(["B", "A"]) == both
    with pytest.raises(NotFound):
        await store.queue.entries(["A", "C"])
