"""Signing keys over HTTP: made, shown without their private half, enabled when DNS has them, removed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests.admin.house import House

DOMAIN = "firm.example"
SELECTOR = "postern202603"
NAME = f"{SELECTOR}._domainkey.{DOMAIN}"


async def made(http: httpx2.AsyncClient, **more: str) -> dict[str, str]:
    answer = await http.post("/v1/dkim", json={"domain": DOMAIN, **more})
    assert answer.status_code == 200, answer.text
    record: dict[str, str] = answer.json()["record"]
    return record


async def test_a_new_key_waits_and_its_record_is_shown(http: httpx2.AsyncClient) -> None:
    answer = (await http.post("/v1/dkim", json={"domain": DOMAIN})).json()
    record = answer.pop("record")
    assert answer == {
        "domain": DOMAIN,
        "selector": SELECTOR,
        "algorithm": "rsa",
        "state": "waiting",
        "made_at": "2026-03-14T15:09:26Z",
        "active_since": None,
    }
    assert (record["name"], record["type"]) == (NAME, "TXT")
    assert record["value"].startswith("v=DKIM1; k=rsa; p=MII")
    listed = (await http.get("/v1/dkim")).json()
    assert listed == (await http.get(f"/v1/dkim/{DOMAIN}")).json() == {"keys": [answer | {"record": record}]}


async def test_a_key_is_enabled_only_with_its_record_in_dns(house: House, http: httpx2.AsyncClient) -> None:
    record = await made(http, algorithm="ed25519", selector="one")
    refused = await http.post(f"/v1/dkim/{DOMAIN}/enable")
    assert (refused.status_code, refused.json()["kind"]) == (409, "conflict")
    assert "no TXT record at one._domainkey.firm.example yet" in refused.json()["detail"]
    house.dns[record["name"]] = [record["value"].encode()]
    enabled = (await http.post(f"/v1/dkim/{DOMAIN}/enable")).json()
    assert (enabled["state"], enabled["active_since"]) == ("active", "2026-03-14T15:09:26Z")


async def test_the_whole_life_of_two_keys(http: httpx2.AsyncClient) -> None:
    async def act(action: str, **params: str) -> tuple[int, str]:
        answer = await http.post(f"/v1/dkim/{DOMAIN}/{action}", params=params)
        return answer.status_code, answer.json().get("state", answer.json().get("detail"))

    await made(http, selector="a", algorithm="ed25519")
    assert await act("enable", unchecked="true") == (200, "active")
    await made(http, selector="b", algorithm="ed25519")
    assert await act("enable", unchecked="true") == (200, "active")
    keys = (await http.get("/v1/dkim")).json()["keys"]
    assert [(key["selector"], key["state"]) for key in keys] == [("a", "retired"), ("b", "active")]
    status, sentence = await act("remove", selector="b")
    assert (status, "disable" in sentence) == (409, True)
    assert await act("disable") == (200, "retired")
    status, sentence = await act("remove")
    assert (status, "--selector, a (retired), b (retired)" in sentence) == (409, True)
    assert await act("remove", selector="a") == (200, "retired")
    assert await act("remove") == (200, "retired")
    assert (await http.get("/v1/dkim")).json() == {"keys": []}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"domain": "else.example"}, 404),
        ({"domain": "not a domain"}, 422),
        ({"domain": DOMAIN, "selector": "a b"}, 422),
        ({"domain": DOMAIN, "algorithm": "rsa1024"}, 400),
        ({"domain": DOMAIN, "bits": 1024}, 400),
        ({}, 400),
    ],
)
async def test_what_cannot_be_made_is_refused_with_a_sentence(
    http: httpx2.AsyncClient, body: dict[str, object], status: int
) -> None:
    answer = await http.post("/v1/dkim", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert (await http.get("/v1/dkim")).json() == {"keys": []}


async def test_what_is_not_there_is_404(http: httpx2.AsyncClient) -> None:
    for answer in (
        await http.get(f"/v1/dkim/{DOMAIN}"),
        await http.post(f"/v1/dkim/{DOMAIN}/enable"),
        await http.post(f"/v1/dkim/{DOMAIN}/disable", params={"selector": "x"}),
    ):
        assert answer.status_code == 404
        assert "postern dkim new firm.example" in answer.json()["detail"]
    assert (await http.post(f"/v1/dkim/{DOMAIN}/explode")).status_code == 400


async def test_the_same_selector_twice_is_a_conflict(http: httpx2.AsyncClient) -> None:
    await made(http, selector="a", algorithm="ed25519")
    again = await http.post("/v1/dkim", json={"domain": DOMAIN, "selector": "a"})
    assert (again.status_code, again.json()["kind"]) == (409, "conflict")


async def test_who_did_it_is_in_the_activity(http: httpx2.AsyncClient, tmp_path: Path) -> None:
    await made(http)
    await http.post(f"/v1/dkim/{DOMAIN}/enable", params={"unchecked": "true"})
    with closing(sqlite3.connect(tmp_path / "data" / "postern.db")) as raw:
        rows = raw.execute("SELECT who, name, verb FROM activity WHERE kind = 'dkim' ORDER BY number").fetchall()
    assert [row[1:] for row in rows] == [(NAME, "added"), (NAME, "changed")]
    assert all(row[0] not in {"", "test"} for row in rows)


async def test_X1_no_answer_holds_a_private_key(http: httpx2.AsyncClient) -> None:
    await made(http)
    await http.post(f"/v1/dkim/{DOMAIN}/enable", params={"unchecked": "true"})
    for path in ("/v1/dkim", f"/v1/dkim/{DOMAIN}", "/v1/export", "/v1/status"):
        assert "PRIVATE" not in (await http.get(path)).text


async def test_the_description_names_every_path(http: httpx2.AsyncClient) -> None:
    paths = (await http.get("/openapi.json")).json()["paths"]
    assert {path for path in paths if "dkim" in path} == {
        "/v1/dkim",
        "/v1/dkim/{domain}",
        "/v1/dkim/{domain}/{action}",
    }
