"""Servers, and people between us and the server, who are up to something."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import warnings
from collections.abc import Callable

import pytest
import trustme

from gateway.domain.firm import Security
from gateway.domain.mail import Delivery, Outcome
from gateway.trial.faults import Garbage, Say
from gateway.trial.provider import TrialProvider
from gateway.upstream.smtp import SmtpRelay
from gateway.upstream.smtp.patience import Patience
from tests.peers.ca import Ca
from tests.upstream.smtp.setting import PASSWORD, SUPPORT, deliver, mailbox, message, serving, to

(CLIENT,) = to("client")
SHORT = Patience(connect=1, command=1, data=1, block=1, final=1)


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def _expired(authority: trustme.CA) -> ssl.SSLContext:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return _context(authority.issue_cert("127.0.0.1", not_after=past))


def _old_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = _context(authority.issue_cert("127.0.0.1"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


CONTEXTS: dict[str, Callable[[trustme.CA], ssl.SSLContext]] = {
    "expired": _expired,
    "wrong name": lambda authority: _context(authority.issue_cert("mail.other.example")),
    "nobody's authority": lambda _: _context(trustme.CA().issue_cert("127.0.0.1")),
    "TLS 1.0": _old_tls,
}


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
@pytest.mark.parametrize("fault", CONTEXTS)
async def test_C4_no_password_for_a_server_that_cannot_prove_who_it_is(
    fault: str, security: Security, tmp_path_factory: pytest.TempPathFactory
) -> None:
    authority = trustme.CA()
    trust = tmp_path_factory.mktemp("trust") / "ca.pem"
    authority.cert_pem.write_to_path(trust)
    async with TrialProvider({str(SUPPORT): PASSWORD}, tls=CONTEXTS[fault](authority)) as provider:
        relay = SmtpRelay(hostname="mail.firm.example", trust=trust, patience=SHORT)
        port = provider.smtp_tls_port if security is Security.TLS else provider.smtp_port
        outcome = (await deliver(relay, mailbox(port, security=security), SUPPORT, [CLIENT], message()))[CLIENT.key]
        assert outcome.delivery is Delivery.PENDING
        assert outcome.status in {"4.7.5", "4.4.1"}  # some servers of old hang up instead of saying what is wrong
        assert provider.faults.reached["smtp:auth"] == 0
        assert provider.outbox == []
        await relay.close()


async def test_C4_a_stripped_starttls_gets_no_password(ca: Ca) -> None:
    async with TrialProvider({str(SUPPORT): PASSWORD}) as provider:
        outcome = await _deliver(ca, provider.smtp_port, Security.STARTTLS)
        assert (outcome.delivery, outcome.stage, outcome.status) == (Delivery.PENDING, "tls", "4.7.10")
        assert "does not offer STARTTLS" in outcome.text
        assert provider.faults.reached["smtp:auth"] == provider.faults.reached["smtp:starttls"] == 0


@pytest.mark.parametrize("injected", [b"250 AUTH PLAIN\r\n", b"2", b"250-x\r\n"])
async def test_C4_plaintext_behind_the_starttls_reply_ends_it_before_the_password(
    trial: TrialProvider, ca: Ca, injected: bytes
) -> None:
    trial.faults.smtp("starttls", Garbage(b"220 2.0.0 go\r\n" + injected))
    outcome = await _deliver(ca, trial.smtp_port, Security.STARTTLS)
    assert (outcome.delivery, outcome.stage, outcome.status) == (Delivery.PENDING, "tls", "4.7.5")
    assert "plaintext" in outcome.text
    assert trial.faults.reached["smtp:auth"] == 0


async def test_a_reply_nobody_asked_for_is_never_taken_for_success(trial: TrialProvider, ca: Ca) -> None:
    trial.faults.smtp("rcpt", Say(b"250 2.1.5 fine\r\n250 2.0.0 fine\r\n"))
    outcome = await _deliver(ca, trial.smtp_port, Security.NONE)
    assert (outcome.delivery, outcome.code) == (Delivery.PENDING, 0)
    assert trial.outbox == []


async def test_a_refusal_in_the_middle_of_data_is_heard(ca: Ca) -> None:
    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        for reply in (b"250-x\r\n250 AUTH PLAIN\r\n", b"235 x\r\n", b"250 x\r\n", b"250 x\r\n", b"354 x\r\n"):
            await reader.readline()
            writer.write(reply)
        await reader.readexactly(200_000)
        writer.write(b"552 5.3.4 Too much\r\n")
        await reader.readuntil(b"\r\n.\r\n")

    async with serving(dialogue) as port:
        outcome = await _deliver(ca, port, Security.NONE, message((b"x" * 76 + b"\r\n") * 60_000))
        assert (outcome.delivery, outcome.code, outcome.stage) == (Delivery.FAILED, 552, "final")


async def test_C3_a_server_that_takes_no_octets_is_left_in_time(ca: Ca) -> None:
    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        for reply in (b"250-x\r\n250 AUTH PLAIN\r\n", b"235 x\r\n", b"250 x\r\n", b"250 x\r\n", b"354 x\r\n"):
            await reader.readline()
            writer.write(reply)
        await asyncio.Event().wait()

    async with serving(dialogue) as port:
        outcome = await _deliver(ca, port, Security.NONE, message((b"x" * 76 + b"\r\n") * 300_000))
        assert (outcome.delivery, outcome.code, outcome.stage) == (Delivery.PENDING, 0, "final")
        assert "in time" in outcome.text


async def test_C3_a_server_whose_answer_drips_is_left_in_time(ca: Ca) -> None:
    """An octet now and then is no answer: each reply has its time as a whole."""
    left = asyncio.Event()

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        gone = asyncio.create_task(reader.read())
        while not gone.done():
            writer.write(b"250-x\r\n")
            await asyncio.wait((gone,), timeout=0.05)
        left.set()

    async with serving(dialogue) as port, asyncio.timeout(10 * SHORT.command):
        outcome = await _deliver(ca, port, Security.NONE)
        assert (outcome.delivery, outcome.code, outcome.stage) == (Delivery.PENDING, 0, "connect")
        await left.wait()


async def _deliver(ca: Ca, port: int, security: Security, raw: bytes | None = None) -> Outcome:
    relay = SmtpRelay(hostname="mail.firm.example", trust=ca.trust, patience=SHORT)
    outcomes = await deliver(relay, mailbox(port, security=security), SUPPORT, [CLIENT], raw or message())
    await relay.close()
    return outcomes[CLIENT.key]
