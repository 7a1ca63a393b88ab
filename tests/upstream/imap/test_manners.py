"""What providers ask for: their facts by host name, sign-ins at a pace, counts of folders without selecting them."""

from __future__ import annotations

import asyncio

import pytest

from gateway.domain.address import Address
from gateway.policy.cursor import Sight
from gateway.upstream.imap.doorway import Doorway
from gateway.upstream.providers import PROVIDERS, facts_of
from tests.upstream.imap.scripted import CAPABILITY, Scripted, Talk


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("imap.gmail.com", "Google"),
        ("OUTLOOK.office365.com.", "Microsoft"),
        ("imap.mail.me.com", "Apple"),
        ("imap.mail.yahoo.com", "Yahoo"),
        ("localhost", "the firm's own"),
        ("192.168.7.20", "the firm's own"),
        ("172.31.255.1", "the firm's own"),
        ("fd00::7", "the firm's own"),
        ("172.32.0.1", ""),
        ("192.0.2.1", ""),
        ("10.0.0.1.example", ""),
        ("notgmail.com", ""),
        ("gmail.com.evil.example", ""),
    ],
)
def test_a_provider_is_known_by_the_end_of_its_hosts_name_and_the_firm_by_its_address(host: str, name: str) -> None:
    assert facts_of(host).name == name


def test_every_provider_gets_fewer_connections_than_it_allows_and_IDLE_in_time() -> None:
    for facts in PROVIDERS:
        assert facts.idle_folders + 2 <= facts.connections  # one for the rest, one for sent copies
        assert facts.renew_idle < 29 * 60  # RFC 2177


async def test_sign_ins_at_one_host_keep_their_distance_and_hosts_do_not_wait_for_each_other() -> None:
    clock, door = asyncio.get_running_loop(), Doorway()
    start = clock.time()
    await asyncio.gather(*(door.turn("one.example", 50) for _ in range(6)))
    assert clock.time() - start >= 0.99 * 5 / 50
    begun = clock.time()
    await door.turn("other.example", 0.001)
    assert clock.time() - begun < 1


@pytest.mark.parametrize("capability", ["", " LIST-STATUS"])
async def test_folders_are_counted_without_being_selected(capability: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome(CAPABILITY + capability)
        await talk.hear("LIST")
        await talk.say('* LIST () "." INBOX', '* LIST () "." "INBOX.Entw&APw-rfe"', '* LIST () "." Gone')
        await talk.ok()
        if capability:
            assert await talk.hear("LIST") == '"" "*" RETURN (STATUS (UIDVALIDITY UIDNEXT MESSAGES))'
            await talk.say('* LIST () "." INBOX', "* STATUS inbox (MESSAGES 2 UIDNEXT 9 UIDVALIDITY 7)")
            await talk.say('* STATUS "INBOX.Entw&APw-rfe" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 8)')
            await talk.ok()
        else:
            await talk.hear("STATUS")
            await talk.say("* STATUS INBOX (MESSAGES 2 UIDNEXT 9 UIDVALIDITY 7)")
            await talk.ok()
            assert (await talk.hear("STATUS")).startswith('"INBOX.Entw&APw-rfe" (')
            await talk.say('* STATUS "INBOX.Entw&APw-rfe" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 8)')
            await talk.ok()
            await talk.hear("STATUS")
            await talk.say(f"{talk.tag} NO [NONEXISTENT] it went")
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        names = [folder.name for folder in await session.folders()]
        assert await session.sights(names) == {"INBOX": Sight(7, 9, 2), "INBOX.Entwürfe": Sight(8, 1, 0)}
        await session.close()


@pytest.mark.parametrize("capability", ["IMAP4rev2 AUTH=PLAIN SASL-IR", "IMAP4rev1 UTF8=ONLY AUTH=PLAIN SASL-IR"])
async def test_a_server_that_knows_only_UTF_8_gets_names_in_it(capability: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome(capability)
        if "ONLY" in capability:
            assert await talk.hear("ENABLE") == "UTF8=ACCEPT"
            await talk.ok()
        await talk.hear("LIST")
        await talk.say('* LIST () "/" "A&-B"', '* LIST () "/" "Entwürfe"')
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        assert [folder.name for folder in await session.folders()] == ["A&-B", "Entwürfe"]
        await session.close()


async def test_D4_a_server_that_lies_about_UIDNEXT_costs_one_search() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show(exists=2, uidnext=2**32 - 1)
        assert await talk.hear("UID SEARCH") == "UID 1:*"
        await talk.say("* SEARCH 5 9")
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        await session.examine("INBOX")
        assert await session.uids(1) == [5, 9]
        await session.close()


async def test_a_server_of_UTF_8_only_is_searched_without_a_charset() -> None:
    wanted = "ană@client.example"

    async def script(talk: Talk) -> None:
        await talk.welcome("IMAP4rev1 UTF8=ONLY AUTH=PLAIN SASL-IR LITERAL+")
        await talk.hear("ENABLE")
        await talk.ok()
        await talk.show()
        assert "CHARSET" not in await talk.hear("UID SEARCH")
        await talk.octets(len(wanted.encode()))
        for _ in range(3):
            await talk.line()
            await talk.octets(len(wanted.encode()))
        await talk.line()
        await talk.say("* SEARCH 2")
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        await session.examine("INBOX")
        assert await session.search_addresses([Address("ană", "client.example")], 9) == [2]
        await session.close()
