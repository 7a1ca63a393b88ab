"""Signing in: which way is taken, what a refusal means, and that no password goes where it must not."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest

from gateway.domain.errors import CommandRefused, ProtocolFault, SignInRefused, Unreachable, UpstreamError
from gateway.domain.firm import Secret, Security
from gateway.upstream.imap import open_session
from tests.peers.ca import Ca
from tests.upstream.imap.scripted import CAPABILITY, PASSWORD, Scripted, Talk

USER = "ana@firm.example"
PLAIN = b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()


async def refused_with(server: Scripted, security: Security, ca: Ca | None = None) -> UpstreamError:
    trust = ca.trust if ca else None
    async with asyncio.timeout(20):
        with pytest.raises(UpstreamError) as refused:
            await open_session(server.endpoint(security), USER, Secret(PASSWORD), trust=trust, timeout=5)
    return refused.value


def heard_no_secret(server: Scripted) -> bool:
    return not any(secret.encode() in server.heard for secret in (PASSWORD, PLAIN, USER))


@pytest.mark.parametrize(
    ("capability", "lines"),
    [
        ("IMAP4rev1 AUTH=PLAIN SASL-IR", [f"AUTHENTICATE PLAIN {PLAIN}"]),
        ("IMAP4rev1 AUTH=PLAIN", [f'LOGIN "{USER}" "{PASSWORD}"']),
        ("IMAP4rev1", [f'LOGIN "{USER}" "{PASSWORD}"']),
        ("IMAP4rev1 AUTH=PLAIN LOGINDISABLED", ["AUTHENTICATE PLAIN", PLAIN]),
    ],
)
async def test_the_way_in_follows_what_is_offered(capability: str, lines: list[str]) -> None:
    async def script(talk: Talk) -> None:
        await talk.greet(capability)
        assert await talk.hear("") == lines[0]
        for line in lines[1:]:
            await talk.say("+ ")
            assert (await talk.line()).decode() == line
        await talk.ok("[CAPABILITY IMAP4rev1] in")
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        assert session.capabilities == {"IMAP4REV1"}
        await session.close()


async def test_a_password_in_any_script_goes_as_a_literal() -> None:
    async def script(talk: Talk) -> None:
        await talk.greet("IMAP4rev1")
        assert await talk.hear("LOGIN") == '"ana\\\\x" {9}'
        await talk.say("+ go")
        assert await talk.octets(9) == 'pä"ß€'.encode()
        await talk.line()
        await talk.ok("[CAPABILITY IMAP4rev1] in")
        await talk.listen()

    async with Scripted(script) as server:
        session = await open_session(server.endpoint(), "ana\\x", Secret('pä"ß€'), timeout=5)
        await session.close()


async def test_without_capabilities_in_the_answers_they_are_asked_for() -> None:
    async def script(talk: Talk) -> None:
        await talk.say("* OK hello")
        for capability in ("IMAP4rev1 AUTH=PLAIN SASL-IR", "IMAP4rev1 IDLE"):
            await talk.hear("CAPABILITY")
            await talk.say(f"* CAPABILITY {capability}")
            await talk.ok()
            if "IDLE" not in capability:
                await talk.hear("AUTHENTICATE PLAIN")
                await talk.ok("in")
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        assert session.capabilities == {"IMAP4REV1", "IDLE"}
        await session.close()


@pytest.mark.parametrize("secret", ["a\r\nA2 LOGOUT", "a\nb", "a\rb", "a\0b"])
async def test_a_password_with_a_line_break_or_NUL_is_not_sent(secret: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.greet()
        await talk.listen()

    async with Scripted(script) as server:
        with pytest.raises(SignInRefused, match="line break"):
            await open_session(server.endpoint(), USER, Secret(secret), timeout=5)
        assert b"a" not in server.heard


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("NO Invalid credentials", SignInRefused),
        ("NO [AUTHENTICATIONFAILED] Authentication failed.", SignInRefused),
        ("NO [ALERT] Application-specific password required", SignInRefused),
        ("NO [EXPIRED] change it", SignInRefused),
        ("NO [PRIVACYREQUIRED] protect it", SignInRefused),
        ("NO [CONTACTADMIN] barred", SignInRefused),
        ("NO [OVERQUOTA] full", Unreachable),
        ("NO Request is throttled. Suggested Backoff Time: 299961 milliseconds", Unreachable),
        ("NO [UNAVAILABLE] Temporary authentication failure", Unreachable),
        ("NO [LIMIT] enough", Unreachable),
        ("NO [INUSE] wait", Unreachable),
        ("NO [ALERT] Too many simultaneous connections. (Failure)", Unreachable),
        ("NO Server temporarily unavailable", Unreachable),
        ("BAD what", CommandRefused),
    ],
)
async def test_a_refusal_is_told_apart_from_not_now(answer: str, kind: type[UpstreamError]) -> None:
    async def script(talk: Talk) -> None:
        await talk.greet()
        await talk.hear("AUTHENTICATE")
        await talk.say(f"{talk.tag} {answer}")
        await talk.listen()

    async with Scripted(script) as server:
        error = await refused_with(server, Security.NONE)
        assert type(error) is kind
        assert answer.rpartition("] ")[2].removeprefix("NO ").removeprefix("BAD ") in error.sentence


async def test_a_password_that_the_server_repeats_is_not_shown() -> None:
    async def script(talk: Talk) -> None:
        await talk.greet()
        await talk.hear("AUTHENTICATE")
        await talk.say(f"{talk.tag} NO {PASSWORD} is not the password")

    async with Scripted(script) as server:
        error = await refused_with(server, Security.NONE)
        assert PASSWORD not in error.sentence + error.detail


async def test_a_refusal_that_is_explained_and_waits_for_a_line_does_not_hang() -> None:
    async def script(talk: Talk) -> None:
        await talk.greet()
        await talk.hear("AUTHENTICATE")
        await talk.say("+ eyJzdGF0dXMiOiI0MDAifQ==")
        assert await talk.line() == b"*"
        await talk.say(f"{talk.tag} NO [AUTHENTICATIONFAILED] no")

    async with Scripted(script) as server:
        assert isinstance(await refused_with(server, Security.NONE), SignInRefused)


async def test_a_refusal_said_after_BYE_is_still_a_refusal() -> None:
    async def script(talk: Talk) -> None:
        await talk.greet()
        await talk.hear("AUTHENTICATE")
        await talk.say("* BYE bad password", f"{talk.tag} NO [AUTHENTICATIONFAILED] no")

    async with Scripted(script) as server:
        assert isinstance(await refused_with(server, Security.NONE), SignInRefused)


async def test_I12_LOGINDISABLED_is_respected() -> None:
    async def script(talk: Talk) -> None:
        await talk.greet("IMAP4rev1 LOGINDISABLED STARTTLS")
        await talk.listen()

    async with Scripted(script) as server:
        error = await refused_with(server, Security.NONE)
        assert isinstance(error, SignInRefused)
        assert "starttls" in error.sentence
        assert heard_no_secret(server)


@pytest.mark.parametrize(
    "greeting",
    [
        "* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] in",
        "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello",
        "* BYE no",
    ],
)
async def test_I12_where_STARTTLS_is_wanted_and_not_to_be_had_nothing_is_sent(greeting: str, ca: Ca) -> None:
    async def script(talk: Talk) -> None:
        await talk.say(greeting)
        await talk.listen()

    async with Scripted(script) as server:
        assert isinstance(await refused_with(server, Security.STARTTLS, ca), ProtocolFault | Unreachable)
        assert server.heard == b""


@pytest.mark.parametrize("behind", [b"* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n", b"* 1", b"\x16", b"A1 OK x\r\n"])
@pytest.mark.parametrize("together", [True, False])
async def test_I12_plaintext_behind_the_OK_to_STARTTLS_ends_it(behind: bytes, together: bool, ca: Ca) -> None:
    async def script(talk: Talk) -> None:
        await talk.greet("IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR")
        await talk.hear("STARTTLS")
        await talk.ok() if not together else talk.raw(talk.tag.encode() + b" OK go\r\n" + behind)
        if not together:
            await asyncio.sleep(0)
            talk.raw(behind)
        await talk.listen()

    async with Scripted(script) as server:
        error = await refused_with(server, Security.STARTTLS, ca)
        assert isinstance(error, ProtocolFault) or not together
        assert heard_no_secret(server)


async def test_I12_a_refused_STARTTLS_sends_no_password(ca: Ca) -> None:
    async def script(talk: Talk) -> None:
        await talk.greet("IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR")
        await talk.hear("STARTTLS")
        await talk.say(f"{talk.tag} NO not today")
        await talk.listen()

    async with Scripted(script) as server:
        assert isinstance(await refused_with(server, Security.STARTTLS, ca), CommandRefused)
        assert heard_no_secret(server)


async def test_I12_capabilities_said_in_the_clear_are_forgotten_under_TLS(ca: Ca) -> None:
    async def script(talk: Talk) -> None:
        await talk.greet("IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR")
        await talk.hear("STARTTLS")
        await talk.ok()
        await talk.writer.start_tls(ca.server_context())
        await talk.hear("CAPABILITY")
        await talk.say("* CAPABILITY IMAP4rev1 LOGINDISABLED")
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server:
        assert isinstance(await refused_with(server, Security.STARTTLS, ca), SignInRefused)
        assert heard_no_secret(server)


async def test_I12_a_server_that_needs_no_sign_in_gets_no_password() -> None:
    async def script(talk: Talk) -> None:
        await talk.say(f"* PREAUTH [CAPABILITY {CAPABILITY}] in")
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        await session.close()
        assert heard_no_secret(server)


async def test_who_we_are_is_said_where_that_is_asked_for() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome(CAPABILITY + " ID")
        assert (await talk.hear("ID")).startswith('("name" "Postern" "version" "')
        await talk.say(f"{talk.tag} NO who cares")
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        await session.close()
