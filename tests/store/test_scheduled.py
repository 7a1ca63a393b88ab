"""What waits for its time is listed in order, moved and taken back, until the moment at which an attempt is booked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.address import Address
from gateway.domain.errors import Conflict, NotFound
from gateway.domain.mail import Delivery, QueueState
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import AL, ARCHIVE, LATER, NOW, entry, mail, minutes

RAW = mail("one")


async def names(store: Store, *, limit: int = 100, after_id: str | None = None, at: float = 0) -> list[str]:
    return [one.id for one in await store.scheduled.list(minutes(at), limit, after_id=after_id)]


async def test_what_leaves_first_is_listed_first_page_by_page(store: Store) -> None:
    for name, due in {"late": 30, "soon": 10, "now": 0, "between": 20, "twin": 20}.items():
        await store.queue.add(entry(name, RAW, due=minutes(due)), RAW)
    assert await names(store) == ["soon", "between", "twin", "late"]
    assert await names(store, limit=2) == ["soon", "between"]
    assert await names(store, limit=2, after_id="between") == ["twin", "late"]
    assert await names(store, at=20) == ["late"]
    with pytest.raises(NotFound):
        await names(store, after_id="none")


async def test_what_was_tried_held_or_done_waits_for_no_time(store: Store) -> None:
    for name in ("tried", "held", "done", "waits"):
        await store.queue.add(entry(name, RAW, due=minutes(10) if name != "tried" else NOW), RAW)
    await store.queue.claim(NOW, 1)
    await store.queue.settle("tried", QueueState.QUEUED, minutes(10), outcomes={AL.key: LATER})
    await store.queue.act("held", "hold", NOW)
    await store.queue.act("done", "cancel", NOW)
    assert await names(store) == ["waits"]


async def test_a_clients_scheduled_mail_is_what_one_of_its_addresses_gets_openly(store: Store) -> None:
    upper, wide = Address("AL", "pacino.example"), Address("Łukasz", "pacino.example")
    sent_to = {"al": (AL,), "upper": (ARCHIVE, upper), "wide": (wide,), "other": (Address("al", "other.example"),)}
    for name, recipients in sent_to.items():
        await store.queue.add(entry(name, RAW, recipients=recipients, due=minutes(1)), RAW)
    of_al = await store.scheduled.list(NOW, 10, to=[AL, wide])
    assert [one.id for one in of_al] == ["al", "upper", "wide"]
    assert await store.scheduled.list(NOW, 10, to=[ARCHIVE]) == []  # a rule's copy is nobody's mail
    assert await store.scheduled.list(NOW, 10, to=[]) == []


async def test_a_moved_message_leaves_at_its_new_time_and_ages_from_there(open_store: Opener) -> None:
    store = await open_store()
    await store.queue.add(replace(entry("A", RAW, due=minutes(60)), not_before=minutes(60)), RAW)
    moved = await store.scheduled.change("A", minutes(90), NOW)
    assert (moved.next_attempt, moved.not_before, moved.began) == (minutes(90), minutes(90), None)
    await store.close()
    store = await open_store()
    assert await store.queue.claim(minutes(89), 1) == []
    (claimed,) = await store.queue.claim(minutes(90), 1)
    assert store.queue.clock.waited(claimed) < timedelta(minutes=1)


async def test_a_time_that_is_past_is_now(store: Store) -> None:
    await store.queue.add(replace(entry("A", RAW, due=minutes(60)), not_before=minutes(60)), RAW)
    moved = await store.scheduled.change("A", minutes(-5), minutes(1))
    assert (moved.next_attempt, moved.not_before) == (minutes(1), minutes(1))


async def test_what_was_taken_back_never_leaves(store: Store) -> None:
    await store.queue.add(entry("A", RAW, recipients=(AL, ARCHIVE), due=minutes(60)), RAW)
    gone = await store.scheduled.cancel("A", minutes(1))
    assert gone.state is QueueState.DONE
    assert {one.delivery for one in gone.recipients} == {Delivery.CANCELLED}
    assert await store.queue.claim(minutes(100), 1) == []
    with pytest.raises(Conflict, match="over"):
        await store.scheduled.change("A", minutes(70), NOW)


@pytest.mark.parametrize("first", [True, False])
async def test_a_claim_and_a_change_at_once_never_both_have_the_message(store: Store, first: bool) -> None:
    for number in range(20):
        await store.queue.add(entry(f"{number}", RAW), RAW)

    async def move(name: str) -> bool:
        try:
            await store.scheduled.change(name, minutes(60), NOW)
        except Conflict:
            return False
        return True

    names = [f"{number}" for number in range(20)]
    claims = [store.queue.claim(NOW, 7) for _ in range(2)]
    moves = [move(name) for name in names]
    jobs = [*claims, *moves] if first else [*moves[:10], *claims, *moves[10:]]
    done = await asyncio.gather(*jobs)
    claimed = {one.id for part in done if isinstance(part, list) for one in part}
    moved = {name for name in names if (await store.queue.get(name)).next_attempt == minutes(60)}
    assert claimed | moved == set(names)
    assert not claimed & moved
    assert len(moved) == sum(part is True for part in done)


async def test_what_was_tried_once_is_moved_no_more(store: Store) -> None:
    await store.queue.add(entry("A", RAW), RAW)
    await store.queue.claim(NOW, 1)
    with pytest.raises(Conflict, match="right now"):
        await store.scheduled.cancel("A", NOW)
    await store.queue.settle("A", QueueState.QUEUED, minutes(10), outcomes={AL.key: LATER})
    for attempt in (store.scheduled.cancel("A", NOW), store.scheduled.change("A", minutes(20), NOW)):
        with pytest.raises(Conflict, match="tried already"):
            await attempt
    assert (await store.queue.get("A")).next_attempt == minutes(10)
    with pytest.raises(NotFound):
        await store.scheduled.cancel("none", NOW)


async def test_what_was_held_meanwhile_still_leaves_at_its_time(store: Store) -> None:
    for name in ("by its mailbox", "by a person", "at once after all"):
        await store.queue.add(entry(name, RAW, due=minutes(60)), RAW)
    for name in ("by a person", "at once after all"):
        await store.queue.act(name, "hold", NOW)
    await store.queue.hold_mailbox("support@firm.example", "no sign-in")
    assert await store.queue.release_mailbox("support@firm.example", minutes(1)) == 1
    await store.queue.act("by a person", "release", minutes(1))
    await store.queue.act("at once after all", "release", minutes(1))
    await store.queue.act("at once after all", "retry", minutes(1))
    assert [one.id for one in await store.queue.claim(minutes(1), 9)] == ["at once after all"]
    assert {one.id for one in await store.queue.claim(minutes(60), 9)} == {"by its mailbox", "by a person"}
