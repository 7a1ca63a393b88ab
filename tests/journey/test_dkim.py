"""Signing keys in a daemon that runs: made and enabled by command, kept through a crash, never in a log."""

from __future__ import annotations

import re

import dkim as dkimpy
import pytest

from tests.gateway_process import GatewayProcess
from tests.journey.firm import FirmOnPaper
from tests.journey.mail import note, submit
from tests.journey.provider import Provider
from tests.waiting import until


def domain_of(firm: FirmOnPaper) -> str:
    return firm.support.partition("@")[2]


@pytest.mark.parametrize("provider", ["trial"], indirect=True)
async def test_A1_a_key_that_was_enabled_is_there_after_kill_9(gateway: GatewayProcess, firm: FirmOnPaper) -> None:
    made = await gateway.cli("dkim", "new", domain_of(firm))
    assert made["state"] == "waiting"
    await gateway.cli("dkim", "enable", domain_of(firm), "--unchecked")
    await gateway.kill9()
    await gateway.start()
    (key,) = (await gateway.cli("dkim", "list"))["keys"]
    assert (key["state"], key["record"]) == ("active", made["record"])
    files = [path.read_bytes() for path in gateway.data_dir.rglob("*") if path.is_file()]
    assert not [octets for octets in (*files, "\n".join(gateway.log).encode()) if b"PRIVATE KEY" in octets]


async def test_D1_what_leaves_is_signed_and_dkimpy_agrees(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    record = (await gateway.cli("dkim", "new", domain_of(firm)))["record"]
    await gateway.cli("dkim", "enable", domain_of(firm), "--unchecked")
    theirs = "DKIM-Signature: v=1; a=rsa-sha256; d=else.example; s=x; h=from; bh=eA==; b=eA==\r\n"
    await submit(gateway.submission_port, firm.support, [firm.client], note(firm.support, firm.client, more=theirs))
    (raw,) = await until(lambda: provider.messages(firm.client), timeout=20, what="the letter")
    assert len(re.findall(rb"^DKIM-Signature:", raw, re.MULTILINE)) == 1  # D3: the program's own is gone
    signed = raw[raw.index(b"DKIM-Signature:") :]
    assert dkimpy.DKIM(signed).verify(0, dnsfunc=lambda name, timeout=5: record["value"].encode())
