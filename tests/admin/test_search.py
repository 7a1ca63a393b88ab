"""Search over HTTP: what is found, what is said besides, and nothing that a person can type is an error."""

from __future__ import annotations

import httpx2
import pytest

from gateway.inbound.indexing import Indexing
from tests.admin.house import CLIENT, HOSTILE, House
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
