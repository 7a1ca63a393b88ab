"""The trial provider's SMTP keeps the protocol as strictly as real providers do, unless it is told otherwise."""

from __future__ import annotations

import asyncio
import base64
import smtplib
from collections.abc import AsyncIterator

import pytest

from gateway.trial import smtp
from gateway.trial.provider import TrialProvider
from tests.peers.ca import Ca
from tests.trial.conftest import AL, LETTER, SUPPORT
from tests.trial.dialogue import Dialogue


@pytest.fixture
async def dialogue(provider: TrialProvider) -> AsyncIterator[Dialogue]:
    """Give a connection that is signed in as the client."""
    async with Dialogue(provider.smtp_port) as talking:
        yield await talking.sign_in()


def code(text: bytes) -> str:
    return base64.b64encode(text).decode()


async def test_ehlo_tells_what_is_true(provider: TrialProvider) -> None:
    async with Dialogue(provider.smtp_port) as dialogue:
        await dialogue.reply()
        reply = await dialogue.say("EHLO test.example")
    offered = {line[4:].strip() for line in reply.splitlines()}
    wanted = {
        "PIPELINING",
        f"SIZE {smtp.MAX_MESSAGE}",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
        "AUTH PLAIN LOGIN",
    }
    assert offered == {"trial.example"} | wanted


async def test_a_message_is_kept_to_the_octet_and_reaches_own_accounts(
    provider: TrialProvider, dialogue: Dialogue
) -> None:
    raw = LETTER + b".\r\n..\r\n.x\r\n\r\n"
    await dialogue.say(f"MAIL FROM:<{AL}> SIZE=1000 BODY=8BITMIME SMTPUTF8")
    await dialogue.say(f"RCPT TO:<{SUPPORT}>")
    await dialogue.say("RCPT TO:<stranger@else.example>")
    assert (await dialogue.say("DATA")).startswith("354 ")
    assert (await dialogue.say(raw.replace(b"\r\n.", b"\r\n..") + b".")).startswith("250 2.0.0")
    relayed = provider.outbox[0]
    assert (relayed.sender, relayed.recipients, relayed.signed_in_as) == (AL, (SUPPORT, "stranger@else.example"), AL)
    assert relayed.raw == raw
    assert [message.raw for message in provider.account(SUPPORT).folders["INBOX"].messages] == [raw]


async def test_commands_may_be_pipelined(provider: TrialProvider, dialogue: Dialogue) -> None:
    replies = [await dialogue.say(f"MAIL FROM:<{AL}>", f"RCPT TO:<{SUPPORT}>", "DATA")]
    replies += [await dialogue.reply(), await dialogue.reply(), await dialogue.say(LETTER + b".", "QUIT")]
    replies += [await dialogue.reply(), await dialogue.reply()]
    assert [reply[:3] for reply in replies] == ["250", "250", "354", "250", "221", ""]
    assert len(provider.outbox) == 1


@pytest.mark.parametrize("body", ["a\nb", "a\rb", "a\0b", "\n.\r\nx", "\r.\r\nx"])
async def test_S1_what_could_smuggle_is_refused(provider: TrialProvider, dialogue: Dialogue, body: str) -> None:
    await dialogue.say(f"MAIL FROM:<{AL}>")
    await dialogue.say(f"RCPT TO:<{SUPPORT}>")
    await dialogue.say("DATA")
    assert (await dialogue.say("Subject: x", "", body, ".")).startswith("550 5.6.0")
    assert not provider.outbox


async def test_an_empty_message_is_a_message(provider: TrialProvider, dialogue: Dialogue) -> None:
    await dialogue.say(f"MAIL FROM:<{AL}>")
    await dialogue.say(f"RCPT TO:<{SUPPORT}>")
    await dialogue.say("DATA")
    assert (await dialogue.say(".")).startswith("250 ")
    assert provider.outbox[0].raw == b""


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("MAIL FROM:<support@firm.example>", "553 5.7.1"),
        ("MAIL FROM:<AL@pacino.example>", "250 2.1.0"),
        ("MAIL FROM:<>", "250 2.1.0"),
        ("MAIL FROM:al@pacino.example", "501 5.1.7"),
        ("MAIL FROM:<al@pacino.example", "501 5.1.7"),
        ("MAIL FROM:<a@b@pacino.example>", "501 5.1.3"),
        ("MAIL FROM:<al@pacino.example> SIZE=99999999999", "552 5.3.4"),
        ("MAIL FROM:<al@pacino.example> RET=HDRS", "555 5.5.4"),
        ("MAIL TO:<al@pacino.example>", "501 5.5.4"),
        ("RCPT TO:<al@pacino.example>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("VRFY al", "500 5.5.1"),
        ("AUTH PLAIN", "503 5.5.1"),
        ("STARTTLS", "502 5.5.1"),
        (b"NO\rOP", "500 5.5.2"),
        (b"NO\0OP", "500 5.5.2"),
        (b"\xff", "500 5.5.2"),
        ("NOOP", "250 2.0.0"),
        ("RSET", "250 2.0.0"),
        ("EHLO", "501 5.5.4"),
    ],
)
async def test_a_command_is_answered(dialogue: Dialogue, line: str | bytes, reply: str) -> None:
    assert (await dialogue.say(line)).startswith(reply)


