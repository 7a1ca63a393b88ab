"""What a session does where servers differ: with few extensions, with large folders, with answers left out."""

from __future__ import annotations

import asyncio

import pytest

from gateway.domain.address import Address
from gateway.domain.errors import CommandRefused, ProtocolFault, Unreachable
from gateway.upstream.imap.session import Letter, Marked
from tests.upstream.imap.scripted import CAPABILITY, Scripted, Talk


async def test_a_large_folder_is_searched_in_portions_and_fetched_in_portions() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show(exists=60_000, uidnext=120_001)
        for uids in ("1:50000", "50001:100000", "100001:*"):
            assert await talk.hear("UID SEARCH") == f"UID {uids}"
            await talk.say("* SEARCH" + "".join(f" {uid}" for uid in range(1, 251) if uids == "1:50000"))
            await talk.ok()
        for uids in ("1:200", "201:250"):
            assert (await talk.hear("UID FETCH")).startswith(f"{uids} (")
            await talk.say(f"* 1 FETCH (UID {uids.partition(':')[0]} BODY[HEADER] {{0}}\r\n RFC822.SIZE 1)")
            await talk.ok()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        await session.examine("INBOX")
        assert [row.uid for row in await session.fetch_headers(1, None)] == [1, 201]
        await session.close()


async def test_a_server_without_IDLE_is_asked_with_NOOP() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome(CAPABILITY.replace(" IDLE", ""))
        await talk.show(exists=3)
        await talk.hear("NOOP")
        await talk.say("* 4 EXISTS")
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server, asyncio.timeout(20):
        session = await server.session()
        await session.examine("INBOX")
        assert await session.idle(1000) is True
        await session.close()


async def test_a_server_that_repeats_how_many_there_are_wakes_nobody() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show(exists=3)
        await talk.hear("IDLE")
        await talk.say("* 3 EXISTS", "+ idling", "* OK still here", "* 3 EXISTS", "+ still here")
        assert await talk.line() == b"DONE"
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server, asyncio.timeout(20):
        session = await server.session()
        await session.examine("INBOX")
        assert await session.idle(0.2) is False
        await session.close()


async def test_an_address_beyond_ASCII_is_searched_by_domain_where_the_server_knows_ASCII_only() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        assert (await talk.hear("UID SEARCH")).startswith("CHARSET UTF-8 UID 1:9 OR OR FROM {")
        await talk.octets(len("ștefan@firm.example".encode()))
        while "{" in (line := (await talk.line()).decode()):
            await talk.octets(int(line.partition("{")[2].partition("+")[0]))
        await talk.say(f"{talk.tag} NO [BADCHARSET (US-ASCII)] no")
        assert (await talk.hear("UID SEARCH")).startswith('UID 1:9 OR OR FROM "@firm.example" TO "@firm.example"')
        await talk.say("* SEARCH 2")
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        await session.examine("INBOX")
        assert await session.search_addresses([Address("ștefan", "firm.example")], 10) == [2]
        await session.close()


async def test_a_refused_search_is_an_error_and_not_an_empty_answer() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        await talk.hear("UID SEARCH")
        await talk.say(f"{talk.tag} NO [SERVERBUG] index broken")
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        await session.examine("INBOX")
        with pytest.raises(CommandRefused, match="index broken"):
            await session.search_addresses([Address("al", "pacino.example")], 10)
        await session.close()


async def test_a_folder_state_without_UIDNEXT_is_completed_and_one_without_UIDVALIDITY_refused() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.hear("EXAMINE")
        await talk.say("* 2 EXISTS", "* OK [UIDVALIDITY 7] x")
        await talk.ok()
        await talk.hear('STATUS "INBOX" (UIDNEXT)')
        await talk.say("* STATUS INBOX (UIDNEXT 12)")
        await talk.ok()
        await talk.hear("EXAMINE")
        await talk.say("* 2 EXISTS")
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        assert (await session.examine("INBOX")).uidnext == 12
        with pytest.raises(ProtocolFault):
            await session.examine("INBOX")
        await session.close()


async def test_an_append_whose_place_is_not_said_is_None() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome("IMAP4rev1 SASL-IR AUTH=PLAIN")
        assert await talk.hear("APPEND") == '"Sent" (\\Seen $Postern) {5}'
        await talk.say("+ go")
        assert await talk.octets(7) == b"a: b\n\r\n"
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        assert await session.append("Sent", b"a: b\n", flags=("\\Seen", "$Postern")) is None
        await session.close()


