"""A gateway that was lost, from its backup: the record is there, and nothing leaves twice by itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess
from tests.journey.firm import FirmOnPaper
from tests.journey.mail import note, submit
from tests.journey.provider import Provider
from tests.journey.seen import entries
from tests.waiting import until

DATA, SETTINGS = 65, 78  # sysexits.h


async def test_G3_a_lost_gateway_is_brought_back_from_its_backup(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper, tmp_path: Path
) -> None:
    backup, lost = tmp_path / "backup", tmp_path / "lost"
    await provider.smtp_down()
    await submit(gateway.submission_port, firm.support, [firm.client], note(firm.support, firm.client))
    (waits,) = await entries(gateway)
    await gateway.cli("backup", str(backup))
    exported = await gateway.say("export")

    said = await gateway.say("restore", str(backup), "--config", str(gateway.config))
    assert said.status == DATA
    assert "stop it first" in said.stderr, "a daemon works there"

    await gateway.kill9()
    gateway.data_dir.rename(lost)
    said = await gateway.say("restore", str(backup), "--config", str(gateway.config))
    assert said.status == SETTINGS
    assert "secret.key is missing" in said.stderr.replace(": is", " is")
    assert not (gateway.data_dir / "postern.db").exists()

    (gateway.data_dir / "secret.key").write_bytes((lost / "secret.key").read_bytes())
    (gateway.data_dir / "secret.key").chmod(0o600)
    back = await gateway.cli("restore", str(backup), "--config", str(gateway.config))
    assert (back["held"], back["faults"]) == (1, [])
    said = await gateway.say("restore", str(backup), "--config", str(gateway.config))
    assert said.status == DATA
    assert "there is a database already" in said.stderr

    await gateway.start()
    assert (await gateway.say("export")).stdout == exported.stdout
    (held,) = await entries(gateway)
    assert (held["id"], held["state"]) == (waits["id"], "held")
    await provider.smtp_up()
    await gateway.cli("queue", "release", held["id"])
    await until(lambda: provider.messages(firm.client), what="the message that was let go")
    assert len(await provider.messages(firm.client)) == 1
    assert (await gateway.cli("verify"))["findings"] == []


@pytest.mark.parametrize("provider", ["trial"], indirect=True)
async def test_a_key_of_another_gateway_is_told_at_once(gateway: GatewayProcess, tmp_path: Path) -> None:
    await gateway.cli("backup", str(tmp_path / "backup"))
    await gateway.kill9()
    gateway.data_dir.rename(tmp_path / "lost")
    gateway.data_dir.mkdir(mode=0o700)
    (gateway.data_dir / "secret.key").write_bytes(os.urandom(32))
    (gateway.data_dir / "secret.key").chmod(0o600)
    said = await gateway.say("restore", str(tmp_path / "backup"), "--config", str(gateway.config))
    assert said.status == DATA
    assert "give the gateway the key that its database was made with" in said.stderr
    (gateway.data_dir / "secret.key").write_bytes((tmp_path / "lost" / "secret.key").read_bytes())
    await gateway.start()
