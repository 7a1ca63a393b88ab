"""`postern dkim`: what a person types, and what is said."""

from __future__ import annotations

import re

from tests.admin.house import House
from tests.cli.terminal import ask

DOMAIN = "firm.example"


async def test_new_prints_the_record_and_what_to_do_with_it(house: House) -> None:
    said = await ask(house.socket, "dkim", "new", DOMAIN)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "key:       firm.example postern202603 (rsa, waiting)"
    assert lines[1] == "name:      postern202603._domainkey.firm.example"
    assert lines[2] == "type:      TXT"
    assert re.fullmatch(r"value:     v=DKIM1; k=rsa; p=[A-Za-z0-9+/=]{392}", lines[3])
    assert re.fullmatch(r'zone file: postern202603._domainkey.firm.example. IN TXT \( "[^"]{255}" "[^"]+" \)', lines[4])
    assert lines[-1].endswith("then `postern dkim enable firm.example` begins to sign.")
    assert (await ask(house.socket, "dkim", "show", DOMAIN)).out.splitlines() == lines[:5]


async def test_new_takes_selector_and_algorithm(house: House) -> None:
    said = await ask(house.socket, "dkim", "new", DOMAIN, "--selector", "mine", "--algorithm", "ed25519", "--json")
    assert (said.json["selector"], said.json["algorithm"]) == ("mine", "ed25519")
    assert said.json["record"]["value"].startswith("v=DKIM1; k=ed25519; p=")


async def test_enable_says_what_is_wrong_and_exits_with_65(house: House) -> None:
    key = (await ask(house.socket, "dkim", "new", DOMAIN, "--algorithm", "ed25519", "--json")).json
    said = await ask(house.socket, "dkim", "enable", DOMAIN)
    assert (said.code, said.out) == (65, "")
    assert "There is no TXT record at postern202603-ed._domainkey.firm.example yet" in said.err
    house.dns[key["record"]["name"]] = [key["record"]["value"].encode()]
    said = await ask(house.socket, "dkim", "enable", DOMAIN)
    assert (said.code, said.out) == (0, "postern202603-ed signs the mail of firm.example from now on.\n")


async def test_a_rotation_from_beginning_to_end(house: House) -> None:
    assert (
        await ask(house.socket, "dkim", "list")
    ).err == "Nothing is signed: `postern dkim new DOMAIN` makes a key.\n"
    for selector in ("a", "b"):
        await ask(house.socket, "dkim", "new", DOMAIN, "--selector", selector, "--algorithm", "ed25519")
        assert (await ask(house.socket, "dkim", "enable", DOMAIN, "--selector", selector, "--unchecked")).code == 0
    listed = (await ask(house.socket, "dkim", "list")).out.splitlines()
    assert [row.split()[:4] for row in listed[1:]] == [
        [DOMAIN, "a", "ed25519", "retired"],
        [DOMAIN, "b", "ed25519", "active"],
    ]
    assert (await ask(house.socket, "dkim", "remove", DOMAIN)).out == "a of firm.example is gone.\n"
    refused = await ask(house.socket, "dkim", "remove", DOMAIN, "--selector", "b")
    assert (refused.code, "`postern dkim disable firm.example` first" in refused.err) == (65, True)
    disabled = await ask(house.socket, "dkim", "disable", DOMAIN)
    assert disabled.out.startswith("b signs the mail of firm.example no more: ")
    assert [key["state"] for key in (await ask(house.socket, "dkim", "list", "--json")).json["keys"]] == ["retired"]


async def test_show_prints_all_keys_or_one(house: House) -> None:
    for selector in ("a", "b"):
        await ask(house.socket, "dkim", "new", DOMAIN, "--selector", selector, "--algorithm", "ed25519")
    assert (await ask(house.socket, "dkim", "show", DOMAIN)).out.count("zone file:") == 2
    one = await ask(house.socket, "dkim", "show", DOMAIN, "--selector", "b", "--json")
    assert [key["selector"] for key in one.json["keys"]] == ["b"]
    none = await ask(house.socket, "dkim", "show", DOMAIN, "--selector", "z")
    assert (none.code, none.out) == (65, "")
    assert "has no key 'z'" in none.err


async def test_an_unknown_domain_is_65_with_a_sentence(house: House) -> None:
    said = await ask(house.socket, "dkim", "new", "else.example")
    assert (said.code, said.out) == (65, "")
    assert "The firm has no mailbox in else.example" in said.err