@pytest.mark.parametrize(
    ("code", "places"),
    [
        ("APPENDUID 7 4:5", [(7, 4), (7, 5)]),
        ("APPENDUID 7 4,9", [(7, 4), (7, 9)]),
        ("APPENDUID 7 4", [None, None]),
        ("APPENDUID 7 1:4294967295", [None, None]),
        ("APPENDUID 7 9:4", [None, None]),
        ("APPENDUID 7 4:5:6", [None, None]),
        ("APPENDUID 7 *", [None, None]),
        ("APPENDUID 7", [None, None]),
        ("APPENDUID " + "9" * 5000 + " 4:5", [None, None]),
        ("APPENDUID 7 " + "9" * 5000 + "x", [None, None]),
        ("APPENDUID 7 " + "9," * 5000 + "x", [None, None]),
    ],
)
async def test_places_that_are_not_those_of_what_was_appended_are_not_believed(
    code: str, places: list[tuple[int, int] | None]
) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome(f"{CAPABILITY} MULTIAPPEND")
        assert await talk.hear("APPEND") == '"Sent" (\\Seen) {1+}'
        assert await talk.octets(1) == b"a"
        assert await talk.line() == b" (\\Seen) {1+}"
        assert await talk.octets(1) == b"b"
        assert await talk.line() == b""
        await talk.say(f"{talk.tag} OK [{code}] done")
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        assert await session.append_all("Sent", [Letter(b"a"), Letter(b"b")]) == places
        await session.close()


async def test_a_folder_whose_name_is_not_modified_UTF_7_is_asked_for_as_the_server_wrote_it() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.hear("LIST")
        await talk.say('* LIST () "/" "Gelöscht"', b'* LIST () "/" {9}\r\nx\r\nA1 OK y', '* LIST () "/" "A&-B"')
        await talk.ok()
        assert await talk.hear("EXAMINE") == "{9+}"
        assert await talk.octets(9) == "Gelöscht".encode()
        await talk.line()
        await talk.say("* OK [UIDVALIDITY 7] x", "* OK [UIDNEXT 1] x")
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        assert [folder.name for folder in await session.folders()] == ["Gelöscht", "A&B"]
        assert (await session.examine("Gelöscht")).uidvalidity == 7
        await session.close()


async def test_closing_does_not_wait_for_who_idles() -> None:
    idling = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        await talk.hear("IDLE")
        await talk.say("+ idling")
        idling.set()
        await talk.listen()

    async with Scripted(script) as server, asyncio.timeout(20):
        session = await server.session()
        await session.examine("INBOX")
        waiting = asyncio.create_task(session.idle(1000))
        await idling.wait()
        await session.close()
        with pytest.raises(Unreachable):
            await waiting


@pytest.mark.parametrize(
    ("told", "ending"),
    [
        (["* OK [PERMANENTFLAGS (\\Seen \\*)] kept"], "[READ-WRITE] selected"),
        (["* OK [PERMANENTFLAGS ()] none"], "[READ-WRITE] selected"),
        (["* OK [PERMANENTFLAGS (\\Answered)] kept"], "[READ-ONLY] selected"),
    ],
)
async def test_where_the_folder_does_not_keep_the_flag_nothing_is_stored(told: list[str], ending: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.hear("SELECT")
        await talk.say("* OK [UIDVALIDITY 7] good", *told)
        await talk.ok(ending)
        await talk.hear("EXAMINE")
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        assert await session.mark_answered("INBOX", 7, [1]) is Marked.NOT_KEPT
        await session.close()
        assert b"STORE" not in server.heard


async def test_a_folder_that_may_not_be_written_is_an_error_and_is_only_looked_at_afterwards() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.hear("SELECT")
        await talk.say("* OK [UIDVALIDITY 7] good")
        await talk.ok()
        assert await talk.hear("UID STORE") == "3:4 +FLAGS.SILENT (\\Answered)"
        await talk.say(f"{talk.tag} NO [NOPERM] not yours")
        await talk.hear("EXAMINE")
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        with pytest.raises(CommandRefused):
            await session.mark_answered("INBOX", 7, [4, 3])
        await session.close()
