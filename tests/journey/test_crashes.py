"""Accepted means safe: the daemon killed in the middle, terminated under load, or out of disk loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.outbound.flow import PER_MAILBOX
from tests.gateway_process import GatewayProcess
from tests.journey.firm import FirmOnPaper
from tests.journey.mail import note, read, submit, submit_now
from tests.journey.provider import Provider
from tests.peers import ground
from tests.waiting import until

CLIENTS = 6
EACH = 10  # messages


async def load(gateway: GatewayProcess, firm: FirmOnPaper, acknowledged: list[str]) -> None:
    """Several mail programs send until all is sent or the daemon is gone; what got its 250 is noted."""
    port = gateway.submission_port

    def send() -> None:
        for _ in range(EACH):
            mark = uuid.uuid4().hex
            raw = note(firm.support, firm.client, more=f"X-Mark: {mark}\r\n")
            try:
                submit_now(port, firm.support, [firm.client], raw)
            except (OSError, smtplib.SMTPException):
                return
            acknowledged.append(mark)

    await asyncio.gather(*(asyncio.to_thread(send) for _ in range(CLIENTS)))


async def arrived(provider: Provider, firm: FirmOnPaper) -> Counter[str]:
    return Counter(str(read(raw)["X-Mark"]) for raw in await provider.messages(firm.client))


@pytest.mark.parametrize("after", [1, CLIENTS * EACH // 2])
async def test_A1_kill_9_loses_nothing_that_was_acknowledged(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper, after: int
) -> None:
    acknowledged: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load(gateway, firm, acknowledged))
        await until(lambda: len(acknowledged) >= after, timeout=60, what=f"{after} messages accepted")
        await gateway.kill9()
    await gateway.start()

    async def all_there() -> bool:
        return set(acknowledged) <= set(await arrived(provider, firm))

    await until(all_there, timeout=90, what="everything acknowledged at the client's")
    counts = await arrived(provider, firm)
    assert sum(counts.values()) - len(counts) <= PER_MAILBOX, "more doubles than were on their way at the kill"

    async def in_sent() -> Counter[str]:
        copies = Counter(str(read(raw)["X-Mark"]) for raw in await provider.messages(firm.support, "Sent"))
        return copies if set(counts) <= set(copies) else Counter()

    copies = await until(in_sent, timeout=90, what="all of it in Sent")
    assert max(copies.values()) == 1


@pytest.mark.parametrize("provider", ["trial"], indirect=True)
async def test_A3_sigterm_under_load_loses_and_doubles_nothing(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    acknowledged: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load(gateway, firm, acknowledged))
        await until(lambda: len(acknowledged) >= CLIENTS, timeout=60, what="some messages accepted")
        assert await gateway.terminate() == 0
    await gateway.start()

    async def all_there() -> bool:
        return set(acknowledged) <= set(await arrived(provider, firm))

    await until(all_there, timeout=90, what="everything acknowledged at the client's")
    assert max((await arrived(provider, firm)).values()) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 24 MB; only root can make one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"{ground.MISSING}: no right to mount a small file system: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.real
@pytest.mark.parametrize("provider", ["trial"], indirect=True)
@pytest.mark.parametrize("free", [0, 4_096, 400_000])
async def test_B1_a_full_disk_is_said_and_loses_nothing(
    small_disk: Path, tmp_path: Path, provider: Provider, firm: FirmOnPaper, free: int
) -> None:
    toml = firm.toml(provider)
    async with GatewayProcess(tmp_path / "gateway", toml, data_dir=small_disk / "data") as gateway:
        acknowledged: list[str] = []

        async def send() -> int:
            mark = uuid.uuid4().hex
            raw = note(firm.support, firm.client, more=f"X-Mark: {mark}\r\n") + b"a line of text\r\n" * 40_000
            try:
                await submit(gateway.submission_port, firm.support, [firm.client], raw)
            except smtplib.SMTPResponseException as error:
                return error.smtp_code
            acknowledged.append(mark)
            return 250

        assert await send() == 250
        filler = small_disk / "filler"
        await asyncio.to_thread(fill, filler, free)
        assert await send() in {451, 452}
        assert gateway.running
        filler.unlink()

        async def taken_again() -> bool:
            return await send() == 250

        await until(taken_again, timeout=30, what="mail accepted again")

        async def all_there() -> bool:
            return set(acknowledged) <= set(await arrived(provider, firm))

        await until(all_there, timeout=60, what="everything acknowledged at the client's")


def fill(filler: Path, free: int) -> None:
    """Write until the disk is full, then give back `free` octets."""
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"\0" * 4_096) == 4_096:
            pass
    with filler.open("r+b") as file:
        file.truncate(max(0, filler.stat().st_size - free))
