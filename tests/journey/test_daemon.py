"""The daemon as a sysadmin meets it: wrong files, a second start, signals, free ports."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess, NotReady
from tests.journey import seen
from tests.journey.firm import FirmOnPaper
from tests.journey.mail import note, submit
from tests.journey.provider import Provider
from tests.waiting import until

SETTINGS_FAULTY = 78  # sysexits.h EX_CONFIG
DATA_FAULTY = 65  # EX_DATAERR


async def test_wrong_settings_are_all_said_at_once_with_their_paths(tmp_path: Path) -> None:
    wrong = '[submission]\nlisten = ["nowhere"]\nmax_message_size = "much"\nlissten_tls = []\n'
    process = GatewayProcess(tmp_path / "gateway", settings_extra=wrong)
    with pytest.raises(NotReady):
        await process.start()
    assert await process.terminate() == SETTINGS_FAULTY
    said = await process.say("check", "--config", str(process.config))
    assert said.status == SETTINGS_FAULTY
    for text in ("\n".join(process.log), said.stdout + said.stderr):
        for path in ("submission.listen[0]", "submission.max_message_size", "submission.lissten_tls"):
            assert path in text


@pytest.mark.parametrize("provider", ["trial"], indirect=True)
async def test_a_wrong_firm_file_changes_nothing(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    before = await gateway.say("export")
    toml = gateway.firm.read_text().replace("Popescu Support", "Another name")
    gateway.firm.write_text(toml.replace('members = ["ana"]', 'members = ["nobody"]').replace("al@", "al at "))
    said = await gateway.say("apply", str(gateway.firm))
    assert said.status == DATA_FAULTY
    assert "nobody" in said.stderr
    assert "contacts[0].addresses[0]" in said.stderr
    assert await gateway.say("export") == before


@pytest.mark.parametrize("provider", ["trial"], indirect=True)
async def test_the_same_firm_file_again_changes_nothing(gateway: GatewayProcess, provider: Provider) -> None:
    assert (await gateway.cli("apply", str(gateway.firm)))["changes"] == []


def ended_children() -> float:
    """Seconds of CPU of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def test_A4_a_second_daemon_on_the_same_data_ends_at_once(tmp_path: Path) -> None:
    async with GatewayProcess(tmp_path / "first") as first:
        second = GatewayProcess(tmp_path / "second", data_dir=first.data_dir)
        start, before = first.cpu, ended_children()
        with pytest.raises(NotReady):
            await second.start()
        assert await second.terminate() != 0
        # Against the start that the first made on the same machine: the second ends before it has loaded the daemon.
        assert ended_children() - before < start / 2
        assert first.running
        assert (await first.get("/v1/status"))["pid"] == first.pid


async def test_a_free_port_is_taken_for_port_0_and_status_says_which(tmp_path: Path) -> None:
    async with GatewayProcess(tmp_path / "first") as first, GatewayProcess(tmp_path / "second") as second:
        status = await first.cli("status")
        (listener,) = status["listeners"]
        assert listener["port"] == first.submission_port
        assert 0 < first.submission_port != second.submission_port > 0


async def test_a_reload_with_a_bad_file_keeps_the_old_settings(tmp_path: Path) -> None:
    async with GatewayProcess(tmp_path / "gateway") as gateway:
        gateway.config.write_text("data_dir = 1\n")
        gateway.send_signal(signal.SIGHUP)
        await until(lambda: any("reload" in line for line in gateway.log), what="a word about the reload")
        assert (await gateway.get("/v1/status"))["pid"] == gateway.pid


@pytest.mark.parametrize("provider", ["trial"], indirect=True)
async def test_every_step_of_a_message_is_one_line_of_the_log_with_its_queue_id(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    raw = note(firm.support, firm.client)
    await submit(gateway.submission_port, firm.support, [firm.client], raw)
    await until(lambda: seen.filed(gateway, "sent"), what="the letter under the client")
    (entry,) = await seen.entries(gateway)
    lines = [event for event in gateway.events if entry["id"] in event.values()]
    assert len(lines) >= 2, gateway.log
    assert not any("contract" in line for line in gateway.log), "content in the log"
