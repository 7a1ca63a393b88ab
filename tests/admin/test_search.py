"""Search over HTTP: what is found, what is said besides, and nothing that a person can type is an error."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from gateway.inbound.indexing import Indexing
from tests.admin.house import CLIENT, HOSTILE, House
from tests.admin.walled import ACCESS, MEMBERS, secret, walled
from tests.store.test_search import I9


@pytest.fixture
async def filed(house: House) -> list[int]:
    ids = [await house.file(HOSTILE.replace(b"second", f"second{n}".encode()), uid=n + 1) for n in range(3)]
    while await Indexing(house.store).round():
        pass
    return ids


async def test_a_search_finds_a_page_with_snippets_and_the_way_on(filed: list[int], http: httpx2.AsyncClient) -> None:
    first = (await http.get("/v1/search", params={"q": "good client:pacino", "limit": 2})).json()
    rest = (await http.get("/v1/search", params={"q": "good", "limit": 2, "after": first["next"]})).json()
    hits = first["hits"] + rest["hits"]
    assert sorted(one["message"]["id"] for one in hits) == filed
    assert {(*one["clients"], one["box"]) for one in hits} == {(CLIENT, "inbox")}
    assert all(one["snippet"].startswith("Good day") for one in hits)
    assert (rest["next"], rest["waiting"], rest["notes"]) == (None, 0, [])


async def test_a_search_keeps_to_one_client_where_one_is_named(filed: list[int], http: httpx2.AsyncClient) -> None:
    mine = (await http.get("/v1/search", params={"q": "second1", "client": CLIENT})).json()
    assert [one["message"]["id"] for one in mine["hits"]] == [filed[1]]
    missing = await http.get("/v1/search", params={"q": "second1", "client": "Nobody"})
    assert missing.status_code == 404


async def test_what_was_left_out_of_a_search_is_said(http: httpx2.AsyncClient) -> None:
    answer = (await http.get("/v1/search", params={"q": "before:yesterday"})).json()
    assert answer["hits"] == []
    assert "before:2026-03-14" in answer["notes"][0]


async def test_I9_no_search_is_an_error(filed: list[int], http: httpx2.AsyncClient) -> None:
    for query in I9:
        text = query.encode("utf-8", "replace").decode()[:3_000]  # as much as a URL has room for
        answer = await http.get("/v1/search", params={"q": text})
        assert answer.status_code == 200, (text[:20], answer.text)


async def test_the_description_explains_the_syntax(http: httpx2.AsyncClient) -> None:
    described = (await http.get("/openapi.json")).json()["paths"]["/v1/search"]["get"]["parameters"]
    (q,) = [one for one in described if one["name"] == "q"]
    assert "has:attachment" in q["description"]


async def test_U3_a_search_shows_every_member_the_mail_of_their_clients_and_no_trace_of_others(tmp_path: Path) -> None:
    async with walled(tmp_path) as made:
        both = await made.file(99, "Alpha", "Beta")
        while await Indexing(made.house.store).round():
            pass
        await made.file(100, "Omega")  # filed, and not indexed yet
        for login in MEMBERS:
            async with made.as_member(login) as http:
                mine = {client for client, members in ACCESS.items() if login in members}
                for client in ACCESS:
                    answer = await http.get("/v1/search", params={"q": f'"{secret(client)}"'})
                    expected = {made.messages[client]} if client in mine else set()
                    expected |= {both} if client in {"Alpha", "Beta"} and mine & {"Alpha", "Beta"} else set()
                    hits = answer.json()["hits"]
                    assert {one["message"]["id"] for one in hits} == expected, (login, client)
                    assert all(set(one["clients"]) <= mine for one in hits)
                    assert answer.json()["waiting"] is None
                    named = await http.get("/v1/search", params={"q": "secret", "client": client})
                    assert named.status_code == (200 if client in mine else 404)
                everything = (await http.get("/v1/search", params={"q": "-nothing"})).json()["hits"]
                seen = {one["message"]["id"] for one in everything}
                assert seen == {made.messages[one] for one in mine} | ({both} if mine & {"Alpha", "Beta"} else set())
                for query in ("client:omega", "-client:omega client:alpha", "secret client:delta"):
                    for one in (await http.get("/v1/search", params={"q": query})).json()["hits"]:
                        assert set(one["clients"]) <= mine
        async with made.client(None) as http:
            answer = (await http.get("/v1/search", params={"q": "secret"})).json()
            assert (len(answer["hits"]), answer["waiting"]) == (len(ACCESS) + 1, 1)
