"""What no mail program says: it costs the server nothing, and nobody else notices."""

from __future__ import annotations

import resource
import ssl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.proxy.imap.parse import MAX_LINE
from gateway.proxy.imap.session import MAX_BAD, MAX_MESSAGE
from gateway.trial.provider import TrialProvider
from tests.cost import spent
from tests.peers.ca import Ca
from tests.proxy.conftest import AL, LETTER
from tests.proxy.talk import Talk

WORDS = [b"a", b" ", b"(", b")", b'"', b"\\", b"{3+}\r\n", b"*", b"1:2", b"\0", b"\xff", b"BODY["]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" ",
        b"a",
        b"a ",
        b"* NOOP",
        b"+ NOOP",
        b"a (NOOP)",
        b"a NOOP\0",
        b"a NO\rOP",
        b"\xff\xfe NOOP",
        b"GET / HTTP/1.1",
        b"a UID",
        b"a UID NOOP",
        b"a UID LOGIN x y",
        b"a LOGIN {-1}",
        b"a LOGIN {x}",
        b"a LOGIN {99999999999999999999}",
        b'a LOGIN "al',
        b'a LOGIN "al\\x" y',
        b"a" * 65 + b" NOOP",
        b"a " + b"N" * 33,
    ],
)
async def test_D4_what_is_no_command_is_bad_and_the_next_one_works(provider: TrialProvider, line: bytes) -> None:
    async with Talk(provider.imap_port) as talk:
        await talk.answer()
        await talk.send(line + b"\r\n")
        assert b" BAD " in await talk.answer()
        assert await talk.do("NOOP") == [b"OK nothing done"]


async def test_F3_a_line_without_end_is_cut_off(provider: TrialProvider) -> None:
    async with Talk(provider.imap_port) as talk:
        await talk.answer()
        await talk.send(b"a NOOP " + b"x" * MAX_LINE)
        assert (await talk.answer()).startswith(b"* BAD ")
        assert (await talk.answer()).startswith(b"* BYE ")
        assert await talk.rest() == b""


async def test_D4_a_literal_over_the_limit_is_refused_before_it_is_sent(talk: Talk) -> None:
    assert (await talk.do(b"APPEND INBOX {4294967295}"))[-1] == b"NO [TOOBIG] that is more than I take"
    assert (await talk.do(b"SELECT {70000}"))[-1].startswith(b"NO [TOOBIG]")
    assert await talk.do("NOOP") == [b"OK nothing done"]


async def test_D4_a_literal_over_the_limit_that_comes_anyway_ends_the_connection(talk: Talk) -> None:
    answers = await talk.do(b"APPEND INBOX {4294967295+}\r\nx NOOP")
    assert answers[0].startswith(b"NO [TOOBIG]")
    assert (await talk.answer()).startswith(b"* BYE ")
    assert await talk.rest() == b""


async def test_nobody_appends_before_signing_in(provider: TrialProvider) -> None:
    async with Talk(provider.imap_port) as talk:
        await talk.answer()
        assert (await talk.do(b"APPEND INBOX {%d}" % MAX_MESSAGE))[-1].startswith(b"NO [TOOBIG]")


async def test_D4_a_literal_that_stops_half_way_leaves_nothing(provider: TrialProvider, talk: Talk) -> None:
    await talk.send(b"a APPEND INBOX {5+}\r\nabc")
    talk.writer.write_eof()
    assert await talk.rest() == b""
    assert not provider.account(AL).folders["INBOX"].messages


