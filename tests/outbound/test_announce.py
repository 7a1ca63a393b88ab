"""Who wants to hear by mail gets one mail an event, to their own mailbox, and only of what they may see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from gateway.domain.access import Way
from gateway.domain.mail import QueueEntry
from gateway.domain.record import EventKind
from gateway.mime.header import Header
from gateway.mime.plain import plain_text
from gateway.outbound.announce import Announcements
from tests.rig import ANA, Rig, rig
from tests.waiting import until

MAIL = EventKind.CLIENT_MAIL
CLIENT = "Al Pacino"


@asynccontextmanager
async def announcing(r: Rig) -> AsyncIterator[None]:
    """Runs while the block does; what it threw is thrown."""
    flow = Announcements(r.store, firm=lambda: r.firm, now=r.clock, wake=lambda: None)
    running = asyncio.ensure_future(flow.run())
    try:
        await until(lambda: _has_begun(r))
        yield
        await until(lambda: _has_caught_up(r))
    finally:
        running.cancel()
        (ended,) = await asyncio.gather(running, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), ended


async def _has_begun(r: Rig) -> bool:
    return await r.store.wishes.announced() is not None


async def _has_caught_up(r: Rig) -> bool:
    return await r.store.wishes.announced() == r.store.feed.newest


async def queued(r: Rig) -> list[QueueEntry]:
    return list(reversed(await r.store.queue.list()))


async def test_a_member_who_chose_mail_gets_one_for_each_event_that_is_theirs(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        await r.store.feed.add(MAIL, r.clock(), "before", client=CLIENT)
        await r.store.wishes.prefer("ana", {MAIL: Way.BOTH})
        async with announcing(r):
            await r.store.feed.add(MAIL, r.clock(), "New mail from Al: Ștate\r\nBcc: x@else.example", client=CLIENT)
            await r.store.feed.add(MAIL, r.clock(), "of nobody", client="Closed")
            await r.store.feed.add(EventKind.MAIL_SENT, r.clock(), "not chosen", client=CLIENT)
        (entry,) = await queued(r)
        assert (entry.sender, entry.login, [str(one.address) for one in entry.recipients]) == (None, "ana", [ANA])
        raw = await r.store.bodies.get(entry.sha256)
        assert raw.isascii()
        header = Header.read(raw)
        assert [span.name for span in header.fields].count("Bcc") == 0
        assert header.text("Auto-Submitted") == "auto-generated"
        assert "Ștate" in header.text("Subject")
        assert f"Client: {CLIENT}" in plain_text(raw)


async def test_nobody_gets_mail_who_did_not_ask_for_it_or_left(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        await r.store.wishes.prefer("ana", {MAIL: Way.FEED})
        await r.store.wishes.prefer("gone", {MAIL: Way.MAIL})
        async with announcing(r):
            await r.store.feed.add(MAIL, r.clock(), "x", client=CLIENT)
        assert await queued(r) == []


async def test_a_restart_repeats_nothing_and_misses_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        await r.store.wishes.prefer("ana", {MAIL: Way.MAIL})
        async with announcing(r):
            await r.store.feed.add(MAIL, r.clock(), "one", client=CLIENT)
        await r.store.feed.add(MAIL, r.clock(), "while it was down", client=CLIENT)
        await r.store.wishes.announce(0)  # as after a crash between the queue and the cursor
        async with announcing(r):
            pass
        assert [entry.subject for entry in await queued(r)] == ["one", "while it was down"]


async def test_who_loses_access_hears_no_more(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        await r.store.wishes.prefer("ana", {MAIL: Way.MAIL})
        async with announcing(r):
            r.firm = replace(r.firm, clients=tuple(replace(one, members=("ion",)) for one in r.firm.clients))
            await r.store.feed.add(MAIL, r.clock(), "x", client=CLIENT)
        assert await queued(r) == []
