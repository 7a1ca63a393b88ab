"""Mailboxes stopped and started again by a person, and looked through once more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.errors import NotFound
from gateway.domain.firm import Rule
from gateway.domain.mail import QueueState
from gateway.domain.record import EventKind, SyncState
from gateway.inbound.stops import Stopping, Stops
from gateway.inbound.tails import Tails
from gateway.inbound.watch import Watch
from gateway.mime.address import parse_address
from gateway.trial.faults import Refuse
from tests.inbound.test_tails import count, inbox, kinds, live, numbered
from tests.rig import AL, ANA, SUPPORT, Rig, client_letter, letter, rig
from tests.waiting import until


@contextlib.asynccontextmanager
async def following(r: Rig) -> AsyncIterator[tuple[Tails, Stops]]:
    """As the daemon does it: what was stopped is known before any mailbox is followed."""
    tails = Tails(Watch(r.store, lambda: r.firm, r.clock), trust=None)
    stops = Stops(r.store, tails, firm=lambda: r.firm, now=r.clock)
    await stops.load()
    task = asyncio.create_task(tails.run())
    try:
        yield tails, stops
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_stopped_mailbox_is_hung_up_on_and_left_alone_while_others_go_on(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, following(r) as (_, stops):
        await live(r)
        await live(r, ANA)
        before = r.provider.connections
        await stops.stop(SUPPORT, by="ana")
        await until(lambda: r.provider.connections < before, what="the hang-up")
        state = (await r.store.sync.states())[SUPPORT]
        assert state.state is SyncState.OFF
        assert "ana" in state.detail
        assert "postern mailbox sync" in state.detail
        r.provider.deliver(SUPPORT, numbered(1))
        r.provider.deliver(ANA, client_letter(message_id="<2@pacino.example>"))
        await count(r, 1)
        assert (await inbox(r))[0].message.facts.message_id == "<2@pacino.example>"
        assert (await r.store.sync.states())[SUPPORT].state is SyncState.OFF


async def test_a_mailbox_that_is_synced_again_finds_what_came_meanwhile_and_announces_it(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, following(r) as (tails, stops):
        await live(r)
        await stops.stop(SUPPORT, by="ana")
        r.provider.deliver(SUPPORT, numbered(1))
        assert stops.keys == {SUPPORT}
        assert tails.restart(SUPPORT)
        await count(r, 1)
        await live(r)
        assert stops.keys == frozenset()
        assert await kinds(r) == [EventKind.CLIENT_MAIL]


async def test_a_stop_outlives_the_daemon(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        async with following(r) as (_, stops):
            await live(r)
            await stops.stop(SUPPORT, by="ana")
        r.provider.deliver(SUPPORT, numbered(1))
        r.provider.deliver(ANA, client_letter(message_id="<2@pacino.example>"))
        async with following(r) as (_, stops):
            await count(r, 1)
            assert (await inbox(r))[0].message.facts.message_id == "<2@pacino.example>"
            assert stops.keys == {SUPPORT}
            assert (await r.store.sync.states())[SUPPORT].state is SyncState.OFF


async def test_a_changed_account_is_followed_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, following(r) as (tails, stops):
        await live(r)
        await stops.stop(SUPPORT, by="ana")
        changed = replace(r.firm.mailboxes[0], folders=("INBOX",))
        old, r.firm = r.firm, replace(r.firm, mailboxes=(changed, *r.firm.mailboxes[1:]))
        tails.firm_changed(old, r.firm)
        await live(r)
        assert stops.sending() is r.firm


async def test_a_mailbox_that_was_refused_is_not_taken_for_stopped(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        for command in ("login", "authenticate"):
            r.provider.faults.imap(command, Refuse("NO", "wrong password"), match=SUPPORT, times=None)
            r.provider.faults.imap(command, Refuse("NO", "wrong password"), times=None)
        async with following(r) as (_, stops):
            await live(r, SUPPORT, SyncState.STOPPED)
            assert stops.keys == frozenset()
            assert SUPPORT in stops.sending().mailbox_by_key


async def test_what_stops_is_named_before_and_held_after(tmp_path: Path) -> None:
    shared = Rule("all as support", send_as=parse_address(SUPPORT))
    async with rig(tmp_path, rules=(shared,)) as r, following(r) as (_, stops):
        entry = await r.accepted(letter(), AL)
        assert entry.mailbox == SUPPORT
        assert await stops.look(SUPPORT) == Stopping(("all as support",), ("ana", "ion"), 1)
        assert (await r.store.queue.get(entry.id)).state is QueueState.QUEUED
        assert (await stops.stop(SUPPORT, by="ana")).queued == 1
        held = await r.store.queue.get(entry.id)
        assert held.state is QueueState.HELD
        assert "postern mailbox sync" in held.hold_reason
        assert SUPPORT not in stops.sending().mailbox_by_key
        assert stops.sending() is stops.sending()
        assert await r.store.queue.release_mailbox(SUPPORT, r.clock()) == 1


async def test_a_mailbox_that_is_not_the_firms_can_not_be_stopped(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, following(r) as (tails, stops):
        with pytest.raises(NotFound):
            await stops.stop("nobody@firm.example", by="ana")
        assert not await tails.halt("nobody@firm.example")
        assert not tails.is_halted("nobody@firm.example")


async def test_a_mailbox_forgotten_is_looked_through_again_and_announces_nothing_twice(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, following(r) as (tails, _):
        await live(r)
        for number in range(3):
            r.provider.deliver(SUPPORT, numbered(number))
        await count(r, 3)
        fetched = r.provider.faults.reached["imap:fetch"]
        await r.store.sync.forget(SUPPORT)
        assert await r.store.sync.backfilled(SUPPORT, "INBOX") == frozenset()
        assert tails.restart(SUPPORT)

        async def known_again() -> bool:
            return all([len(await r.store.record.locations(one.message.id)) == 1 for one in await inbox(r)])

        await until(known_again, what="the old places")
        await live(r)
        r.provider.deliver(SUPPORT, numbered(9))
        await count(r, 4)
        assert await kinds(r) == [EventKind.CLIENT_MAIL] * 4
        for one in await inbox(r):
            assert len(await r.store.record.locations(one.message.id)) == 1
        assert r.provider.faults.reached["imap:fetch"] - fetched <= 6  # headers; one body: what is known is not fetched
