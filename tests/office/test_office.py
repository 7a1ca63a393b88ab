"""Applying a file makes the firm so, once, and whole or not at all; the export is such a file."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import Faulty, NoSpace
from gateway.domain.firm import Firm
from gateway.office.draft import parse
from gateway.office.office import Office
from gateway.office.passwords import Passwords
from gateway.settings.firmfile import firm_document
from gateway.settings.toml import write_toml
from tests.office.documents import contract
from tests.office.shelf import NOON, Shelf

PASSWORDS = Passwords()


def office_on(shelf: Shelf) -> Office:
    return Office(shelf, passwords=PASSWORDS)


async def applied(office: Office, document: dict[str, Any], *, dry_run: bool = False, prune: bool = False) -> list[str]:
    changes = (await office.apply(document, by="uid 0", at=NOON, dry_run=dry_run, prune=prune)).changes
    return [str(change) for change in changes]


async def test_the_first_time_everything_is_added_and_the_second_time_nothing_changes() -> None:
    shelf = Shelf()
    office = office_on(shelf)
    first = await applied(office, contract())
    assert first == [
        'firm Popescu & Asociații changed: name "" → "Popescu & Asociații", reply_to nothing → "office@firm.example"',
        "member ana added",
        "member ion added",
        "mailbox support@firm.example added",
        "signature support added",
        "rule everything to clients leaves as support added",
        "client Al Pacino added",
    ]
    assert await applied(office, contract()) == []
    assert shelf.booked == [("uid 0", NOON, tuple(first))]
    assert shelf.firm == office.firm


async def test_a_file_in_another_order_changes_nothing() -> None:
    office = office_on(Shelf())
    await applied(office, contract())
    document = contract()
    document["member"].reverse()
    document["mailbox"][0]["members"].reverse()
    document["client"][0]["members"].reverse()
    assert await applied(office, document) == []


async def test_passwords_are_kept_as_hashes_and_a_hash_stays_while_the_password_does() -> None:
    office = office_on(Shelf())
    await applied(office, contract())
    before = office.firm.member_by_login["ana"].password_hash
    assert before.startswith("$argon2id$")
    document = contract()
    document["member"][0]["password"] = "new"
    assert await applied(office, document) == ["member ana changed: password"]
    after = office.firm.member_by_login["ana"].password_hash
    assert await PASSWORDS.verify(after, "new")
    assert not await PASSWORDS.verify(after, "ana's password")


async def test_changes_tell_from_what_to_what_and_no_secret() -> None:
    shelf = Shelf()
    office = office_on(shelf)
    await applied(office, contract())
    document = contract()
    document["member"][1] |= {"name": "Ion I.", "role": "admin", "password": "canary one"}
    document["mailbox"][0] |= {"allow_others_to_send": False, "password": "canary two", "folders": ["INBOX"]}
    document["signature"][0]["text"] = "canary three"
    document["client"][0]["contacts"][0]["addresses"][0]["email_sync"] = False
    changes = await applied(office, document)
    assert changes == [
        'member ion changed: name "Ion Ionescu" → "Ion I.", role "employee" → "admin", password',
        "mailbox support@firm.example changed: password, allow_others_to_send true → false, folders",
        "signature support changed: text",
        "client Al Pacino changed: contacts",
    ]
    assert "canary" not in str(shelf.booked)


async def test_a_rule_that_says_more_names_what_it_says_more() -> None:
    office = office_on(Shelf())
    await applied(office, {"rule": [{"name": "a", "sender": True}]})
    assert await applied(office, {"rule": [{"name": "a", "reply_to": "office@firm.example"}]}) == [
        'rule a changed: reply_to nothing → "office@firm.example", sender true → nothing',
    ]


async def test_the_order_of_rules_is_a_change() -> None:
    office = office_on(Shelf())
    await applied(office, {"rule": [{"name": "a"}, {"name": "b"}, {"name": "c"}]})
    assert await applied(office, {"rule": [{"name": "b"}, {"name": "a"}]}) == [
        "rule c removed",
        "rule * changed: order",
    ]
    assert [rule.name for rule in office.firm.rules] == ["b", "a"]


async def test_a_faulty_file_changes_nothing() -> None:
    shelf = Shelf()
    office = office_on(shelf)
    await applied(office, contract())
    before = office.firm
    document = contract()
    document["member"][0]["name"] = "Other"
    document["rule"][0]["send_as"] = "gone@firm.example"
    with pytest.raises(Faulty):
        await applied(office, document)
    assert office.firm is before
    assert len(shelf.booked) == 1


async def test_a_dry_run_tells_and_changes_nothing() -> None:
    shelf = Shelf()
    office = office_on(shelf)
    told: list[Firm] = []
    office.on_change.append(told.append)
    assert len(await applied(office, contract(), dry_run=True)) == 7
    assert office.firm == Firm()
    assert (shelf.booked, told) == ([], [])


async def test_those_who_depend_on_the_firm_are_told_once_it_is_kept() -> None:
    shelf = Shelf()
    office = office_on(shelf)
    told: list[Firm] = []
    office.on_change.append(told.append)
    await applied(office, contract())
    await applied(office, contract())
    assert told == [shelf.firm]
    shelf.full = True
    with pytest.raises(NoSpace):
        await applied(office, {"client": [{"name": "New"}]})
    assert len(told) == 1
    assert office.firm == shelf.firm


async def test_prune_removes_and_says_so() -> None:
    office = office_on(Shelf())
    await applied(office, contract())
    assert await applied(office, {"client": []}, prune=True) == ["client Al Pacino removed"]


async def test_what_was_kept_is_there_after_a_restart() -> None:
    shelf = Shelf()
    await applied(office_on(shelf), contract())
    office = office_on(shelf)
    assert office.firm == Firm()
    assert await office.load() == shelf.firm
    assert await applied(office, contract()) == []


async def test_the_export_applied_changes_nothing_and_holds_no_secret() -> None:
    office = office_on(Shelf())
    await applied(office, contract())
    exported = office.export()
    assert "password" not in exported.lower().replace("passwords are left out", "")
    assert "argon2" not in exported
    assert await applied(office, tomllib.loads(exported), prune=True) == []


async def test_the_export_of_an_empty_firm_is_a_file_too() -> None:
    office = office_on(Shelf())
    assert await applied(office, tomllib.loads(office.export()), prune=True) == []


async def test_the_export_applied_elsewhere_asks_only_for_the_mailboxes_passwords() -> None:
    office = office_on(Shelf())
    await applied(office, contract())
    document = tomllib.loads(office.export())
    with pytest.raises(Faulty) as refused:
        await applied(office_on(Shelf()), document)
    assert [fault.path for fault in refused.value.faults] == ["mailbox[0].password"]


LINES = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just("x"), min_size=1, max_size=12)
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}\0"), max_size=30)
LOCALS = st.from_regex(r"[a-z]{1,8}", fullmatch=True)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    document = copy.deepcopy(contract())
    document["firm"]["name"] = draw(LINES)
    document["member"][0]["name"] = draw(LINES)
    document["signature"][0] |= {"name": "support", "text": draw(PLAIN), "html": draw(PLAIN)}
    document["mailbox"][0] |= {"name": draw(LINES), "save_attachments": draw(st.booleans()), "folders": [draw(LINES)]}
    document["rule"][0] |= {"name": draw(LINES), "display_name": draw(PLAIN), "sender": draw(st.none() | st.booleans())}
    document["rule"][0]["when"] = {"sender": [f"{draw(LOCALS)}@x.example"], "to_client": draw(st.booleans())}
    document["client"][0] |= {"name": draw(LINES), "members": draw(st.sampled_from([["*"], ["ana"], []]))}
    address = {"address": f'"{draw(LOCALS)} x"@y.example', "notify": draw(st.booleans()), "login": draw(st.booleans())}
    document["client"][0]["contacts"] = [{"name": draw(LINES), "addresses": [address]}]
    return document


@given(documents())
def test_any_firm_survives_export_and_apply(document: dict[str, Any]) -> None:
    if document["rule"][0]["sender"] is None:
        del document["rule"][0]["sender"]
    firm = parse(document).firm
    assert parse(tomllib.loads(write_toml(firm_document(firm))), current=firm, prune=True).firm == firm