async def test_sixty_megabytes_of_literals_are_not_kept(talk: Talk) -> None:
    await talk.do("SELECT INBOX")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(1000):
        answers = await talk.do(b"SEARCH SUBJECT {60000+}\r\n" + b"x" * 60_000)
        assert answers == [b"* SEARCH", b"OK searched"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024  # KiB


async def test_who_speaks_no_imap_is_hung_up_on(provider: TrialProvider) -> None:
    async with Talk(provider.imap_port) as talk:
        await talk.answer()
        await talk.send(b"EHLO there\r\n" * MAX_BAD)
        assert (await talk.rest()).endswith(b"* BYE you don't speak IMAP\r\n")


async def test_I11_folder_names_cannot_start_a_new_line(talk: Talk) -> None:
    assert (await talk.do(b"CREATE {14+}\r\nx\r\na9 DELETE y"))[-1].startswith(b"BAD ")
    assert (await talk.do(b'CREATE "a\\"b\\\\c"'))[-1] == b"OK created"
    assert (await talk.do(b'LIST "" a*'))[0] == b'* LIST (\\HasNoChildren) "/" "a\\"b\\\\c"'


async def test_F5_a_deep_message_is_shown_without_hurting(provider: TrialProvider, talk: Talk) -> None:
    multiparts = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2000))
    messages = b"Content-Type: message/rfc822\r\n\r\n" * 1000
    with spent() as cost:
        for raw in (multiparts, messages):
            provider.deliver(AL, raw + LETTER)
            await talk.do("EXAMINE INBOX")
            number = len(provider.account(AL).folders["INBOX"].messages)
            answers = await talk.do(f"FETCH {number} (BODYSTRUCTURE ENVELOPE BODY.PEEK[{'.'.join(['1'] * 100)}])")
            assert answers[-1] == b"OK fetched"
            assert (await talk.do(f"FETCH {number} BODY.PEEK[{'.'.join(['1'] * 101)}]"))[-1].startswith(b"BAD ")
    assert cost.seconds < 4


async def test_S5_plaintext_behind_starttls_is_not_executed(ca: Ca) -> None:
    async with TrialProvider({AL: "secret"}, tls=ca.server_context()) as provider, Talk(provider.imap_port) as talk:
        await talk.answer()
        await talk.send(b"a STARTTLS\r\nb NOOP\r\n")
        assert await talk.answer() == b"a OK begin TLS now"
        assert await talk.rest() == b""
        assert provider.faults.reached["imap:noop"] == 0


async def test_S6_after_starttls_everything_begins_anew(ca: Ca) -> None:
    async with TrialProvider({AL: "secret"}, tls=ca.server_context()) as provider, Talk(provider.imap_port) as talk:
        assert b" STARTTLS " in await talk.answer()
        await talk.do("STARTTLS")
        await talk.writer.start_tls(ca.client_context(), server_hostname="localhost")
        assert b"STARTTLS" not in (await talk.do("CAPABILITY"))[0]
        assert (await talk.do("STARTTLS"))[-1].startswith(b"BAD ")
        assert (await talk.do("LOGIN al@pacino.example secret"))[-1].startswith(b"OK ")


async def test_S7_no_password_is_asked_for_in_clear(ca: Ca) -> None:
    async with TrialProvider({AL: "secret"}, tls=ca.server_context(), require_tls=True) as provider:
        async with Talk(provider.imap_port) as talk:
            greeting = await talk.answer()
            assert b"LOGINDISABLED" in greeting
            assert b"AUTH=" not in greeting
            assert (await talk.do("LOGIN al@pacino.example secret"))[-1].startswith(b"NO [PRIVACYREQUIRED]")
            assert (await talk.do("AUTHENTICATE PLAIN"))[-1].startswith(b"NO [PRIVACYREQUIRED]")
        async with Talk(provider.imap_tls_port, tls=ca.client_context()) as talk:
            await talk.sign_in()


async def test_S13_a_tls_hello_on_the_plain_port_harms_nobody(ca: Ca, provider: TrialProvider) -> None:
    talk = Talk(provider.imap_port, tls=ca.client_context())
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await talk.__aenter__()
    async with Talk(provider.imap_port) as other:
        await other.sign_in()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.sampled_from([b"a", b" ", b"(", b")", b'"', b"\\", b"{3+}\r\n", b"*", b"1:2", b"\0", b"\xff", b"BODY["])
    )
)
async def test_no_arguments_break_the_session(provider: TrialProvider, pieces: list[bytes]) -> None:
    for verb in (b"FETCH", b"SEARCH", b"STORE", b"LIST", b"APPEND", b"LOGIN", b"STATUS", b"ID", b"UID FETCH"):
        async with Talk(provider.imap_port) as talk:
            await talk.sign_in()
            await talk.do("SELECT INBOX")
            await talk.send(b"z " + verb + b" " + b"".join(pieces) + b"xxxxxxx\r\n\r\nend LOGOUT\r\n")
            assert b"SERVERBUG" not in await talk.rest()
