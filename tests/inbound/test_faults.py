"""What goes wrong around a mailbox; each ends with store and server compared, message by message."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.domain.record import EventKind, SyncState
from gateway.inbound.tails import Tails
from gateway.store.room import Room
from gateway.trial.faults import Garbage, HangUp, Refuse
from gateway.upstream.imap.receive import MAX_UNASKED
from tests.inbound.agreement import agrees
from tests.inbound.test_folders import QUICK, tailing
from tests.inbound.test_tails import live, numbered
from tests.rig import SUPPORT, Rig, rig
from tests.store.test_disk_full import FULL, fill
from tests.waiting import until

LARGE = 1_500_000  # octets: more than is taken together with others


def padded(number: int, size: int) -> bytes:
    return numbered(number).replace(b"Here it is.", b"Here it is.\r\n" + b"It is a line of text.\r\n" * (size // 23))


async def said(r: Rig, words: str) -> None:
    async def shown() -> bool:
        return words in (await r.store.sync.states())[SUPPORT].detail

    await until(shown, what=f"{words!r} in the state")


async def test_D1_twenty_restarts_in_IDLE_and_in_the_middle_of_bodies_miss_and_double_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        for number in range(60):
            r.provider.deliver(SUPPORT, padded(number, LARGE if number % 20 == 0 else 500))
        async with tailing(r, QUICK) as tails:
            for number in range(20):
                if number % 2:
                    await live_again(r, tails)
                r.provider.faults.imap("fetch", HangUp(after_bytes=700 * number))
                r.provider.deliver(SUPPORT, numbered(1000 + number))
                await r.provider.restart()
            r.provider.faults.clear()
            r.clock.forward(timedelta(days=1))  # one over which it broke five times was set aside: tried again now
            told = await announced(r, tails)
            await agrees(r, announced=told)
        assert 0 < told <= 20


async def live_again(r: Rig, tails: Tails) -> None:
    async def reached() -> bool:
        tails.restart(SUPPORT)  # nobody waits out the back-off of so many failures
        states = await r.store.sync.states()
        return SUPPORT in states and states[SUPPORT].state is SyncState.LIVE

    await until(reached, timeout=60, what="live again")


async def announced(r: Rig, tails: Tails) -> int:
    """How many of what came since are told once all are filed: those before the first look are history."""

    async def all_filed() -> bool:
        tails.restart(SUPPORT)
        return len(await r.store.record.list("Al Pacino", None, 10_000)) == 80

    await until(all_filed, timeout=60, what="80 filed")
    return [event.kind for event in await r.store.feed.after(0, 1000)].count(EventKind.CLIENT_MAIL)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip(FULL)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


async def test_B1_a_disk_that_fills_up_passes_no_message_by_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    async with rig(small_disk) as r:
        async with tailing(r, QUICK):
            await live(r)
            filler = await asyncio.to_thread(fill, small_disk, 300_000)
            for number in range(8):
                r.provider.deliver(SUPPORT, padded(number, 400_000 if number % 2 else 100_000))
            await live(r, SUPPORT, SyncState.RETRYING)
            await said(r, "no room")
            filings = await r.store.record.list("Al Pacino", None)
            filed = {at.uid for one in filings for at in await r.store.record.locations(one.message.id)}
            cursor = await r.store.sync.cursor(SUPPORT, "INBOX")
            assert cursor is not None
            assert set(range(1, cursor.uidnext)) <= filed
            filler.unlink()
            await agrees(r, announced=8)
        assert await r.store.verify() == []
        assert list((small_disk / "tmp").iterdir()) == []


async def test_B1_a_batch_that_could_not_be_filed_gives_back_the_memory_it_held(small_disk: Path) -> None:
    async with rig(small_disk) as r:
        for number in range(8):
            r.provider.deliver(SUPPORT, padded(number, 250_000))
        filler = await asyncio.to_thread(fill, small_disk, 300_000)
        async with tailing(r, QUICK, room=Room(2_500_000)):  # all of them together, once
            await live(r, SUPPORT, SyncState.RETRYING)
            await said(r, "no room")
            filler.unlink()
            await agrees(r, announced=0)


@pytest.mark.parametrize(
    "to",
    [
        pytest.param(timedelta(hours=1), id="an hour on"),
        pytest.param(-timedelta(days=1), id="a day back"),
        pytest.param(datetime(1970, 1, 1, tzinfo=UTC), id="1970"),
        pytest.param(datetime(2038, 1, 20, tzinfo=UTC), id="2038"),
    ],
)
async def test_E1_a_clock_that_jumps_holds_nothing_up_and_makes_no_storm(
    tmp_path: Path, to: timedelta | datetime
) -> None:
    async with rig(tmp_path) as r, tailing(r, QUICK) as tails:
        await live(r)
        r.provider.deliver(SUPPORT, numbered(1))
        await agrees(r, announced=1)
        r.clock.forward(to if isinstance(to, timedelta) else to - r.clock())
        before = sum(r.provider.faults.reached.values())
        r.provider.deliver(SUPPORT, numbered(2))
        tails.restart(SUPPORT)
        await agrees(r, announced=2)
        await live(r)
        assert sum(r.provider.faults.reached.values()) - before < 60


@pytest.mark.parametrize("words", ["[UNAVAILABLE] try later", "[LIMIT] Too many simultaneous connections", "[INUSE] x"])
async def test_a_sign_in_that_is_put_off_again_and_again_is_taken_up_when_it_is_let_in(
    tmp_path: Path, words: str
) -> None:
    async with rig(tmp_path) as r:
        r.provider.deliver(SUPPORT, numbered(1))
        for stage in ("login", "authenticate"):
            r.provider.faults.imap(stage, Refuse("NO", words), times=None, match="")
        async with tailing(r, QUICK):
            await r.provider.faults.wait_hit("imap:authenticate", 12)  # two mailboxes: an hour of it, made short
            await live(r, SUPPORT, SyncState.RETRYING)
            r.provider.faults.clear()
            await agrees(r, announced=0)
        assert EventKind.SYNC_STOPPED not in [event.kind for event in await r.store.feed.after(0)]


async def test_a_sign_in_that_is_refused_waits_for_a_person_and_misses_nothing_meanwhile(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r, QUICK) as tails:
        await live(r)
        for stage in ("login", "authenticate"):
            r.provider.faults.imap(stage, Refuse("NO", "[AUTHENTICATIONFAILED] no"), times=None)
        r.provider.drop_connections()
        await live(r, SUPPORT, SyncState.STOPPED)
        for number in range(3):
            r.provider.deliver(SUPPORT, numbered(number))
        r.clock.forward(timedelta(hours=1))
        r.provider.faults.clear()
        tails.restart(SUPPORT)
        await agrees(r, announced=3)


@pytest.mark.parametrize(
    ("stage", "words"),
    [("examine", "[NOPERM] not now"), ("search", "[SERVERBUG] broke"), ("fetch", "[OVERQUOTA] too much today")],
)
async def test_D3_quota_permission_and_other_errors_of_a_while_miss_nothing(
    tmp_path: Path, stage: str, words: str
) -> None:
    async with rig(tmp_path) as r:
        r.provider.deliver(SUPPORT, numbered(1))
        r.provider.faults.imap(stage, Refuse("NO", words), times=3)
        async with tailing(r, QUICK) as tails:
            await r.provider.faults.wait_hit(f"imap:{stage}", 3)
            await live(r)
            r.provider.deliver(SUPPORT, numbered(2))
            tails.restart(SUPPORT)
            await agrees(r, announced=1)


@pytest.mark.parametrize(
    "without",
    [
        {"IDLE"},
        {"CONDSTORE", "UIDPLUS", "ESEARCH", "LIST-STATUS"},
        {"SPECIAL-USE", "LIST-EXTENDED"},
        {"IDLE", "CONDSTORE", "UIDPLUS", "SPECIAL-USE", "ESEARCH", "LIST-STATUS", "LITERAL+", "SASL-IR", "MOVE", "ID"},
    ],
    ids=lambda found: "+".join(sorted(found)[:2]),
)
async def test_a_server_that_can_little_is_followed_all_the_same(tmp_path: Path, without: set[str]) -> None:
    async with rig(tmp_path, without=without) as r:
        folders = r.provider.account(SUPPORT).folders
        r.provider.deliver(SUPPORT, numbered(1))
        async with tailing(r, QUICK) as tails:
            await live(r)
            folders["Archive"].deliver(numbered(2))
            r.provider.deliver(SUPPORT, numbered(3))
            folders["INBOX"].remove(1)
            tails.restart(SUPPORT)
            folders["INBOX"].deliver(numbered(1))
            tails.restart(SUPPORT)
            await agrees(r, announced=2)


async def test_D4_a_server_that_talks_without_end_costs_its_own_mailbox_and_no_other(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r, QUICK):
        await live(r)
        r.provider.faults.imap("fetch", Garbage(b"* " + b"x" * (2 * MAX_UNASKED)), times=2)
        r.provider.faults.imap("search", Garbage(b"* 1 FETCH " + b"(" * 100_000 + b"\r\n"), times=2)
        r.provider.deliver(SUPPORT, numbered(1))
        await agrees(r, announced=1)
        assert r.provider.faults.hits["imap:search"] == 2


async def test_what_came_together_while_the_server_broke_over_headers_is_all_filed(tmp_path: Path) -> None:
    """Fewer are asked for after a failure, and more again after each success: none may be left out in between."""
    async with rig(tmp_path) as r, tailing(r, QUICK):
        await live(r)
        r.provider.faults.imap("fetch", HangUp(after_bytes=700))
        for number in range(60):
            r.provider.deliver(SUPPORT, numbered(number))
        await agrees(r, announced=60)
