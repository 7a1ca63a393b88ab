"""The servers that the relay's contract is tested on: the trial provider, and Postfix with Dovecot behind it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from gateway.domain.address import Address
from gateway.trial.faults import Refuse
from gateway.trial.provider import TrialProvider
from tests.peers.ca import Ca
from tests.peers.fixtures import MailServer
from tests.peers.postfix import DEFERRED, REFUSED
from tests.upstream.smtp.setting import PASSWORD, SUPPORT, Server
from tests.waiting import until


@pytest.fixture
async def trial(ca: Ca) -> AsyncIterator[TrialProvider]:
    """Give a trial provider with the mailbox of the tests."""
    async with TrialProvider({str(SUPPORT): PASSWORD}, tls=ca.server_context()) as provider:
        yield provider


@pytest.fixture(params=["trial", pytest.param("postfix", marks=pytest.mark.real)])
def server(request: pytest.FixtureRequest) -> Server:
    """Give one server after the other."""
    if request.param == "trial":
        return _on_trial(request.getfixturevalue("trial"))
    return _on_postfix(request.getfixturevalue("mail_server"))


def _on_trial(trial: TrialProvider) -> Server:
    async def arrived(recipient: Address, raw: bytes) -> bytes:
        relayed = await until(lambda: [one for one in trial.outbox if str(recipient) in one.recipients])
        return relayed[0].raw

    def refuse() -> tuple[str, str]:
        trial.faults.smtp("rcpt", Refuse(550, "5.1.1 No such user here"), times=None, match=REFUSED)
        trial.faults.smtp("rcpt", Refuse(450, "4.2.0 Come back later"), times=None, match=DEFERRED)
        return REFUSED, DEFERRED

    return Server("trial", trial.smtp_port, trial.smtp_tls_port, PASSWORD, arrived, refuse)


def _on_postfix(peer: MailServer) -> Server:
    async def arrived(recipient: Address, raw: bytes) -> bytes:
        def found() -> list[bytes]:
            return peer.dovecot.messages(str(recipient))

        stored = (await until(lambda: asyncio.to_thread(found), timeout=30))[0]
        return stored[-len(raw) :]  # in front of it stand Return-Path, Delivered-To and Received

    return Server(
        "postfix", peer.smtp_port, peer.postfix.smtps_port, peer.password, arrived, lambda: (REFUSED, DEFERRED)
    )


@pytest.fixture
def someone() -> Address:
    """Give a recipient who never got mail before."""
    return Address(f"c{uuid.uuid4().hex[:12]}", "client.example")
