"""A command run to its end in this process: its exit code, and what it said where."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from gateway.cli import run


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str
    octets: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Screen(io.TextIOWrapper):
    """Standard output, which may say that it is a terminal."""

    def __init__(self, buffer: BinaryIO, *, terminal: bool) -> None:
        super().__init__(buffer, encoding="utf-8", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def say(*arguments: object, terminal: bool = False) -> Said:
    """For commands that need no daemon, or one on another loop."""
    out, err = io.BytesIO(), io.StringIO()
    screen = Screen(out, terminal=terminal)
    with redirect_stdout(screen), redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    screen.flush()
    octets = out.getvalue()
    return Said(code, octets.decode("utf-8", "replace"), err.getvalue(), octets)


async def ask(socket: Path, *arguments: object, terminal: bool = False) -> Said:
    """In a thread, so that the daemon's loop goes on."""
    return await asyncio.to_thread(say, "--socket", socket, *arguments, terminal=terminal)
