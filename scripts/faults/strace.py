"""strace laid on the running daemon: system calls of its threads that fail from the Nth on, or the Nth only."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.peers.ground import MISSING
from tests.waiting import until

ATTACHED_WITHIN = 20.0  # seconds
LETS_GO_WITHIN = 5.0  # seconds after SIGTERM


class Unable(Exception):
    """There is no strace, or it may not trace; the text says why."""


@dataclass
class Struck:
    """How many calls were made to fail; known when `failing` is left."""

    calls: int = 0


@contextlib.asynccontextmanager
async def failing(pid: int, calls: str, error: str, when: str) -> AsyncIterator[Struck]:
    """Inside, ``calls`` fail with ``error``; ``when`` counts per thread: ``3`` is the third only, ``1+`` is all."""
    struck = Struck()
    with tempfile.NamedTemporaryFile() as file:
        async with _traced(pid, calls, f"error={error}:when={when}", file.name):
            yield struck
        struck.calls = file.read().count(b"(INJECTED)")


async def killed_at(pid: int, calls: str, when: int) -> None:
    """Return when the process was ended by SIGKILL in the ``when``th of ``calls`` that one of its threads made."""
    async with _traced(pid, calls, f"signal=KILL:when={when}", "/dev/null") as process:
        await until(lambda: _is_over(pid), timeout=600, what="the end of the daemon")
        with contextlib.suppress(ProcessLookupError):
            process.kill()  # it may wait for ever for a thread that ended with the others, or be gone already


def _is_over(pid: int) -> bool:
    """Whether nothing is left of it but what its parent has to be told."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):  # the second where it goes while it is read
        return True


@contextlib.asynccontextmanager
async def _traced(pid: int, calls: str, inject: str, output: str) -> AsyncIterator[asyncio.subprocess.Process]:
    if shutil.which("strace") is None:
        raise Unable(f"{MISSING}: strace is not installed (the package strace)")
    command = ["strace", "-f", "-p", str(pid), "-o", output, "-e", f"trace={calls}", "-e", f"inject={calls}:{inject}"]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        await _attached(process, pid)
        yield process
    finally:
        await _let_go(process)


async def _let_go(process: asyncio.subprocess.Process) -> None:
    """It waits for ever for a thread that was killed with the others, and until it goes nobody hears of their end."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LETS_GO_WITHIN):
                await process.communicate()
                return


async def _attached(process: asyncio.subprocess.Process, pid: int) -> None:
    assert process.stderr is not None
    async with asyncio.timeout(ATTACHED_WITHIN):
        line = await process.stderr.readline()
    if b"attached" not in line:
        raise Unable(f"{MISSING}: strace can't trace process {pid}: {line.decode().strip()}")