@pytest.mark.parametrize(
    "path", ["<a@b>,<c@d>", '<"a@b> ORCPT=x"@c>', "<a b@c.example>", "<>", "<a@good.example(x)evil.example>", "<a@>"]
)
async def test_S11_a_recipient_is_one_address_or_none(dialogue: Dialogue, path: str) -> None:
    await dialogue.say(f"MAIL FROM:<{AL}>")
    assert (await dialogue.say(f"RCPT TO:{path}")).startswith("501 ")
    assert (await dialogue.say("DATA")).startswith("554 ")


async def test_recipients_have_a_limit(dialogue: Dialogue) -> None:
    await dialogue.say(f"MAIL FROM:<{AL}>")
    for number in range(smtp.MAX_RECIPIENTS):
        assert (await dialogue.say(f"RCPT TO:<a{number}@b.example>")).startswith("250 ")
    assert (await dialogue.say("RCPT TO:<more@b.example>")).startswith("452 4.5.3")


async def test_S8_nothing_is_taken_from_strangers(provider: TrialProvider) -> None:
    async with Dialogue(provider.smtp_port) as dialogue:
        await dialogue.reply()
        assert (await dialogue.say("AUTH PLAIN x")).startswith("503 ")
        await dialogue.say("EHLO test.example")
        assert (await dialogue.say(f"MAIL FROM:<{AL}>")).startswith("530 5.7.0")


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        ([f"AUTH PLAIN {code(b'%s' % b'al@pacino.example')}"], "501 "),
        (["AUTH PLAIN !!!"], "501 "),
        (["AUTH PLAIN", "*"], "501 "),
        (["AUTH CRAM-MD5"], "504 "),
        ([f"AUTH PLAIN {code(b'x' + bytes(1) + b'al@pacino.example' + bytes(1) + b'secret')}"], "501 "),
        ([f"AUTH PLAIN {code(bytes(1) + b'al@pacino.example' + bytes(1) + b'wrong')}"], "535 5.7.8"),
        ([f"AUTH PLAIN {code(bytes(1) + b'al@pacino.example' + bytes(1))}"], "535 5.7.8"),
        (["AUTH LOGIN", code(b"al@pacino.example"), code(b"secret")], "235 2.7.0"),
        ([f"AUTH LOGIN {code(b'al@pacino.example')}", code(b"secret")], "235 2.7.0"),
        (["AUTH LOGIN", code(b"al@pacino.example"), code(b"wrong")], "535 5.7.8"),
    ],
)
async def test_S16_signing_in(provider: TrialProvider, lines: list[str], reply: str) -> None:
    async with Dialogue(provider.smtp_port) as dialogue:
        await dialogue.reply()
        await dialogue.say("EHLO test.example")
        for line in lines[:-1]:
            assert (await dialogue.say(line)).startswith("334 ")
        assert (await dialogue.say(lines[-1])).startswith(reply)


async def test_F3_a_line_without_end_is_cut_off(provider: TrialProvider) -> None:
    async with Dialogue(provider.smtp_port) as dialogue:
        await dialogue.reply()
        dialogue.writer.write(b"EHLO " + b"x" * smtp.MAX_LINE)
        assert (await dialogue.reply()).startswith("500 5.5.6")
        assert await dialogue.rest() == b""


async def test_F6_a_message_over_the_limit_is_read_to_its_end(
    provider: TrialProvider, dialogue: Dialogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "MAX_MESSAGE", 1000)
    await dialogue.say(f"MAIL FROM:<{AL}>")
    await dialogue.say(f"RCPT TO:<{SUPPORT}>")
    await dialogue.say("DATA")
    assert (await dialogue.say("x" * 2000, "QUIT", ".")).startswith("552 5.3.4")
    assert (await dialogue.say("NOOP")).startswith("250 ")
    assert not provider.outbox


async def test_S5_plaintext_behind_starttls_is_not_executed(ca: Ca) -> None:
    async with TrialProvider({AL: "secret"}, tls=ca.server_context()) as provider:
        async with Dialogue(provider.smtp_port) as dialogue:
            await dialogue.reply()
            await dialogue.say("EHLO test.example")
            assert (await dialogue.say("STARTTLS", "NOOP")).startswith("220 ")
            assert await dialogue.rest() == b""
        assert provider.faults.reached["smtp:noop"] == 0


def by_smtplib(provider: TrialProvider, ca: Ca) -> None:
    with smtplib.SMTP("localhost", provider.smtp_port, timeout=20) as program:
        program.ehlo()
        assert not program.has_extn("auth")
        program.starttls(context=ca.client_context())
        program.login(AL, "secret")
        program.sendmail(AL, [SUPPORT], LETTER)
    with smtplib.SMTP_SSL("localhost", provider.smtp_tls_port, timeout=20, context=ca.client_context()) as program:
        program.login(AL, "secret")
        program.sendmail(AL, [SUPPORT], LETTER)


async def test_S7_with_tls_required_a_password_is_taken_over_tls_only(ca: Ca) -> None:
    async with TrialProvider({AL: "secret"}, tls=ca.server_context(), require_tls=True) as provider:
        await asyncio.to_thread(by_smtplib, provider, ca)
        assert len(provider.outbox) == 2
        async with Dialogue(provider.smtp_port) as dialogue:
            await dialogue.reply()
            await dialogue.say("EHLO test.example")
            assert (await dialogue.say("AUTH PLAIN")).startswith("538 ")
