"""The record, documents, queue, feed, status and backup over HTTP, on a real store."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from gateway.cli.daemon import step
from gateway.domain.mail import QueueState
from gateway.domain.saving import Scanned
from gateway.domain.status import Health
from gateway.inbound.saving import Saving
from gateway.store.room import Room
from tests.admin.house import CLIENT, HOSTILE, NOW, House
from tests.waiting import until

AL = "/v1/clients/Al%20Pacino"
SSE = {"accept": "text/event-stream"}


async def test_a_clients_messages_page_by_cursor(house: House, http: httpx2.AsyncClient) -> None:
    ids = [await house.file(HOSTILE + str(n).encode(), uid=n + 1) for n in range(5)]
    first = (await http.get(f"{AL}/messages", params={"limit": 3})).json()
    rest = (await http.get(f"{AL}/messages", params={"limit": 3, "before": first["next"]})).json()
    assert [one["message"]["id"] for one in first["messages"] + rest["messages"]] == ids[::-1]
    assert rest["next"] is None
    assert (await http.get(f"{AL}/messages", params={"box": "sent"})).json() == {"messages": [], "next": None}


async def test_a_message_is_shown_with_its_facts_text_clients_and_locations(
    house: House, http: httpx2.AsyncClient
) -> None:
    number = await house.file()
    message = (await http.get(f"/v1/messages/{number}")).json()
    assert message["from"] == "Al <al@pacino.example>"
    assert message["date"] == "2026-03-14T15:00:00Z"
    assert message["clients"] == [CLIENT]
    place = {"mailbox": "support@firm.example", "folder": "INBOX", "uidvalidity": 7, "uid": 1, "labels": []}
    assert message["locations"] == [place]
    assert "second line" in message["text"]


async def test_I1_unverified_mail_is_shown_as_such_until_someone_approves_it(
    house: House, http: httpx2.AsyncClient
) -> None:
    number = await house.forged()
    verdict = (await http.get(f"/v1/messages/{number}")).json()["verdict"]
    assert (verdict["standing"], verdict["source"], verdict["authserv_id"]) == (
        "unverified",
        "provider",
        "mx.google.com",
    )
    assert verdict["checks"] == [
        {"method": "dmarc", "result": "fail", "domain": "pacino.example", "detail": "p=reject"}
    ]
    assert (verdict["attachments_held"], verdict["approved_at"]) == (True, None)
    (listed,) = (await http.get(f"{AL}/messages")).json()["messages"]
    assert listed["message"]["verdict"] == verdict
    (event,) = (await http.get("/v1/events")).json()["events"]
    assert (event["kind"], event["message"]) == ("unverified-mail", number)
    assert (await http.get(f"{AL}/documents")).json()["documents"] == []

    approved = (await http.post(f"/v1/messages/{number}/approve")).json()
    (document,) = (await http.get(f"{AL}/documents")).json()["documents"]
    assert approved == {"message": number, "clients": [CLIENT], "documents": [document["path"]]}
    after = (await http.get(f"/v1/messages/{number}")).json()["verdict"]
    assert after["standing"] == "unverified"  # what was found stays; who decided stands beside it
    assert (after["approved_by"] != "", after["approved_at"], after["attachments_held"]) == (
        True,
        "2026-03-14T15:09:26Z",
        False,
    )
    again = await http.post(f"/v1/messages/{number}/approve")
    assert (again.status_code, "was approved by" in again.json()["detail"]) == (409, True)


async def test_approving_what_does_not_wait_is_refused_with_a_sentence(house: House, http: httpx2.AsyncClient) -> None:
    number = await house.file()
    assert (await http.get(f"/v1/messages/{number}")).json()["verdict"] is None
    refused = await http.post(f"/v1/messages/{number}/approve")
    assert (refused.status_code, "nothing to approve" in refused.json()["detail"]) == (409, True)
    assert (await http.post("/v1/messages/4711/approve")).status_code == 404


async def test_I7_a_messages_bytes_are_served_so_that_no_browser_runs_them(
    house: House, http: httpx2.AsyncClient
) -> None:
    number = await house.file()
    answer = await http.get(f"/v1/messages/{number}/raw")
    assert answer.content == HOSTILE
    _is_inert(answer)


async def test_a_large_message_leaves_in_pieces_as_it_came(house: House, http: httpx2.AsyncClient) -> None:
    large = HOSTILE + bytes(range(256)) * 12_000
    number = await house.file(large)
    async with http.stream("GET", f"/v1/messages/{number}/raw") as answer:
        assert answer.headers["content-length"] == str(len(large))
        pieces = [piece async for piece in answer.aiter_raw()]
    assert b"".join(pieces) == large
    _is_inert(answer)


async def test_a_large_message_whose_bytes_are_damaged_is_refused(
    house: House, http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    number = await house.file(HOSTILE + bytes(3_000_000))
    _damage(tmp_path)
    refused = await http.get(f"/v1/messages/{number}/raw")
    assert (refused.status_code, "postern verify" in refused.json()["detail"]) == (409, True)


async def test_an_answer_is_cut_off_where_the_bytes_are_damaged_while_it_leaves(
    house: House, http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    number = await house.file(HOSTILE + bytes(30_000_000))

    async def read() -> None:
        async with http.stream("GET", f"/v1/messages/{number}/raw", timeout=60) as answer:
            assert answer.status_code == 200
            pieces = answer.aiter_raw()
            await anext(pieces)
            _damage(tmp_path)
            async for _ in pieces:
                pass

    with pytest.raises(httpx2.RemoteProtocolError):
        await read()


def _damage(folder: Path) -> None:
    """The last octet of the one message that is a file."""
    [blob] = [path for path in folder.rglob("blobs/*/*") if path.is_file()]
    with blob.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")


async def test_I7_a_document_is_a_download_whatever_its_sender_says(house: House, http: httpx2.AsyncClient) -> None:
    await house.file(attachment=b"<script>alert(1)</script>")
    [document] = (await http.get(f"{AL}/documents")).json()["documents"]
    assert (await http.get("/v1/documents")).json()["documents"] == [document]
    one = (await http.get(f"/v1/documents/{document['id']}")).json()
    [origin] = one.pop("origins")
    assert one == document
    assert (origin["message"], origin["sent_at"]) == (document["message"], document["sent_at"])
    answer = await http.get(f"/v1/documents/{document['id']}/content")
    assert answer.content == b"<script>alert(1)</script>"
    _is_inert(answer)


async def test_a_client_who_left_the_firms_file_still_has_a_record(house: House, http: httpx2.AsyncClient) -> None:
    await house.file()
    await house.office.apply({"client": [], "rule": []}, by="test", at=NOW, prune=True)
    assert house.office.firm.clients == ()
    assert len((await http.get(f"{AL}/messages")).json()["messages"]) == 1


@pytest.mark.parametrize("name", ["A/B", "a%2Fb", "..", "über ☃", "x/messages", "q?a=b#c"])
async def test_U3_any_client_name_can_be_asked_for(house: House, http: httpx2.AsyncClient, name: str) -> None:
    client = {"name": name, "members": ["*"], "contacts": []}
    await house.office.apply({"client": [client]}, by="test", at=NOW)
    assert (await http.get(f"/v1/clients/{step(name)}/messages")).json() == {"messages": [], "next": None}
    assert (await http.get(f"/v1/clients/{step(name)}/documents")).json() == {"documents": [], "next": None}


async def test_the_queue_is_listed_shown_and_acted_on(house: House, http: httpx2.AsyncClient) -> None:
    await house.queue("q1")
    await house.queue("q2")
    listed = (await http.get("/v1/queue", params={"limit": 1})).json()
    assert [one["id"] for one in listed["entries"]] == ["q2"]
    assert [
        one["id"] for one in (await http.get("/v1/queue", params={"before": listed["next"]})).json()["entries"]
    ] == ["q1"]
    shown = (await http.get("/v1/queue/q1")).json()
    assert shown["recipients"] == [{"address": "al@pacino.example", "delivery": "pending", "bcc": False, "last": None}]
    held = (await http.post("/v1/queue/q1/hold")).json()
    assert held["state"] == "held"
    assert [one["id"] for one in (await http.get("/v1/queue", params={"state": "held"})).json()["entries"]] == ["q1"]
    assert (await http.post("/v1/queue/q1/release")).json()["state"] == "queued"
    assert (await http.post("/v1/queue/q1/cancel")).json()["recipients"][0]["delivery"] == "cancelled"
    assert (await house.store.queue.get("q1")).state is QueueState.DONE
    assert house.woken == ["queue"] * 3


async def test_an_action_that_the_state_forbids_is_409_and_wakes_nobody(house: House, http: httpx2.AsyncClient) -> None:
    await house.queue("q1")
    await http.post("/v1/queue/q1/cancel")
    house.woken.clear()
    answer = await http.post("/v1/queue/q1/release")
    assert (answer.status_code, answer.json()["kind"]) == (409, "conflict")
    assert (await http.post("/v1/queue/none/hold")).status_code == 404
    assert (await http.post("/v1/queue/q1/burn")).status_code == 400
    assert house.woken == []


async def test_the_feed_is_paged_by_number(house: House, http: httpx2.AsyncClient) -> None:
    numbers = [await house.happen(f"event {n}") for n in range(3)]
    first = (await http.get("/v1/events", params={"limit": 2})).json()
    assert [one["number"] for one in first["events"]] == numbers[:2]
    last = (await http.get("/v1/events", params={"after": first["next"]})).json()
    assert [one["text"] for one in last["events"]] == ["event 2"]
    assert (await http.get("/v1/events", params={"after": last["next"]})).json() == {"events": [], "next": last["next"]}


async def test_the_feed_is_a_live_stream_that_goes_on_where_it_broke(house: House, http: httpx2.AsyncClient) -> None:
    first = await house.happen("before")
    async with asyncio.timeout(20):
        async with http.stream("GET", "/v1/events", headers=SSE) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            events = aiter(httpx2.EventSource(stream))
            assert json.loads((await anext(events)).data)["text"] == "before"
            await house.happen("line one\nline two\r\n\r\ndata: forged")
            second = await anext(events)
            assert json.loads(second.data)["text"] == "line one\nline two\r\n\r\ndata: forged"
        async with http.stream("GET", "/v1/events", headers=SSE | {"last-event-id": str(first)}) as stream:
            again = await anext(aiter(httpx2.EventSource(stream)))
            assert (again.id, again.event) == (second.id, "sync-stopped")


async def test_a_reader_that_has_gone_leaves_nothing_behind(house: House) -> None:
    assert house.server._http is not None
    state = house.server._http.state
    async with house.client() as http, http.stream("GET", "/v1/events", headers=SSE):
        assert state.tasks
    await until(lambda: not state.tasks and not state.connections)


async def test_a_quiet_stream_has_a_heartbeat(
    house: House, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.admin.routes.feed.HEARTBEAT_SECONDS", 0.01)
    async with asyncio.timeout(20), http.stream("GET", "/v1/events", headers=SSE) as stream:
        lines = stream.aiter_lines()
        assert [await anext(lines) for _ in range(3)] == [": postern", "", ": still here"]


async def test_the_status_is_told_to_people_supervisors_and_prometheus(house: House, http: httpx2.AsyncClient) -> None:
    await house.sync_stopped()
    status = (await http.get("/v1/status")).json()
    assert (status["health"], status["started_at"]) == ("degraded", "2026-03-14T15:09:26Z")
    assert status["listeners"] == [{"name": "submission", "host": "127.0.0.1", "port": 40587}]
    assert (await http.get("/readyz")).status_code == 200
    text = (await http.get("/metrics")).text
    assert 'postern_queue_entries{state="held"} 1\n' in text
    assert 'postern_mailbox_live{mailbox="support@firm.example"} 0\n' in text
    house.status = replace(house.status, health=Health.DOWN, problems=("The disk is full.",))
    down = await http.get("/readyz")
    assert (down.status_code, down.json()["detail"]) == (503, "The disk is full.")
    assert (await http.get("/healthz")).status_code == 200


async def test_a_backup_is_a_database_that_opens(house: House, http: httpx2.AsyncClient, tmp_path: Path) -> None:
    await house.file()
    target = tmp_path / "backup"
    assert (await http.post("/v1/backup", json={"dir": str(target)})).json() == {"dir": str(target)}
    with closing(sqlite3.connect(target / "postern.db")) as copy:
        assert copy.execute("SELECT count(*) FROM message").fetchone() == (1,)


async def test_a_backup_goes_only_where_it_can(house: House, http: httpx2.AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for target, words in (("relative", "begins with a slash"), (tmp_path / "data", ""), (tmp_path / "file" / "x", "")):
        answer = await http.post("/v1/backup", json={"dir": str(target)})
        assert answer.status_code == 409, target
        assert words in answer.json()["detail"]


def _is_inert(answer: httpx2.Response) -> None:
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


SCANNED = (
    b"From: Al <al@pacino.example>\r\nSubject: three\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhttps://we.tl/t-1"
    b"\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF"
    b"\r\n--b\r\nContent-Type: application/pdf; name=bad.pdf\r\n\r\nbad\r\n--b--\r\n"
)


class Suspicious:
    """Finds one thing in everything that is bad."""

    async def scan(self, content: bytes) -> Scanned:
        return Scanned("Bad.Thing" if content == b"bad" else "")


async def test_history_becomes_documents_when_it_is_asked_for(house: House, http: httpx2.AsyncClient) -> None:
    number = await house.file(SCANNED)
    worker = Saving(house.store, room=Room(), now=lambda: NOW + timedelta(days=1), scanner=Suspicious)
    assert await worker.some() == 0
    refused = await http.post(f"{AL}/documents/import", params={"since": "yesterday"})
    assert refused.status_code == 400
    later = await http.post(f"{AL}/documents/import", params={"since": "2031-01-01T00:00:00+00:00"})
    assert later.json()["messages"] == 0
    assert (await http.post(f"{AL}/documents/import")).json() == {"client": CLIENT, "messages": 1}
    assert (await http.get(f"{AL}/saving")).json() == {"waiting": 1, "failed": 0, "last_error": ""}
    assert await worker.some() == 1
    assert (await http.get(f"{AL}/saving")).json()["waiting"] == 0
    [document] = (await http.get(f"{AL}/documents")).json()["documents"]
    assert (document["original_name"], document["from"]) == ("a.pdf", "Al <al@pacino.example>")
    for path in (f"{AL}/promised", "/v1/promised"):
        [promise] = (await http.get(path)).json()["promised"]
        assert (promise["service"], promise["link"], promise["message"]) == ("WeTransfer", "https://we.tl/t-1", number)
    for path in (f"{AL}/aside", "/v1/aside"):
        [aside] = (await http.get(path)).json()["aside"]
        assert (aside["why"], aside["reason"], aside["original_name"]) == ("infected", "Bad.Thing", "bad.pdf")
    assert (await http.post("/v1/clients/Nobody/documents/import")).status_code == 404


async def test_every_attachment_of_a_message_is_listed_and_given_unless_it_is_infected(
    house: House, http: httpx2.AsyncClient
) -> None:
    number = await house.file(SCANNED)
    await http.post(f"{AL}/documents/import")
    await Saving(house.store, room=Room(), now=lambda: NOW + timedelta(days=1), scanner=Suspicious).some()
    rows = (await http.get(f"/v1/messages/{number}/attachments")).json()["attachments"]
    assert [(row["number"], row["part"], row["name"], row["infection"]) for row in rows] == [
        (1, "2", "a.pdf", ""),
        (2, "3", "bad.pdf", "Bad.Thing"),
    ]
    answer = await http.get(f"/v1/messages/{number}/attachments/1")
    assert answer.content == b"%PDF"
    _is_inert(answer)
    assert (await http.get(f"/v1/messages/{number}/attachments/2")).status_code == 409
    assert (await http.get(f"/v1/messages/{number}/attachments/3")).status_code == 404
