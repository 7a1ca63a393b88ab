"""A2: a power cut: the data folder lies on a file system that forgets, at one stroke, whatever was not synced.

The daemon lives some milliseconds longer than its disk. In those a sync that was under way may return without an error
and without having synced (Linux 6.18: 25 of 4,000 fdatasyncs of a bare program, all of them after the cut began, in 60
cuts): what is acknowledged after the cut is said by a machine without power, and counts as unanswered.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import os
import random
import sqlite3
import struct
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from gateway.outbound.flow import PER_MAILBOX
from scripts.faults.accounting import Account, Outcome
from scripts.faults.kill9 import CLIENTS, EACH, SIZES, worked
from scripts.faults.letters import letter
from scripts.faults.stand import Stand, stand
from tests.peers.ground import MISSING

LONG, SHORT = 50, 2  # cuts
MEGABYTES = 512
LATEST = 1.5  # seconds of the daemon's work under the load before the cut
BETWEEN = 0.1  # seconds between two letters that come in meanwhile
SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32) of linux/ext4.h: EXT4_IOC_SHUTDOWN
NO_LOG_FLUSH = 2  # the journal's pages in memory are lost as well
# The kernel writes nothing back of itself within the test, so that a sync that is missing shows.
OPTIONS = "loop,commit=300,noauto_da_alloc"


class Unable(Exception):
    """No image can be mounted here; the text says why."""


class Disk:
    """An ext4 image that is mounted, cut and mounted again."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "disk"
        self._image = folder / "image"
        self.place.mkdir()
        with self._image.open("wb") as file:
            file.truncate(MEGABYTES << 20)
        _do("mkfs.ext4", "-q", "-F", str(self._image))
        self._mount()
        os.sync()

    def cut(self) -> None:
        fd = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def recover(self) -> None:
        """Nobody may use it any more; what was on the disk at the cut is there again."""
        self.unmount()
        checked = subprocess.run(["e2fsck", "-p", self._image], capture_output=True, check=False)
        if checked.returncode > 1:  # 1: errors corrected
            raise Unable(f"e2fsck: {checked.stdout.decode()}")
        self._mount()

    def unmount(self) -> None:
        _do("umount", "--lazy", str(self.place))

    def _mount(self) -> None:
        _do("mount", "-o", OPTIONS, str(self._image), str(self.place))


@contextlib.contextmanager
def disk() -> Iterator[Disk]:
    """Raises Unable where this machine has no loop devices, or we may not mount."""
    with tempfile.TemporaryDirectory() as name:
        made = Disk(Path(name))
        try:
            yield made
        finally:
            made.unmount()


def _do(*command: str) -> None:
    try:
        subprocess.run(command, capture_output=True, check=True)
    except OSError as error:
        raise Unable(f"{MISSING}: {command[0]}: {error}") from error
    except subprocess.CalledProcessError as error:
        raise Unable(f"{MISSING}: {' '.join(command)}: {error.stderr.decode().strip()}") from error


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    outcome = Outcome("A2", "power cut under load (ext4, unsynced writes dropped)")
    count = rounds or (LONG if long else SHORT)
    total, sound, whole = Account(), 0, 0
    with disk() as here:
        async with stand(data_dir=here.place / "data") as now:
            for _ in range(count):
                await cut_under_load(now, here)
                sound += is_sound(now.daemon.data_dir / "postern.db")
                await now.daemon.start()
                total += await now.settled()
                whole += (await now.daemon.say("verify")).status == 0
                now.forget()
    outcome.settle(total, doubles=PER_MAILBOX * count)
    outcome.expect(f"{count - sound} of {count} databases damaged", kept=sound == count)
    outcome.expect(f"{count - whole} of {count} times something was not as it was stored", kept=whole == count)
    outcome.seen += [f"{count} cuts", f"integrity_check ok {sound}/{count}", f"postern verify ok {whole}/{count}"]
    yield outcome


async def cut_under_load(now: Stand, here: Disk) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(now.load(CLIENTS, EACH, SIZES))
        arriving = tasks.create_task(arrive(now))
        await worked(now, random.uniform(0.2, LATEST))
        before = set(now.ledger.acknowledged)
        here.cut()
        await now.daemon.kill9()
        arriving.cancel()
    now.ledger.dismiss(now.ledger.acknowledged - before)
    await asyncio.to_thread(here.recover)


async def arrive(now: Stand) -> None:
    """Mail of the client comes in meanwhile: it is filed with its attachments, of which the large ones are files."""
    inbox = now.trial.account(now.firm.support).folders["INBOX"]
    for size in itertools.cycle(SIZES):
        inbox.deliver(letter(now.firm.client, now.firm.support, size).raw)
        await asyncio.sleep(BETWEEN)


def is_sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with the database and its log."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        return bool(database.execute("PRAGMA integrity_check").fetchall() == [("ok",)])
