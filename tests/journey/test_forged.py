"""The daemon as it runs, with DNS that is ours: forged mail in, marked, looked at and approved by commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.gateway_process import GatewayProcess
from tests.journey import seen
from tests.journey.firm import FirmOnPaper
from tests.journey.mail import answer
from tests.journey.provider import Provider
from tests.policy.arriving import CLIENT, at_postfix, signed
from tests.upstream.responder import Responder, responding
from tests.waiting import until

pytestmark = pytest.mark.parametrize("provider", ["trial"], indirect=True)


@pytest.fixture
async def dns(firm: FirmOnPaper) -> AsyncIterator[Responder]:
    domain = firm.client.partition("@")[2]
    async with responding({f"_dmarc.{domain}": ['"v=DMARC1; p=reject"']}) as server:
        yield server


@pytest.fixture
def settings(dns: Responder) -> str:
    return f'[upstream]\nnameservers = ["127.0.0.1:{dns.port}"]\n'


async def test_I1_forged_mail_waits_for_a_person_and_is_the_clients_then(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper, dns: Responder
) -> None:
    raw = signed(answer(firm.client, firm.support, "New bank account", ""), CLIENT)
    await provider.deliver(firm.support, at_postfix(raw, sender="x@attacker.example", at=datetime.now(UTC)))
    await until(lambda: seen.filed(gateway, "inbox"), what="the forged mail, filed")
    (event,) = await seen.events(gateway, "unverified-mail")
    shown = await gateway.cli("mail", "show", str(event["message"]))
    assert (shown["verdict"]["standing"], shown["verdict"]["source"]) == ("unverified", "here")
    assert await seen.documents(gateway) == []
    assert dns.asked[0] == f"_dmarc.{firm.client.partition('@')[2]}"

    approved = await gateway.cli("mail", "approve", str(event["message"]))
    (document,) = await seen.documents(gateway)
    assert approved["documents"] == [document["path"]]
    (booked,) = [one for one in (await gateway.get("/v1/activity"))["activity"] if one["verb"] == "approved"]
    assert (booked["kind"], booked["name"]) == ("message", str(event["message"]))
