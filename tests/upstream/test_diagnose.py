"""The walk to a mailbox's servers: each way in which it can end, in words that tell them apart."""

from __future__ import annotations

import ipaddress
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway.domain.diagnosis import Diagnosis, Step, Verdict
from gateway.domain.firm import Endpoint, Fallback, Mailbox, Secret, Security
from gateway.mime.address import parse_address
from gateway.trial.faults import Refuse
from gateway.trial.provider import TrialProvider
from gateway.upstream.diagnose import diagnose
from tests.peers import ground
from tests.peers.ca import Ca
from tests.peers.fixtures import MailServer

SUPPORT, PASSWORD = "support@firm.example", "canary-Password"
STEPS = (
    *("imap name", "imap tcp", "imap tls", "imap login", "folders", "idle"),
    *("smtp name", "smtp tcp", "smtp tls", "smtp login"),
)


@pytest.fixture
async def provider() -> AsyncIterator[TrialProvider]:
    async with TrialProvider({SUPPORT: PASSWORD}) as running:
        yield running


def mailbox(provider: TrialProvider, *, security: Security = Security.NONE, host: str = "127.0.0.1") -> Mailbox:
    tls = security is Security.TLS
    return Mailbox(
        address=parse_address(SUPPORT),
        name="Support",
        members=("ana",),
        username=SUPPORT,
        password=Secret(PASSWORD),
        imap=Endpoint(host, provider.imap_tls_port if tls else provider.imap_port, security),
        smtp=Endpoint(host, provider.smtp_tls_port if tls else provider.smtp_port, security),
    )


def steps(found: Diagnosis) -> dict[str, Step]:
    return {step.name: step for step in found.steps}


def ends_at(found: Diagnosis, name: str) -> Step:
    """The step that failed, after checks of what is true of every walk."""
    assert tuple(step.name for step in found.steps) == STEPS
    place = STEPS.index(name)
    assert found.failed is not None
    assert found.failed.name == name, found.failed
    assert all(step.seconds is not None for step in found.steps[: place + 1])
    assert all(step.verdict is Verdict.NOT_TRIED and not step.text for step in found.steps[place + 1 :])
    assert found.failed.advice
    assert PASSWORD not in repr(found)
    return found.failed


async def test_a_mailbox_in_order_is_well_in_every_step_and_no_mail_is_sent(provider: TrialProvider) -> None:
    found = await diagnose(mailbox(provider))
    assert found.verdict is Verdict.WELL, found
    assert tuple(step.name for step in found.steps) == STEPS
    assert all(step.seconds is not None and step.seconds >= 0 for step in found.steps)
    assert "INBOX (0)" in steps(found)["folders"].text
    assert provider.outbox == []


async def test_a_second_server_is_walked_to_as_well_and_its_password_is_not_quoted(provider: TrialProvider) -> None:
    box = mailbox(provider)
    good = replace(box, fallback=Fallback(box.smtp, SUPPORT, Secret(PASSWORD)))
    found = await diagnose(good)
    assert found.verdict is Verdict.WELL, found
    fallback = tuple(f"fallback {step}" for step in ("name", "tcp", "tls", "login"))
    assert tuple(step.name for step in found.steps) == (*STEPS, *fallback)
    wrong = replace(box, fallback=Fallback(box.smtp, SUPPORT, Secret("canary-2")))
    provider.faults.smtp("auth", Refuse(535, "5.7.8 not with canary-2"), match="Y2FuYXJ5LTI")
    failed = (await diagnose(wrong)).failed
    assert failed is not None
    assert failed.name == "fallback login"
    assert "canary-2" not in repr(failed)


async def test_a_name_that_does_not_exist_is_the_first_thing_to_put_right(provider: TrialProvider) -> None:
    step = ends_at(await diagnose(mailbox(provider, host="imap.firm.invalid")), "imap name")
    assert "imap.firm.invalid" in step.text


async def test_a_closed_port_is_said_to_have_nobody_behind_it(provider: TrialProvider) -> None:
    box = mailbox(provider)
    closed = replace(box, imap=replace(box.imap, port=ground.free_port()))
    assert "Nobody listens" in ends_at(await diagnose(closed), "imap tcp").text
    closed = replace(box, smtp=replace(box.smtp, port=ground.free_port()))
    assert "Nobody listens" in ends_at(await diagnose(closed), "smtp tcp").text


