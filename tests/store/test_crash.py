"""kill -9 at any moment: what was said to be kept is there, whole."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.domain.mail import QueueState
from tests.store.conftest import Opener
from tests.store.making import NOW

ROUNDS = 4

CHILD = """
import asyncio, itertools, os, sys
from pathlib import Path
from gateway.store.store import Store
from tests.store.making import KEY, document, entry, file_with, filing, inbox, mail, reached

async def main():
    store = await Store.open(Path(sys.argv[1]), url=None, key=KEY)
    numbers = itertools.count()

    async def add():
        for number in numbers:
            size = 300_000 if number % 5 == 0 else 500
            name = f"{sys.argv[2]}-{number}"
            raw = mail(name, size)
            await store.queue.add(entry(name, raw), raw)
            os.write(1, f"{name} {size}\\n".encode())
            await file_with(store, filing(raw, "Al"), document("a.pdf", name.encode()))
            os.write(1, f"{name} filed\\n".encode())

    await asyncio.gather(*(add() for _ in range(8)))

asyncio.run(main())
"""


async def test_A1_nothing_that_was_acknowledged_is_lost_at_kill_9(open_store: Opener, data_dir: Path) -> None:
    said: list[str] = []
    for number in range(ROUNDS):
        said += run_and_kill(data_dir, number)
    assert len(said) > ROUNDS  # it did get to work
    store = await open_store()
    for name, what in (line.split() for line in said):
        if what == "filed":
            continue
        entry = await store.queue.get(name)
        raw = await store.bodies.get(entry.sha256)
        assert len(raw) == int(what)
        assert f"Subject: {name}\r\n".encode() in raw
        assert entry.state is QueueState.QUEUED
    filed = {one.message.sha256 for one in await store.record.list("Al", None, limit=100_000)}
    documents = {one.sha256 for one in await store.record.documents("Al", limit=100_000)}
    for name in (line.split()[0] for line in said if line.endswith("filed")):
        assert (await store.queue.get(name)).sha256 in filed
        assert hashlib.sha256(name.encode()).hexdigest() in documents
    assert await store.verify() == []
    assert list((data_dir / "tmp").iterdir()) == []
    assert (await store.queue.claim(NOW, 1)) != []


def run_and_kill(data_dir: Path, number: int) -> list[str]:
    """What the child said before it was killed, at a random moment after its first word."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(data_dir), f"r{number}"],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    lines: list[bytes] = []
    for line in child.stdout:
        lines.append(line)
        if len(lines) == 1:
            delay = random.Random(number).uniform(0, 0.3)
            threading.Timer(delay, os.kill, (child.pid, signal.SIGKILL)).start()
    child.stdout.close()
    assert child.wait(10) == -signal.SIGKILL
    return [line.decode().strip() for line in lines if line.endswith(b"\n") and not line.startswith(b"20")]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
