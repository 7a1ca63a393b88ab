"""How far history has come can be seen while it is filed, and is told when it is over."""

from __future__ import annotations

from pathlib import Path

import structlog

from gateway.domain.record import Event, EventKind, Search, SyncState
from gateway.trial.faults import Stall
from tests.inbound.test_folders import QUICK, body_of, tailing
from tests.inbound.test_tails import count, live, numbered
from tests.rig import AL, SUPPORT, Rig, rig
from tests.waiting import until


async def told(r: Rig) -> list[Event]:
    return [event for event in await r.store.feed.after(0) if event.kind is EventKind.HISTORY]


async def test_history_shows_how_many_of_how_many_are_filed_and_goes_on_there_after_a_restart(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        for number in range(120):
            r.provider.deliver(SUPPORT, numbered(number))
        r.provider.faults.imap("fetch", Stall(), times=None, match=body_of(115))

        async def shown() -> Search | None:
            states = await r.store.sync.states()
            found = states[SUPPORT].history if SUPPORT in states else None
            return found if found is not None and found.done == 100 else None

        async with tailing(r, QUICK):
            assert await until(shown, what="the progress") == Search((AL,), found=120, done=100)
            await live(r, SUPPORT, SyncState.BACKFILLING)
        fetched = r.provider.faults.reached["imap:fetch"]
        r.provider.faults.clear()
        async with tailing(r, QUICK):
            await count(r, 120)
            await live(r)
        assert r.provider.faults.reached["imap:fetch"] - fetched <= 4  # headers, and the bodies that were missing
        assert (await r.store.sync.states())[SUPPORT].history is None
        begun, over = await told(r)
        assert "120 messages found so far" in begun.text
        assert AL in over.text
        assert "120 messages" in over.text


async def test_where_nothing_is_found_nothing_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r, QUICK):
        await live(r)
        assert await told(r) == []
        assert (await r.store.sync.states())[SUPPORT].history is None


async def test_the_log_has_a_line_for_many_messages_of_history_and_one_for_each_that_is_news(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        for number in range(30):
            r.provider.deliver(SUPPORT, numbered(number))
        with structlog.testing.capture_logs() as lines:
            async with tailing(r, QUICK):
                await count(r, 30)
                await live(r)
                for number in range(30, 33):
                    r.provider.deliver(SUPPORT, numbered(number))
                await count(r, 33)
                await until(lambda: [line for line in lines if line.get("uid") == 33], what="the last line")
        (history,) = (line for line in lines if line["event"] == "filed-history")
        assert (history["uids"], history["new"]) == (list(range(1, 31)), 30)
        assert len(set(history["messages"])) == 30
        assert [line["uid"] for line in lines if line["event"] == "filed"] == [31, 32, 33]
