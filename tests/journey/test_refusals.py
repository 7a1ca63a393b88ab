"""What mail programs are told: each refusal names what is wrong, and nothing is kept."""

from __future__ import annotations

import asyncio
import smtplib
from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess
from tests.journey import seen
from tests.journey.firm import ION_PASSWORD, FirmOnPaper
from tests.journey.mail import note, submit
from tests.journey.provider import Provider
from tests.waiting import until

pytestmark = pytest.mark.parametrize("provider", ["trial"], indirect=True)

SMALL = '[submission]\nmax_message_size = "64 kB"\n'


async def refused(
    gateway: GatewayProcess, sender: str, recipients: list[str], raw: bytes, login: str = "ana"
) -> tuple[int, str]:
    """Submit and return code and text of the refusal."""
    password = {"password": ION_PASSWORD} if login == "ion" else {}
    try:
        text = await submit(gateway.submission_port, sender, recipients, raw, login=login, **password)
    except smtplib.SMTPRecipientsRefused as error:
        ((code, said),) = error.recipients.values()
        return code, said.decode()
    except smtplib.SMTPResponseException as error:
        text = error.smtp_error if isinstance(error.smtp_error, str) else error.smtp_error.decode()
        return error.smtp_code, text
    pytest.fail(f"it was accepted: {text}")


async def test_an_unknown_from_is_refused_with_the_missing_grant(
    tmp_path: Path, provider: Provider, firm: FirmOnPaper
) -> None:
    toml = firm.toml(provider, others=False)
    async with GatewayProcess(tmp_path / "gateway", toml) as gateway:
        code, text = await refused(gateway, firm.support, [firm.client], note(firm.support, firm.client), login="ion")
        assert code == 550
        assert text.startswith("5.7.1")
        assert firm.support in text
        assert "allow_others_to_send" in text
        stranger = f"boss@{firm.mark}.elsewhere.example"
        code, text = await refused(gateway, stranger, [firm.client], note(stranger, firm.client))
        assert code == 550
        assert text.startswith("5.7.1")
        assert await seen.entries(gateway) == []


@pytest.mark.parametrize("settings", [SMALL])
async def test_F6_a_message_too_big_is_refused_before_it_is_stored(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    raw = note(firm.support, firm.client) + b"more\r\n" * 20_000
    code, text = await refused(gateway, firm.support, [firm.client], raw)
    assert (code, text[:5]) == (552, "5.3.4")
    assert await seen.entries(gateway) == []


async def test_bare_line_ends_are_refused_and_nothing_is_relayed(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    def speak() -> tuple[int, bytes]:
        with smtplib.SMTP("localhost", gateway.submission_port, timeout=30) as smtp:
            smtp.login("ana", "ana's secret")
            smtp.mail(firm.support)
            smtp.rcpt(firm.client)
            smtp.docmd("DATA")
            smtp.send(note(firm.support, firm.client) + b"one\n.\ntwo\r\n.\r\n")
            return smtp.getreply()

    code, text = await asyncio.to_thread(speak)
    assert code >= 500
    assert b"5.6.0" in text
    assert await seen.entries(gateway) == []


async def test_a_wrong_password_of_a_member_is_refused_and_logged(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
        await submit(gateway.submission_port, firm.support, [firm.client], b"", password="a wrong one")
    assert refusal.value.smtp_code == 535
    assert not any("a wrong one" in line for line in gateway.log)
    await until(lambda: any("ana" in line and "sign" in line for line in gateway.log), what="a line in the log")
