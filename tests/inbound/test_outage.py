"""A mailbox that can't be synced: told once when an hour has not helped, when a person is needed, and when it ends."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.record import Event, EventKind, SyncState
from gateway.trial.faults import Refuse
from tests.inbound.test_folders import QUICK, tailing
from tests.inbound.test_tails import live
from tests.rig import SUPPORT, Rig, rig
from tests.waiting import until

HOUR = timedelta(hours=1)
SYNC = (EventKind.SYNC_STOPPED, EventKind.SYNC_RESUMED)


async def told(r: Rig) -> list[Event]:
    return [event for event in await r.store.feed.after(0) if event.kind in SYNC and event.mailbox == SUPPORT]


async def comes(r: Rig, *kinds: EventKind) -> list[Event]:
    async def they() -> bool:
        return [event.kind for event in await told(r)] == list(kinds)

    await until(they, what=f"the events {kinds}")
    return await told(r)


def put_off(r: Rig, words: str = "[UNAVAILABLE] try later") -> None:
    for stage in ("login", "authenticate"):
        r.provider.faults.imap(stage, Refuse("NO", words), times=None, match="")


async def fails(r: Rig, times: int) -> None:
    """So often from now on."""
    await r.provider.faults.wait_hit("imap:authenticate", r.provider.faults.hits["imap:authenticate"] + times)


async def test_an_outage_is_told_after_an_hour_and_only_once_and_so_is_its_end(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        put_off(r)
        async with tailing(r, QUICK):
            await fails(r, 6)
            assert await told(r) == []
            r.clock.forward(HOUR)
            (event,) = await comes(r, EventKind.SYNC_STOPPED)
            assert "for an hour" in event.text
            assert "postern mailbox test" in event.text
            r.clock.forward(5 * HOUR)
            await fails(r, 6)
            assert len(await told(r)) == 1
            r.provider.faults.clear()
            await live(r)
            *_, back = await comes(r, *SYNC)
            assert "synced again" in back.text
            put_off(r)
            r.provider.drop_connections()
            await fails(r, 6)
            assert len(await told(r)) == 2  # another hour begins with the first failure
            r.clock.forward(HOUR)
            await comes(r, *SYNC, EventKind.SYNC_STOPPED)


async def test_what_was_told_before_a_restart_is_not_told_again_and_its_end_is(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        put_off(r)
        async with tailing(r, QUICK):
            await fails(r, 4)
            r.clock.forward(HOUR)
            await comes(r, EventKind.SYNC_STOPPED)
        async with tailing(r, QUICK):
            await fails(r, 4)
            r.clock.forward(HOUR)
            await fails(r, 4)
            assert len(await told(r)) == 1
            r.provider.faults.clear()
            await comes(r, *SYNC)


async def test_a_short_trouble_is_nobodys_business(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        async with tailing(r, QUICK):
            await live(r)
            put_off(r)
            r.provider.drop_connections()
            await fails(r, 4)
            r.clock.forward(HOUR / 2)
            r.provider.faults.clear()
            await live(r)
        assert await told(r) == []


@pytest.mark.parametrize("tries", [1, 2])
async def test_a_refused_sign_in_is_told_each_time_it_was_tried_and_its_end_once(tmp_path: Path, tries: int) -> None:
    async with rig(tmp_path) as r, tailing(r, QUICK) as tails:
        await live(r)
        put_off(r, "[AUTHENTICATIONFAILED] no")
        r.provider.drop_connections()
        for number in range(1, tries + 1):
            await comes(r, *[EventKind.SYNC_STOPPED] * number)
            await live(r, SUPPORT, SyncState.STOPPED)
            if number == tries:
                r.provider.faults.clear()
            assert tails.restart(SUPPORT)
        await comes(r, *[EventKind.SYNC_STOPPED] * tries, EventKind.SYNC_RESUMED)
