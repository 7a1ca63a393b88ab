"""What a member wants to hear, over HTTP: each their own, and nobody else is the quieter for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from gateway.domain.record import EventKind
from tests.admin.house import NOW
from tests.admin.walled import Walled, walled

SUPPORT = "support@firm.example"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Walled]:
    async with walled(tmp_path) as built:
        yield built


async def heard(http: httpx2.AsyncClient, kind: str) -> list[int]:
    events = (await http.get("/v1/events", params={"limit": 500})).json()["events"]
    return [one["number"] for one in events if one["kind"] == kind]


async def test_a_kind_that_is_not_wanted_in_the_feed_is_not_in_it(made: Walled) -> None:
    async with made.as_member("ana") as ana, made.as_member("ion") as ion:
        kinds = (await ana.get("/v1/preferences")).json()["preferences"]
        assert set(kinds) == {kind.value for kind in EventKind}
        assert set(kinds.values()) == {"feed"}
        for way, count in (("none", 0), ("mail", 0), ("both", 2), ("feed", 2)):
            answer = await ana.post("/v1/preferences", json={"bounce": way})
            assert answer.json()["preferences"]["bounce"] == way
            assert len(await heard(ana, "bounce")) == count
            assert len(await heard(ion, "bounce")) == 2
        assert len(await heard(ana, "client-mail")) == 2
        wrongs: tuple[object, ...] = ({"bounce": "loud"}, {"gossip": "feed"}, [])
        for wrong in wrongs:
            assert (await ana.post("/v1/preferences", json=wrong)).status_code == 400


async def test_mail_is_for_those_who_have_a_mailbox_of_their_own(made: Walled) -> None:
    async with made.as_member("olga") as http:
        answer = await http.post("/v1/preferences", json={"bounce": "mail"})
        assert (answer.status_code, "mailbox of their own" in answer.json()["detail"]) == (409, True)


async def test_a_muted_thread_is_silent_for_one_member_also_after_it_grew_together(made: Walled) -> None:
    async with made.as_member("ana") as ana, made.as_member("ion") as ion:
        path = f"/v1/threads/{made.threads['Gamma']}/mute"
        assert (await ana.post(path)).json() == {"thread": made.threads["Gamma"], "muted": True}
        before = len(await heard(ion, "client-mail"))
        assert len(await heard(ana, "client-mail")) == before - 1
        first = await made.answer("Gamma", "<new@x.example>", "")
        await made.answer("Gamma", "<tie@x.example>", "<new@x.example> <3@x.example>")
        assert len(await heard(ion, "client-mail")) == before + 2
        assert len(await heard(ana, "client-mail")) == before - 1, "whoever muted a part hears no more of the whole"
        thread = next(
            one.thread for one in await made.house.store.record.list("Gamma", None) if one.message.id == first
        )
        assert (await ana.delete(f"/v1/threads/{thread}/mute")).json()["muted"] is False
        assert len(await heard(ana, "client-mail")) == before + 2


async def test_a_sync_warning_is_put_off_for_a_day_or_for_good(made: Walled, monkeypatch: pytest.MonkeyPatch) -> None:
    async def warn(mailbox: str = SUPPORT) -> int:
        return (await made.house.store.feed.add(EventKind.SYNC_STOPPED, NOW, "stopped", mailbox=mailbox)).number

    number, other = await warn(), await warn("ana@firm.example")
    services = made.house.server._services
    async with made.as_member("ana") as ana, made.as_member("ion") as ion:
        snoozed = (await ana.post(f"/v1/events/{number}/snooze")).json()
        assert (snoozed["until"], snoozed["mailbox"]) == ("2026-03-15T15:09:26Z", SUPPORT)
        again = await warn()
        assert await heard(ana, "sync-stopped") == [other]
        assert await heard(ion, "sync-stopped") == [number, again]
        object.__setattr__(services, "now", lambda: NOW + timedelta(hours=24, seconds=1))
        assert await heard(ana, "sync-stopped") == [number, other, again]
        await ana.post(f"/v1/events/{number}/dismiss")
        object.__setattr__(services, "now", lambda: NOW + timedelta(days=300))
        assert await heard(ana, "sync-stopped") == [other]
        assert (await ana.delete(f"/v1/events/{number}/dismiss")).json()["heard"] is True
        assert await heard(ana, "sync-stopped") == [number, other, again]
        mail = (await heard(ana, "client-mail"))[0]
        assert (await ana.post(f"/v1/events/{mail}/snooze")).status_code == 409
        assert (await ion.post(f"/v1/events/{other}/snooze")).status_code == 404


async def test_an_operator_says_whose_wish_it_is_and_a_member_has_only_their_own(made: Walled) -> None:
    async with made.client(None) as operator, made.as_member("ana") as ana:
        assert (await operator.get("/v1/preferences")).json()["faults"][0]["path"] == "as"
        assert (await operator.get("/v1/preferences", params={"as": "nobody"})).status_code == 404
        answer = await operator.post("/v1/preferences", params={"as": "ana"}, json={"bounce": "none"})
        assert answer.status_code == 200
        assert (await ana.get("/v1/preferences")).json()["preferences"]["bounce"] == "none"
        assert (await ana.get("/v1/preferences", params={"as": "ion"})).status_code == 403
        thread = made.threads["Beta"]
        assert (await operator.post(f"/v1/threads/{thread}/mute", params={"as": "ana"})).status_code == 404


async def test_a_reader_who_takes_nothing_is_hung_up_on_and_nobody_else_suffers(
    made: Walled, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.admin.routes import feed
    from tests.waiting import until

    monkeypatch.setattr(feed, "SLOW_SECONDS", 0.2)
    add = made.house.store.feed.add
    for _ in range(40):
        await add(EventKind.CLIENT_MAIL, NOW, "x" * 50_000, client="Alpha")
    assert made.house.server._http is not None
    state = made.house.server._http.state
    headers = {"accept": "text/event-stream"}
    async with made.as_member("ana") as slow, slow.stream("GET", "/v1/events", headers=headers):
        await until(lambda: not state.tasks)
        async with made.as_member("ana") as other:
            assert (await other.get("/v1/events", params={"limit": 1})).status_code == 200
    await until(lambda: not state.connections)
