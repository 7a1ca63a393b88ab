"""The firm over HTTP: applied whole, exported whole, listed, and never with a secret."""

from __future__ import annotations

import tomllib
from copy import deepcopy

import httpx2

from tests.admin.house import FIRM, PASSWORDS, House

NOUNS = ("members", "mailboxes", "clients", "rules", "signatures")


async def test_a_second_apply_changes_nothing(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/v1/apply", json=FIRM)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["changes"], told["dry_run"], told["step"], told["record"]["total"]) == ([], False, None, 0)


async def test_a_change_is_shown_and_made_in_the_askers_name(house: House, http: httpx2.AsyncClient) -> None:
    document = deepcopy(FIRM) | {"firm": {"name": "Popescu"}}
    dry = (await http.post("/v1/apply", params={"dry_run": True}, json=document)).json()
    assert house.office.firm.name == "Popescu & Asociații"
    made = (await http.post("/v1/apply", json=document)).json()
    assert dry["changes"] == made["changes"]
    assert [(change["kind"], change["verb"]) for change in made["changes"]] == [("firm", "changed")]
    assert house.office.firm.name == "Popescu"


async def test_prune_removes_what_is_not_mentioned(house: House, http: httpx2.AsyncClient) -> None:
    document = FIRM | {"client": [{"name": "Al Pacino 2", "members": ["ana"], "contacts": []}]}
    assert [change["verb"] for change in (await http.post("/v1/apply", json=document)).json()["changes"]] == ["added"]
    changes = (await http.post("/v1/apply", params={"prune": True}, json=document)).json()["changes"]
    assert [(change["kind"], change["verb"]) for change in changes] == [("client", "removed")]
    assert [client.name for client in house.office.firm.clients] == ["Al Pacino 2"]


async def test_all_faults_come_at_once_and_nothing_changes(house: House, http: httpx2.AsyncClient) -> None:
    before = house.office.firm
    document = {
        "firm": {"name": "New"},
        "member": [{"login": "x", "role": "king"}],
        "rule": [{"name": "r", "send_as": "?"}],
    }
    answer = await http.post("/v1/apply", json=document)
    problem = answer.json()
    assert (answer.status_code, problem["kind"]) == (422, "faulty")
    assert {fault["path"].split("[")[0] for fault in problem["faults"]} == {"member", "rule"}
    assert all(fault["sentence"] for fault in problem["faults"])
    assert house.office.firm is before


async def test_the_export_can_be_applied_and_changes_nothing(http: httpx2.AsyncClient) -> None:
    exported = await http.get("/v1/export")
    assert exported.headers["content-type"].startswith("application/toml")
    document = tomllib.loads(exported.text)
    assert (await http.post("/v1/apply", json=document)).json()["changes"] == []


async def test_the_nouns_are_listed(http: httpx2.AsyncClient) -> None:
    listed = {noun: (await http.get(f"/v1/{noun}")).json()[noun] for noun in NOUNS}
    ana = {"login": "ana", "name": "Ana Pop", "role": "owner", "can_sign_in": True, "signature": None}
    assert listed["members"] == [ana]
    assert listed["mailboxes"][0]["imap"] == {"host": "127.0.0.1", "port": 1143, "security": "none"}
    assert listed["clients"][0]["contacts"][0]["addresses"][0]["address"] == "al@pacino.example"
    assert listed["rules"][0]["send_as"] == "support@firm.example"
    assert listed["signatures"][0]["name"] == "support"


async def test_a_mailbox_is_listed_with_its_sync(house: House, http: httpx2.AsyncClient) -> None:
    assert (await http.get("/v1/mailboxes")).json()["mailboxes"][0]["sync"] is None
    await house.sync_stopped()
    sync = (await http.get("/v1/mailboxes")).json()["mailboxes"][0]["sync"]
    assert (sync["state"], sync["since"]) == ("stopped", "2026-03-14T15:09:26Z")
    assert sync["detail"].startswith("The provider refuses")


async def test_X1_no_answer_holds_a_password_or_a_hash(house: House, http: httpx2.AsyncClient) -> None:
    hashes = [member.password_hash for member in house.office.firm.members]
    assert all(hashes)
    for path in ("/v1/status", "/v1/export", "/metrics", *(f"/v1/{noun}" for noun in NOUNS)):
        text = (await http.get(path)).text
        assert not [secret for secret in (*PASSWORDS, *hashes, "argon2") if secret in text], path
