"""Scanners for tests: a fake that misbehaves on demand, and the real clamd with one signature."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.upstream.clamd import Clamd
from tests.waiting import until

CLAMD = shutil.which("clamd")
BAD = b"what our one signature is of: " + bytes(range(64))
FINDING = "Test.Finding"
LIMIT = 200_000  # octets that either takes


class FakeClamd:
    """Answers INSTREAM as clamd does; ``mood`` is how it misbehaves."""

    def __init__(self) -> None:
        self.mood = ""
        self.heard = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.heard += 1
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mood == "hangs up":
            return
        if await reader.readuntil(b"\0") == b"zPING\0":
            writer.write(b"PONG\0")
            await writer.drain()
            return
        content = b""
        while size := struct.unpack("!I", await reader.readexactly(4))[0]:
            content += await reader.readexactly(size)
            if len(content) > LIMIT:
                writer.write(b"INSTREAM size limit exceeded. ERROR\0")
                await writer.drain()
                return
        match self.mood:
            case "silent":
                await reader.read()
            case "babbles":
                writer.write(b"x" * 100_000)
            case "refuses":
                writer.write(b"COMMAND READ TIMED OUT ERROR\0")
            case "odd":
                writer.write(b"stream: \x1b[31m\xff FOUND\0")
            case _:
                found = f"stream: {FINDING} FOUND" if content == BAD else "stream: OK"
                writer.write(found.encode() + b"\0")
        await writer.drain()


@asynccontextmanager
async def fake(folder: Path, *, tcp: bool = False, patience: float = 20.0) -> AsyncIterator[tuple[Clamd, FakeClamd]]:
    """A fake on a socket in the folder, or on a free port."""
    behind = FakeClamd()
    if tcp:
        server = await asyncio.start_server(behind.serve, "127.0.0.1", 0)
        place = Clamd(host="127.0.0.1", port=server.sockets[0].getsockname()[1], patience=patience)
    else:
        server = await asyncio.start_unix_server(behind.serve, folder / "clamd.ctl")
        place = Clamd(path=folder / "clamd.ctl", patience=patience)
    async with server:
        yield place, behind


@asynccontextmanager
async def real(folder: Path) -> AsyncIterator[Clamd]:
    """The distribution's clamd, with a database of one signature: the hash of `BAD`."""
    assert CLAMD is not None
    (folder / "db").mkdir()
    (folder / "db" / "test.hdb").write_text(f"{hashlib.md5(BAD).hexdigest()}:{len(BAD)}:{FINDING}\n")
    settings = {
        "DatabaseDirectory": folder / "db",
        "LocalSocket": folder / "clamd.ctl",
        "StreamMaxLength": LIMIT,
        "Foreground": "yes",
        "LogFile": folder / "log",
        "User": "root",
        "FixStaleSocket": "yes",
    }
    (folder / "clamd.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    child = await asyncio.create_subprocess_exec(CLAMD, "-c", str(folder / "clamd.conf"), stdout=subprocess.DEVNULL)
    try:
        await until((folder / "clamd.ctl").exists, timeout=60, what="clamd")
        yield Clamd(path=folder / "clamd.ctl")
    finally:
        child.terminate()
        await child.wait()
