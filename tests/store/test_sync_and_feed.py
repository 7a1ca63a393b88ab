"""Cursors, marks, states and the feed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.domain.errors import Conflict
from gateway.domain.record import Cursor, Event, EventKind, MailboxSync, SyncState
from gateway.store.store import Store
from gateway.store.sync import Stand
from tests.store.making import NOW, SUPPORT, filing, inbox, mail, minutes, reached

BOX = SUPPORT.key


async def test_a_cursor_goes_forward_only(store: Store) -> None:
    assert await store.sync.cursor(BOX, "INBOX") is None
    await store.sync.move(Cursor(BOX, "INBOX", 7, 10, 99))
    await store.sync.move(Cursor(BOX, "INBOX", 7, 4, 50))
    assert await store.sync.cursor(BOX, "INBOX") == Cursor(BOX, "INBOX", 7, 10, 99)
    with pytest.raises(Conflict):
        await store.sync.move(reached(20, uidvalidity=8))
    await store.sync.renew(reached(2))
    assert await store.sync.cursor(BOX, "INBOX") == reached(2)


async def test_the_largest_numbers_that_imap_has_are_kept(store: Store) -> None:
    largest = Cursor(BOX, "INBOX", 2**32 - 1, 2**32 - 1, 2**63 - 1)
    await store.sync.move(largest)
    assert await store.sync.cursor(BOX, "INBOX") == largest


async def test_backfill_marks_are_of_one_folder_and_kept_once(store: Store) -> None:
    await store.sync.mark_backfilled(BOX, "INBOX", ["a@x.example", "b@x.example"])
    await store.sync.mark_backfilled(BOX, "INBOX", ["a@x.example"])
    await store.sync.mark_backfilled(BOX, "INBOX", [])
    assert await store.sync.backfilled(BOX, "INBOX") == {"a@x.example", "b@x.example"}
    assert await store.sync.backfilled(BOX, "Sent") == frozenset()


async def test_a_state_remembers_since_when(store: Store) -> None:
    await store.sync.set_state(BOX, SyncState.CONNECTING, NOW)
    await store.sync.set_state(BOX, SyncState.RETRYING, minutes(1), "no answer")
    await store.sync.set_state(BOX, SyncState.RETRYING, minutes(2), "no answer yet")
    await store.sync.synced(BOX, SyncState.RETRYING, minutes(3), "no answer yet")
    await store.record.file(filing(mail("1"), "Al", at=inbox(1)))
    assert await store.sync.skip(inbox(2), "broken", reached(3))
    assert not await store.sync.skip(inbox(2), "broken", None)
    assert await store.sync.states() == {
        BOX: MailboxSync(BOX, SyncState.RETRYING, minutes(1), "no answer yet", minutes(3), filed=1, skipped=1)
    }
    assert await store.sync.cursor(BOX, "INBOX") == reached(3)
    assert await store.sync.places(BOX, "INBOX", 7) == {1, 2}


async def test_a_completed_round_is_noted_with_the_state_that_it_leaves(store: Store) -> None:
    await store.sync.synced(BOX, SyncState.LIVE, NOW)
    assert (await store.sync.states())[BOX] == MailboxSync(BOX, SyncState.LIVE, NOW, "", NOW)
    await store.sync.synced(BOX, SyncState.LIVE, minutes(1), "a folder is missing")
    assert (await store.sync.states())[BOX] == MailboxSync(BOX, SyncState.LIVE, NOW, "a folder is missing", minutes(1))
    await store.sync.set_state(BOX, SyncState.RETRYING, minutes(2), "no answer")
    await store.sync.synced(BOX, SyncState.LIVE, minutes(3))
    assert (await store.sync.states())[BOX] == MailboxSync(BOX, SyncState.LIVE, minutes(3), "", minutes(3))


async def test_how_a_folder_stands_is_true_until_a_reset(store: Store) -> None:
    assert await store.sync.stand(BOX, "INBOX") == Stand(None, frozenset())
    await store.sync.move(reached(3))
    await store.sync.mark_backfilled(BOX, "INBOX", ["a@x.example"])
    assert await store.sync.stand(BOX, "INBOX") == Stand(reached(3), frozenset({"a@x.example"}))
    assert store.sync.resets == 0
    await store.sync.forget_folder(BOX, "Sent")
    await store.sync.forget(BOX)
    assert store.sync.resets == 2
    assert await store.sync.stand(BOX, "INBOX") == Stand(None, frozenset())


async def test_the_feed_grows_in_number_and_is_read_from_any_of_them(store: Store) -> None:
    first = await store.feed.add(EventKind.BOUNCE, NOW, "one", mailbox=BOX, queue_id="A")
    assert first == Event(1, NOW, EventKind.BOUNCE, "one", mailbox=BOX, queue_id="A")
    second = await store.feed.add(EventKind.SYNC_STOPPED, minutes(1), "two")
    assert await store.feed.after(0) == [first, second]
    assert await store.feed.after(1) == [second]
    assert await store.feed.after(0, limit=1) == [first]


async def test_who_waits_for_the_feed_hears_of_every_new_line(store: Store) -> None:
    async with asyncio.timeout(5):
        waiting = [asyncio.ensure_future(store.feed.wait(0)) for _ in range(3)]
        await asyncio.sleep(0)
        await store.record.file(filing(mail("1"), "Al"))
        await asyncio.gather(*waiting)
        await store.feed.wait(0)
        beyond = asyncio.ensure_future(store.feed.wait(1))
        await store.record.file(replace(filing(mail("2"), "Al"), announce=False))
        assert not beyond.done()
        await store.feed.add(EventKind.BOUNCE, NOW, "two")
        await beyond