FLAWS = {
    "expired": "has expired",
    "early": "not valid yet",
    "other name": "is not for 127.0.0.1",
    "self-signed": "self-signed",
    "unknown": "does not know",
}


def server_context(flaw: str, trust: Path) -> ssl.SSLContext:
    """A server whose certificate has that flaw; ``trust`` becomes the file of authorities that a client has."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(trust)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if flaw == "self-signed":
        context.load_cert_chain(self_signed(trust.with_name("self.pem")))
        return context
    issuer = trustme.CA() if flaw == "unknown" else authority
    begin, end = DAYS.get(flaw, (None, None))
    name = "elsewhere.example" if flaw == "other name" else "127.0.0.1"
    issuer.issue_cert(name, not_before=begin, not_after=end).configure_cert(context)
    return context


DAYS = {
    "expired": (datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)),
    "early": (datetime(2990, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)),
}


def self_signed(file: Path) -> Path:
    """As a server makes it on its first start: its own issuer, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1).not_valid_before(
        datetime(2020, 1, 1, tzinfo=UTC)
    )
    builder = builder.not_valid_after(datetime(2999, 1, 1, tzinfo=UTC))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    return file


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
@pytest.mark.parametrize("flaw", FLAWS)
async def test_what_is_wrong_with_a_certificate_is_told_apart(tmp_path: Path, flaw: str, security: Security) -> None:
    trust = tmp_path / "trust.pem"
    async with TrialProvider({SUPPORT: PASSWORD}, tls=server_context(flaw, trust)) as provider:
        step = ends_at(await diagnose(mailbox(provider, security=security), trust=trust), "imap tls")
        assert FLAWS[flaw] in step.text
        assert provider.faults.reached["imap:login"] + provider.faults.reached["imap:authenticate"] == 0


async def test_the_certificate_for_sending_is_looked_at_too(tmp_path: Path, provider: TrialProvider) -> None:
    trust = tmp_path / "trust.pem"
    async with TrialProvider({SUPPORT: PASSWORD}, tls=server_context("expired", trust)) as expired:
        for security in (Security.TLS, Security.STARTTLS):
            box = replace(mailbox(provider), smtp=mailbox(expired, security=security).smtp)
            assert "has expired" in ends_at(await diagnose(box, trust=trust), "smtp tls").text
        assert expired.faults.reached["smtp:auth"] == 0


async def test_a_good_certificate_is_well_both_ways(tmp_path: Path) -> None:
    trust = tmp_path / "trust.pem"
    async with TrialProvider({SUPPORT: PASSWORD}, tls=server_context("", trust), require_tls=True) as provider:
        for security in (Security.TLS, Security.STARTTLS):
            found = await diagnose(mailbox(provider, security=security), trust=trust)
            assert found.verdict is Verdict.WELL, found


async def test_tls_towards_a_port_without_it_says_which_setting_to_change(provider: TrialProvider) -> None:
    box = mailbox(provider)
    both = replace(
        box,
        imap=replace(box.imap, security=Security.TLS),
        smtp=replace(box.smtp, security=Security.TLS),
    )
    step = ends_at(await diagnose(both), "imap tls")
    assert "does not speak TLS from the first octet" in step.text
    assert "starttls" in step.advice
    sending = ends_at(await diagnose(replace(box, smtp=both.smtp)), "smtp tls")
    assert "does not speak TLS from the first octet" in sending.text


async def test_a_server_without_starttls_gets_no_password(provider: TrialProvider) -> None:
    box = mailbox(provider, security=Security.STARTTLS)
    assert "STARTTLS" in ends_at(await diagnose(box), "imap tls").text
    assert "STARTTLS" in ends_at(await diagnose(replace(box, imap=mailbox(provider).imap)), "smtp tls").text
    assert provider.faults.reached["smtp:auth"] == 0


async def test_a_wrong_password_is_tried_once_and_said_with_what_to_do(provider: TrialProvider) -> None:
    step = ends_at(await diagnose(replace(mailbox(provider), password=Secret("canary-other"))), "imap login")
    assert "user name or password" in step.text
    assert "app password" in step.advice
    reached = provider.faults.reached
    assert reached["imap:login"] + reached["imap:authenticate"] == 1


