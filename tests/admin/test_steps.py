"""A change over HTTP, rehearsed and taken back: numbers for who sets the firm up, words only for who may read them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.admin.walled import ACCESS, Walled, client_of, contact, secret, walled

MOVE: dict[str, Any] = {
    "client": [
        {"name": "Beta", "members": ["ion"], "contacts": []},
        {
            "name": "Gamma",
            "members": ["ana", "ion"],
            "contacts": [
                {"name": "Boss", "addresses": [{"address": str(contact("Gamma"))}, {"address": str(contact("Beta"))}]}
            ],
        },
    ]
}
DRY = {"dry_run": "true"}


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Walled]:
    async with walled(tmp_path) as built:
        yield built


async def test_U3_a_rehearsal_counts_mail_of_closed_clients_and_shows_nothing_of_it(made: Walled) -> None:
    for login in ("olga", "adam"):
        async with made.as_member(login) as http:
            answer = await http.post("/v1/apply", json=MOVE, params=DRY)
        record = answer.json()["record"]
        assert record["moves"] == [{"from": "Beta", "to": "Gamma", "messages": 1}]
        assert (record["messages"], record["closed"], record["total"]) == ([], 1, 1)
        assert [one for one in ACCESS if secret(one) in answer.text] == []
    async with made.client(None) as http:
        record = (await http.post("/v1/apply", json=MOVE, params=DRY)).json()["record"]
    (shown,) = record["messages"]
    assert (shown["id"], shown["subject"], shown["clients"]) == (made.messages["Beta"], secret("Beta"), ["Beta"])
    assert shown["becomes"] == [{"client": "Beta", "does": "left"}, {"client": "Gamma", "does": "filed"}]


async def test_U3_an_owner_sees_words_of_clients_that_are_theirs_and_not_where_else_they_go(made: Walled) -> None:
    document = {"client": [MOVE["client"][0] | {"members": ["olga"]}, MOVE["client"][1]]}
    async with made.as_member("olga") as http:
        await http.post("/v1/apply", json={"client": [beta_for_olga()]})
        record = (await http.post("/v1/apply", json=document, params=DRY)).json()["record"]
    (shown,) = record["messages"]
    assert (shown["clients"], shown["becomes"]) == (["Beta"], [{"client": "Beta", "does": "left"}])


def beta_for_olga() -> dict[str, object]:
    contacts = [{"name": "Boss", "addresses": [{"address": str(contact("Beta"))}]}]
    return {"name": "Beta", "members": ["olga"], "contacts": contacts}


async def test_only_who_may_change_settings_rehearses_or_undoes(made: Walled) -> None:
    for login, status in (("ana", 403), ("ion", 403), ("adam", 200), ("olga", 200)):
        async with made.as_member(login) as http:
            assert (await http.post("/v1/apply", json=MOVE, params=DRY)).status_code == status
    async with made.as_member("olga") as http:
        step = (await http.post("/v1/apply", json=MOVE)).json()["step"]
    for login in ("ana", "ion"):
        async with made.as_member(login) as http:
            for params in ({}, DRY):
                assert (await http.post(f"/v1/steps/{step}/undo", params=params)).status_code == 403
    async with made.as_member("ana") as http:
        assert (await http.get(f"/v1/messages/{made.messages['Beta']}")).status_code == 200, "it moved to Gamma"
    async with made.as_member("adam") as http:
        dry = (await http.post(f"/v1/steps/{step}/undo", params=DRY)).json()
        back = (await http.post(f"/v1/steps/{step}/undo")).json()
        assert (await http.post(f"/v1/steps/{step}/undo")).status_code == 409
        assert (await http.post("/v1/steps/999/undo")).status_code == 404
        assert (await http.post("/v1/steps/0/undo")).status_code == 400
    assert (dry["changes"], dry["record"]["clients"]) == (back["changes"], back["record"]["clients"])
    assert (dry["step"], back["step"]) == (None, step + 1)
    async with made.as_member("ana") as http:
        assert (await http.get(f"/v1/messages/{made.messages['Beta']}")).status_code == 404


async def test_U3_what_leaves_every_record_is_shown_to_who_could_read_it_and_to_nobody_else(made: Walled) -> None:
    for login, shown, closed in (("olga", 0, 1), (None, 2, 0)):  # what was taken out comes back with the address
        async with made.client(None) as http:
            step = (await http.post("/v1/apply", json={"client": [client_of("New", "ion")]})).json()["step"]
            await made.file(200 + step, "New")
        async with made.as_member(login) if login else made.client(None) as http:
            answer = await http.post(f"/v1/steps/{step}/undo")
        record = answer.json()["record"]
        assert [each["client"] for one in record["messages"] for each in one["becomes"]] == ["New"] * shown
        assert (record["total"], record["closed"]) == (shown + closed, closed)
        assert (secret("New") in answer.text) == bool(shown)


async def test_the_messages_of_a_change_come_page_by_page(made: Walled) -> None:
    numbers = [made.messages["Beta"], *[await made.file(100 + number, "Beta") for number in range(4)]]
    seen: list[int] = []
    params = {**DRY, "limit": "2"}
    async with made.client(None) as http:
        while True:
            record = (await http.post("/v1/apply", json=MOVE, params=params)).json()["record"]
            assert record["total"] == 5
            seen += [one["id"] for one in record["messages"]]
            if record["next"] is None:
                break
            params["after"] = str(record["next"])
    assert seen == sorted(numbers)
