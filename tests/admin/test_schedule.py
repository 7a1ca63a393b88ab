"""What waits for its time, and the way of one message, over HTTP."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import httpx2

from gateway.domain.history import Tried
from gateway.domain.mail import Delivery, Outcome, QueueState
from tests.admin.house import CLIENT, HOSTILE, NOW, House

BUCHAREST = {"firm": {"name": "Popescu & Asociații", "timezone": "Europe/Bucharest"}}


async def schedule(house: House, queue_id: str, days: float) -> None:
    """An entry that leaves in so many days."""
    await house.queue(f"{queue_id} now")
    now = await house.store.queue.get(f"{queue_id} now")
    raw = HOSTILE + queue_id.encode()
    leaves = NOW + timedelta(days=days)
    hashed = hashlib.sha256(raw).hexdigest()
    entry = replace(now, id=queue_id, sha256=hashed, size=len(raw), next_attempt=leaves, not_before=leaves)
    await house.store.queue.add(entry, raw)


async def test_scheduled_mail_is_listed_of_all_and_of_one_client(house: House, http: httpx2.AsyncClient) -> None:
    await schedule(house, "late", 2)
    await schedule(house, "soon", 1)
    listed = (await http.get("/v1/scheduled", params={"limit": 1})).json()
    assert [one["id"] for one in listed["scheduled"]] == ["soon"]
    assert listed["scheduled"][0]["not_before"] == "2026-03-15T15:09:26Z"
    behind = (await http.get("/v1/scheduled", params={"before": listed["next"]})).json()
    assert [one["id"] for one in behind["scheduled"]] == ["late"]
    for path, params in ((f"/v1/clients/{quote(CLIENT)}/scheduled", {}), ("/v1/scheduled", {"client": CLIENT})):
        of_client = (await http.get(path, params=params)).json()["scheduled"]
        assert [one["id"] for one in of_client] == ["soon", "late"]
    assert (await http.get("/v1/clients/Nobody/scheduled")).status_code == 404


async def test_a_message_is_moved_by_the_firms_clock_and_the_dispatcher_hears_of_it(
    house: House, http: httpx2.AsyncClient
) -> None:
    await house.office.apply(BUCHAREST, by="test", at=NOW)
    await schedule(house, "A", 2)
    moved = await http.post("/v1/scheduled/A/change", params={"at": "2026-07-01 9:00"})
    assert (moved.status_code, moved.json()["next_attempt"]) == (200, "2026-07-01T06:00:00Z")
    assert moved.json()["timezone"] == "Europe/Bucharest"
    assert house.woken == ["queue"]
    now = await http.post("/v1/scheduled/A/change", params={"at": "now"})
    assert now.json()["next_attempt"] == "2026-03-14T15:09:26Z"


async def test_a_time_that_is_past_unclear_or_years_ahead_changes_nothing(
    house: House, http: httpx2.AsyncClient
) -> None:
    await schedule(house, "A", 2)
    before = await house.store.queue.get("A")
    for at in ("2026-03-01 9:00", "soon", "2029-01-01 9:00"):
        answer = await http.post("/v1/scheduled/A/change", params={"at": at})
        assert answer.status_code == 422
        assert answer.json()["faults"][0]["sentence"]
    assert (await http.post("/v1/scheduled/A/change")).status_code == 400
    assert await house.store.queue.get("A") == before
    assert house.woken == []


async def test_what_was_taken_back_or_tried_is_409(house: House, http: httpx2.AsyncClient) -> None:
    await schedule(house, "A", 2)
    assert (await http.post("/v1/scheduled/A/cancel")).json()["state"] == "done"
    late = await http.post("/v1/scheduled/A/change", params={"at": "now"})
    assert (late.status_code, late.json()["detail"]) == (
        409,
        "It can't be moved or taken back any more: its delivery is over.",
    )
    assert (await http.post("/v1/scheduled/none/cancel")).status_code == 404


async def test_a_message_is_followed_from_submission_to_where_it_stands(house: House, http: httpx2.AsyncClient) -> None:
    await house.queue("A")
    await house.store.queue.claim(NOW, 1)
    busy = Outcome(Delivery.PENDING, 450, "4.2.1", "busy", "rcpt")
    again = NOW + timedelta(minutes=1)
    await house.store.queue.settle("A", QueueState.QUEUED, again, outcomes={"al@pacino.example": busy})
    tried = Tried(NOW, 1, "127.0.0.1:1025", 0.0, 0.01234, 0.5, {"al@pacino.example": busy})
    await house.store.history.add("A", tried)
    shown = (await http.get("/v1/queue/A")).json()
    assert shown["standing"] == (
        "the server said: 450 4.2.1 busy; tried once; next at 2026-03-14 15:10:26, given up on 2026-03-19 15:09:26"
    )
    (attempt,) = shown["tried"]
    assert attempt["delays"] == {"waiting": 0.0, "connecting": 0.012, "sending": 0.5}
    assert [(one["address"], one["code"]) for one in attempt["answers"]] == [("al@pacino.example", 450)]
    assert (shown["accepted_at"], shown["sent_copy"], shown["reports"]) == ("2026-03-14T15:09:26Z", None, [])
    assert shown["ended_at"] is None


async def test_a_delivered_message_says_when_it_ended_and_where_its_sent_copy_is(
    house: House, http: httpx2.AsyncClient
) -> None:
    await house.queue("A")
    await house.store.queue.claim(NOW, 1)
    taken = Outcome(Delivery.DELIVERED, 250, "2.0.0", "ok", "final")
    ended = NOW + timedelta(seconds=3)
    await house.store.queue.settle("A", QueueState.DONE, ended, outcomes={"al@pacino.example": taken})
    shown = (await http.get("/v1/queue/A")).json()
    assert (shown["standing"], shown["ended_at"]) == ("over: 1 delivered", "2026-03-14T15:09:29Z")
    assert shown["sent_copy"]["state"] == "due"