async def test_a_refused_sign_in_for_sending_is_told_apart_from_reading(provider: TrialProvider) -> None:
    provider.faults.smtp("auth", Refuse(535, "5.7.8 application-specific password required"))
    step = ends_at(await diagnose(mailbox(provider)), "smtp login")
    assert "for sending" in step.text
    assert "application-specific password required" in step.text


@pytest.mark.parametrize("said", [PASSWORD, b64encode(f"\0{SUPPORT}\0{PASSWORD}".encode()).decode()])
async def test_a_server_that_repeats_the_password_is_not_quoted(provider: TrialProvider, said: str) -> None:
    provider.faults.imap("authenticate", Refuse("NO", f"bad words {said}"), times=None)
    provider.faults.imap("login", Refuse("NO", f"bad words {said}"), times=None)
    step = ends_at(await diagnose(mailbox(provider)), "imap login")
    assert "bad words" in step.text
    assert said not in repr(step)
    provider.faults.clear()
    provider.faults.smtp("auth", Refuse(535, f"5.7.8 bad words {said}"))
    step = ends_at(await diagnose(mailbox(provider)), "smtp login")
    assert "bad words" in step.text
    assert said not in repr(step)


async def test_a_mailbox_without_an_inbox_is_not_taken_for_an_empty_one(provider: TrialProvider) -> None:
    del provider.account(SUPPORT).folders["INBOX"]
    assert "no INBOX" in ends_at(await diagnose(mailbox(provider)), "folders").text


async def test_a_folder_of_the_settings_that_is_not_there_is_named_with_those_that_are(provider: TrialProvider) -> None:
    step = ends_at(await diagnose(replace(mailbox(provider), folders=("INBOX", "Snet"))), "folders")
    assert "Snet" in step.text
    assert "Sent" in step.advice


async def test_no_folder_for_sent_mail_is_a_warning(provider: TrialProvider) -> None:
    del provider.account(SUPPORT).folders["Sent"]
    found = await diagnose(mailbox(provider))
    assert found.verdict is Verdict.WARNING
    assert "No folder for sent mail" in steps(found)["folders"].text


async def test_a_server_without_idle_is_a_warning_that_says_what_it_costs() -> None:
    async with TrialProvider({SUPPORT: PASSWORD}, without=("IDLE",)) as provider:
        found = await diagnose(mailbox(provider))
    assert found.verdict is Verdict.WARNING
    assert found.failed is None
    assert "every 30 seconds" in steps(found)["idle"].text


async def test_a_server_that_offers_idle_and_refuses_it_fails_there(provider: TrialProvider) -> None:
    provider.faults.imap("idle", Refuse("NO", "not today"))
    assert "not today" in ends_at(await diagnose(mailbox(provider)), "idle").text


async def test_a_server_that_is_no_mail_server_is_survived(provider: TrialProvider) -> None:
    box = mailbox(provider)
    crossed = replace(box, imap=box.smtp)
    assert "IMAP" in ends_at(await diagnose(crossed), "imap login").text
    crossed = replace(box, smtp=box.imap)
    assert "not SMTP" in ends_at(await diagnose(crossed), "smtp login").text


@pytest.mark.real
async def test_real_servers_are_well_and_a_wrong_password_is_theirs_to_refuse(mail_server: MailServer, ca: Ca) -> None:
    address = mail_server.dovecot.add_user("diagnosed@firm.example")
    box = Mailbox(
        address=parse_address(address),
        name="Diagnosed",
        members=(),
        username=address,
        password=Secret(mail_server.dovecot.password),
        imap=Endpoint("localhost", mail_server.dovecot.imaps_port, Security.TLS),
        smtp=Endpoint("localhost", mail_server.postfix.smtp_port, Security.STARTTLS),
    )
    found = await diagnose(box, trust=ca.trust)
    assert found.verdict is Verdict.WELL, found
    assert "Sent" in steps(found)["folders"].text
    assert ends_at(await diagnose(box), "imap tls")
    assert ends_at(await diagnose(replace(box, password=Secret("wrong")), trust=ca.trust), "imap login")
    signs_in_to_read = replace(box, smtp=replace(box.smtp, port=mail_server.postfix.smtps_port, security=Security.TLS))
    assert (await diagnose(signs_in_to_read, trust=ca.trust)).verdict is Verdict.WELL
