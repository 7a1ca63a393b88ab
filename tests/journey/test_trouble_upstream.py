"""The provider is down or says no: what was accepted is kept, tried again, held, and said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess
from tests.journey import seen
from tests.journey.firm import FirmOnPaper
from tests.journey.mail import note, read, submit
from tests.journey.provider import Provider
from tests.peers.postfix import REFUSED
from tests.waiting import stays, until

SIGN_INS = 6  # at most: three tries of each protocol, hostile.md C5


async def test_upstream_down_is_queued_and_retried(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    await provider.smtp_down()
    try:
        await submit(gateway.submission_port, firm.support, [firm.client], note(firm.support, firm.client))

        async def tried_twice() -> bool:
            (entry,) = await seen.entries(gateway)
            return int(entry["attempts"]) >= 2

        await until(tried_twice, timeout=30, what="a second attempt")
        (entry,) = await seen.entries(gateway)
        assert entry["state"] in {"queued", "active"}
    finally:
        await provider.smtp_up()
    await until(lambda: provider.messages(firm.client), timeout=60, what="the letter at the client's")

    async def done() -> bool:
        return all(entry["state"] == "done" for entry in await seen.entries(gateway))

    await until(done, what="the queue done")
    assert len(await provider.messages(firm.client)) == 1


async def test_C5_a_wrong_password_upstream_stops_the_mailbox_without_a_storm(
    tmp_path: Path, provider: Provider, firm: FirmOnPaper
) -> None:
    async with GatewayProcess(tmp_path / "gateway", firm.toml(provider, password="wrong")) as gateway:

        async def stopped() -> bool:
            return await seen.link(gateway) == "stopped"

        async def held() -> bool:
            (entry,) = await seen.entries(gateway)
            return bool(entry["state"] == "held")

        async def no_storm() -> bool:
            return await provider.sign_ins_refused(firm.support) <= SIGN_INS

        await until(stopped, timeout=30, what="the mailbox stopped")
        await submit(gateway.submission_port, firm.support, [firm.client], note(firm.support, firm.client))
        await until(held, timeout=30, what="the letter held")
        await stays(no_storm, 3, "only a few sign-ins")
        assert len(await seen.events(gateway, "sync-stopped")) >= 1
        assert await seen.events(gateway, "bounce") == []
        assert (await gateway.say("status")).status == 1
        gateway.firm.write_text(firm.toml(provider))
        await gateway.cli("apply", str(gateway.firm))
        await until(lambda: provider.messages(firm.client), timeout=30, what="the letter at the client's")
        await until(lambda: seen.is_live(gateway), timeout=30, what="the mailbox live")
        assert len(await provider.messages(firm.client)) == 1


@pytest.mark.parametrize("provider", [pytest.param("real", marks=pytest.mark.real)], indirect=True)
async def test_a_refused_recipient_is_reported_to_the_author_once(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    nobody = f"{REFUSED}@{firm.mark}.pacino.example"
    raw = note(firm.support, f"{firm.client}, {nobody}")
    await submit(gateway.submission_port, firm.support, [firm.client, nobody], raw)
    await until(lambda: provider.messages(firm.client), timeout=30, what="the letter at the client's")
    (report,) = await until(lambda: provider.messages(firm.support), timeout=30, what="a report to the author")
    assert read(report).get_content_type() == "multipart/report"
    assert nobody.encode() in report
    assert b"5.1.1" in report
    assert len(await seen.events(gateway, "bounce")) == 1
