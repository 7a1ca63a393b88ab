"""A server that breaks off, lies, floods or falls silent: one session ends with the right error, and nothing hangs."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
from collections.abc import Awaitable, Callable

import pytest

from gateway.domain.address import Address
from gateway.domain.errors import CommandRefused, ProtocolFault, Unreachable
from gateway.domain.firm import Secret
from gateway.upstream.imap import ImapSession, open_session
from tests.cost import spent
from tests.upstream.imap.scripted import CAPABILITY, PASSWORD, Scripted, Talk

WAIT = 20  # seconds: nothing here takes that long unless it hangs
Script = Callable[[Talk], Awaitable[None]]


async def looked(server: Scripted, *, timeout: float = 5) -> ImapSession:  # noqa: ASYNC109  # the session's own
    session = await server.session(timeout=timeout)
    await session.examine("INBOX")
    return session


def answering(*lines: str | bytes, end: str = "OK done") -> Script:
    """A server that answers the first UID FETCH with these lines, and then its end."""

    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        await talk.hear("UID FETCH")
        await talk.say(*lines, f"{talk.tag} {end}")
        await talk.listen()

    return script


async def test_D3_a_vanished_message_is_simply_missing() -> None:
    async with Scripted(answering("* 1 EXPUNGE", "* VANISHED 1:4294967295", "* 2 EXISTS")) as server:
        session = await looked(server)
        async with asyncio.timeout(WAIT):
            assert await session.fetch_body(1, 100) is None
            assert await session.idle(WAIT) is True


async def test_D3_a_NO_because_it_was_expunged_means_gone_and_any_other_NO_does_not() -> None:
    async with Scripted(answering(end="NO [EXPUNGEISSUED] Some are gone")) as server:
        assert await (await looked(server)).fetch_body(1, 100) is None
    async with Scripted(answering(end="NO [SERVERBUG] Disk broken")) as server:
        session = await looked(server)
        with pytest.raises(CommandRefused, match="Disk broken"):
            await session.fetch_body(1, 100)


async def test_D3_data_nobody_asked_for_changes_no_answer() -> None:
    lines = (
        "* OK [ALERT] Look (out) {5}",
        "* 2 FETCH (FLAGS (\\Seen) UID 2)",
        "* 3 FETCH (FLAGS (\\Deleted))",
        "* LIST () NIL x",
        "* 1 FETCH (UID 1)",
        b'* 1 FETCH (BODY[]<0> {5}\r\nhello UID 1 FLAGS (\\Seen "a)("))',
        "* NO something is odd",
        "* SEARCH 4 5",
    )
    async with Scripted(answering(*lines)) as server:
        assert await (await looked(server)).fetch_body(1, 100) == b"hello"


async def test_D3_BYE_in_the_middle_is_told_with_the_servers_words() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.hear("EXAMINE")
        await talk.say("* BYE going down for maintenance")

    async with Scripted(script) as server:
        session = await server.session()
        with pytest.raises(Unreachable) as lost:
            await session.examine("INBOX")
        assert "maintenance" in lost.value.detail


async def test_D3_headers_below_the_cursor_are_dropped() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show(exists=9, uidnext=10)
        assert await talk.hear("UID SEARCH") == "UID 10:*"
        await talk.say("* SEARCH 9")  # as the standard wants it
        await talk.ok()

    async with Scripted(script) as server:
        assert await (await looked(server)).fetch_headers(10, None) == []


@pytest.mark.parametrize(
    "octets",
    [
        b"* 1 FETCH (UID 1 BODY[] {4294967296}\r\n",
        b"* 1 FETCH (UID 1 BODY[] {-1}\r\n",
        b"* 1 FETCH (UID 1 BODY[] {99999999}\r\n",
        b"* 1 FETCH " + b"(" * 100_000 + b"\r\n",
        b"* 1 FETCH (NIL NIL)\r\n",
        b"* 1 FETCH NIL\r\n",
        b"* NIL NIL NIL\r\n* 1 FETCH (UID NIL BODY[] NIL)\r\n",
        b"* SEARCH " + b"9" * 100 + b"\r\n",
        b"* ESEARCH UID ALL 1:4294967295\r\n",
        b"ZZ99 OK not your tag\r\n",
        b"\0\0\0\0\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"* 1 EXISTS\r\n" * 800_000,
    ],
    ids=lambda octets: repr(octets[:24]),
)
async def test_D4_what_no_server_may_say_ends_the_session_at_once(octets: bytes) -> None:
    with spent() as cost:
        async with Scripted(answering(octets)) as server:
            session = await looked(server)
            async with asyncio.timeout(WAIT):
                with pytest.raises(ProtocolFault):
                    await session.fetch_body(1, 1000)
                with pytest.raises(ProtocolFault):
                    await session.examine("INBOX")
    assert cost.seconds < 1.5  # the server's own work is in it


async def test_D4_NIL_in_place_of_a_body_is_no_body() -> None:
    async with Scripted(answering("* 1 FETCH (UID 1 BODY[] NIL)")) as server:
        assert await (await looked(server)).fetch_body(1, 100) is None


async def test_D4_a_literal8_is_a_literal() -> None:
    async with Scripted(answering(b"* 1 FETCH (UID 1 BODY[] ~{4}\r\na\0\r\n)")) as server:
        assert await (await looked(server)).fetch_body(1, 100) == b"a\0\r\n"


async def test_D4_a_connection_that_closes_inside_a_literal_is_lost() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        await talk.hear("UID FETCH")
        await talk.say(b"* 1 FETCH (BODY[] {5}\r\nabc")

    async with Scripted(script) as server:
        session = await looked(server)
        with pytest.raises(Unreachable):
            await session.fetch_body(1, 100)


async def test_D4_a_line_of_100_MB_costs_no_memory() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        await talk.hear("UID FETCH")
        for _ in range(1600):
            await talk.say(b"x" * 65534)

    async def endless(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        await talk.hear("UID FETCH")
        for _ in range(1600):
            talk.raw(b"x" * 65536)
            await talk.writer.drain()

    for each in (script, endless):
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with Scripted(each) as server:
            session = await looked(server)
            with pytest.raises(ProtocolFault):
                await session.fetch_body(1, 1000)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


async def idle_on(session: ImapSession) -> None:
    while True:
        await session.idle(0.05)


async def test_D4_an_invitation_where_nothing_follows_ends_the_session() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.hear("EXAMINE")
        await talk.say("+ please go on")
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        with pytest.raises(ProtocolFault):
            await session.examine("INBOX")


async def test_D4_a_server_that_floods_between_commands_is_hung_up_on() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        for _ in range(100):
            await talk.say(b"* OK " + b"x" * 65000)
        await talk.listen()

    async with Scripted(script) as server:
        session = await looked(server)
        async with asyncio.timeout(WAIT):
            with pytest.raises(ProtocolFault):
                await idle_on(session)


# What aioimaplib 2.0.3 does wrong, by the numbers of the list in the design notes.


async def test_fault_1_thousands_of_lines_in_one_read_are_read() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        await talk.hear("UID SEARCH")
        talk.raw(b"".join(b"* SEARCH %d\r\n" % uid for uid in range(1, 20_001)), talk.tag.encode(), b" OK done\r\n")
        await talk.listen()

    async with Scripted(script) as server:
        session = await looked(server)
        assert await session.search_addresses([Address("al", "pacino.example")], 20_001) == list(range(1, 20_001))


async def test_fault_2_the_librarys_log_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aioimaplib.aioimaplib").setLevel(logging.DEBUG)
    async with Scripted(answering(b"* 1 FETCH (UID 1 BODY[] {6}\r\nsecret)")) as server:
        assert await (await looked(server)).fetch_body(1, 100) == b"secret"
    assert PASSWORD not in caplog.text
    assert "secret" not in caplog.text


async def test_fault_3_one_FETCH_of_many_messages_takes_time_in_proportion() -> None:
    row = (
        b'* %d FETCH (UID %d RFC822.SIZE 9 INTERNALDATE "17-Jul-2026 02:44:25 -0700" BODY[HEADER] {6}\r\na: (\r\n)\r\n'
    )

    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        for start in range(1, 5000, 200):
            await talk.hear("UID FETCH")
            talk.raw(*(row % (uid, uid) for uid in range(start, start + 200)))
            await talk.ok()

    async with Scripted(script) as server:
        session = await looked(server)
        with spent() as cost:
            rows = await session.fetch_headers(1, None, uids=range(1, 5001))
        assert len(rows) == 5000
        assert cost.seconds < 3


async def test_fault_4_a_cancelled_command_ends_the_session_and_hands_no_late_answer_to_the_next() -> None:
    reached = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        await talk.hear("UID FETCH")
        reached.set()
        await talk.listen()

    async with Scripted(script) as server:
        session = await looked(server)
        task = asyncio.create_task(session.fetch_body(1, 100))
        async with asyncio.timeout(WAIT):
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(Unreachable):
                await session.fetch_body(2, 100)


async def test_fault_4_a_server_that_does_not_answer_is_given_up_at_the_time_limit() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session(timeout=0.3)
        async with asyncio.timeout(WAIT):
            with pytest.raises(Unreachable, match="in time"):
                await session.examine("INBOX")


@pytest.mark.parametrize("capability", [CAPABILITY, CAPABILITY.replace(" IDLE", "")])
async def test_fault_5_a_connection_that_drops_while_idling_is_noticed_at_once(capability: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome(capability)
        await talk.show()
        if "IDLE" in capability:
            await talk.hear("IDLE")
            await talk.say("+ idling")
        else:
            await talk.hear("NOOP")
            await talk.ok()

    async with Scripted(script) as server:
        session = await looked(server)
        async with asyncio.timeout(WAIT):
            with pytest.raises(Unreachable):
                await session.idle(1000)


async def test_fault_5_a_dead_connection_is_found_when_DONE_gets_no_answer() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.show()
        await talk.hear("IDLE")
        await talk.say("+ idling")
        assert await talk.line() == b"DONE"
        await talk.listen()

    async with Scripted(script) as server:
        session = await looked(server, timeout=0.3)
        async with asyncio.timeout(WAIT):
            with pytest.raises(Unreachable):
                await session.idle(0.1)


@pytest.mark.parametrize("line", [b"* BYE too many connections\r\n", b"", b"hello\r\n", b"A1 OK\r\n", b"220 smtp\r\n"])
async def test_fault_6_a_greeting_that_is_none_is_told_at_once(line: bytes) -> None:
    async def script(talk: Talk) -> None:
        talk.raw(line)
        await talk.writer.drain()
        if line:
            await talk.listen()

    async with Scripted(script) as server:
        async with asyncio.timeout(WAIT):
            with pytest.raises((Unreachable, ProtocolFault)) as refused:
                await open_session(server.endpoint(), "ana", Secret(PASSWORD), timeout=1000)
        assert server.heard == b""
        assert ("too many connections" in refused.value.sentence) == line.startswith(b"* BYE")


async def test_fault_6_nobody_there_is_told_with_the_place() -> None:
    async with Scripted(answering()) as server:
        endpoint = server.endpoint()
    with pytest.raises(Unreachable, match=f"127.0.0.1:{endpoint.port}"):
        await open_session(endpoint, "ana", Secret(PASSWORD))


async def test_fault_7_news_during_other_commands_is_kept() -> None:
    async with Scripted(answering("* 4 EXISTS", b"* 1 FETCH (UID 1 BODY[] {2}\r\nhi)")) as server:
        session = await looked(server)
        assert await session.fetch_body(1, 100) == b"hi"
        async with asyncio.timeout(WAIT):
            assert await session.idle(1000) is True


async def test_fault_8_an_APPEND_refused_at_its_size_sends_no_octet_of_the_message() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        assert await talk.hear("APPEND") == '"Gel&APY-scht" (\\Seen) {100000}'
        await talk.say(f"{talk.tag} NO [TOOBIG] too big")
        await talk.hear("LOGOUT")

    async with Scripted(script) as server:
        session = await server.session()
        with pytest.raises(CommandRefused, match="too big"):
            await session.append("Gelöscht", b"m" * 100_000)
        await session.close()
        assert b"mmm" not in server.heard


async def test_fault_8_a_server_that_takes_a_message_slowly_is_waited_for() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.hear("APPEND")
        await talk.say("+ go on")
        assert await talk.octets(3_000_000) == b"m" * 3_000_000
        await talk.line()
        await talk.say(f"{talk.tag} OK [APPENDUID 7 42] kept")

    async with Scripted(script) as server:
        session = await server.session(timeout=1)
        async with asyncio.timeout(WAIT):
            assert await session.append("Sent", b"m" * 3_000_000) == (7, 42)
