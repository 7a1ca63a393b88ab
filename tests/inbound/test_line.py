"""Batches of history are fetched while those before are filed: in order, again after a break, and in little room."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.inbound.tails import Tails
from gateway.inbound.watch import Watch
from gateway.store.room import Room
from gateway.trial.faults import HangUp, Stall
from tests.inbound.agreement import agrees
from tests.inbound.test_faults import padded
from tests.inbound.test_folders import QUICK, body_of, running, tailing
from tests.inbound.test_tails import count, inbox, live, numbered
from tests.rig import SUPPORT, rig
from tests.waiting import until

BATCHES = 4
MIDDLING = 90_000  # octets: forty of them are as many as are taken together


async def test_batches_are_filed_in_the_order_in_which_they_were_fetched(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        for number in range(BATCHES * 100):
            r.provider.deliver(SUPPORT, numbered(number))
        async with tailing(r):
            await count(r, BATCHES * 100)
            await live(r)
        await agrees(r, announced=0)
        uids = [await r.store.record.locations(one.message.id) for one in reversed(await inbox(r))]
        assert [place.uid for places in uids for place in places] == list(range(1, BATCHES * 100 + 1))


async def test_what_waits_is_filed_or_fetched_again_where_the_line_breaks_behind_it(tmp_path: Path) -> None:
    """It breaks over the third batch, with one filed and one being filed."""
    async with rig(tmp_path) as r:
        for number in range(210):
            r.provider.deliver(SUPPORT, numbered(number))
        r.provider.faults.imap("fetch", HangUp(after_bytes=500), times=1, match=body_of(205))
        async with tailing(r):
            await count(r, 210)
            await live(r)
        assert r.provider.faults.reached["imap:fetch"]
        await agrees(r, announced=0)


async def test_a_tail_that_ends_in_the_middle_drops_what_it_holds_and_finds_it_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        for number in range(250):
            r.provider.deliver(SUPPORT, numbered(number))
        r.provider.faults.imap("fetch", Stall(), times=None, match=body_of(230))

        async def some() -> bool:
            return r.provider.faults.reached["imap:fetch"] > 0 and len(await inbox(r)) >= 100

        async with tailing(r):
            await until(some, what="the first batches")
        assert len(await inbox(r)) < 250
        r.provider.faults.clear()
        async with tailing(r):
            await count(r, 250)
        await agrees(r, announced=0)


@pytest.mark.parametrize("room", [1, 5 * 1024 * 1024])
async def test_a_history_goes_on_where_there_is_room_for_one_batch_only(tmp_path: Path, room: int) -> None:
    async with rig(tmp_path) as r:
        for number in range(120):
            r.provider.deliver(SUPPORT, padded(number, MIDDLING))
        shared = Watch(r.store, lambda: r.firm, r.clock, facts=lambda _host: QUICK, room=Room(room))
        async with running(Tails(shared, trust=None)):
            await count(r, 120)
            await live(r)
        async with asyncio.timeout(10), shared.room.take(room):  # all was given back
            pass
        await agrees(r, announced=0)
