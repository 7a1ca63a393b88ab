"""Has mail made fit to be shown by a process of its own, so that no letter can hold up, fell or reach the gateway."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import Process
from dataclasses import dataclass

import structlog

from gateway.mime.sheet import Enclosure
from gateway.store.child import start_child

PATIENCE = 20.0  # seconds for one message: ten times what it has on the processor, which others use too
MAX_ANSWER = 64 * 1024 * 1024  # octets: all pictures in base64, and all text as entities
TOGETHER = 2  # processes at a time: printing may wait, mail may not

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Body:
    """What is shown of a message; ``html`` is None where no harmless HTML could be made of it in time."""

    html: str | None
    enclosures: tuple[Enclosure, ...]


class Pages:
    """One process a message, a few at a time."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._places = asyncio.Semaphore(TOGETHER)

    async def body(self, message: int, raw: bytes) -> Body:
        """Never fails: what was not ready in time is left out."""
        async with self._places:
            process = await start_child("gateway.office.page_child", MAX_ANSWER)
            lines: list[bytes] = []
            try:
                async with asyncio.timeout(self._patience):
                    await _ask(process, raw, lines)
            except (TimeoutError, OSError, ValueError) as error:
                log.warning("page-not-made", message=message, error=type(error).__name__)
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()
        return _read(lines)


async def _ask(process: Process, raw: bytes, lines: list[bytes]) -> None:
    """What it has said when it is ended stays."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(raw)
    await process.stdin.drain()
    process.stdin.close()
    while line := await process.stdout.readline():
        lines.append(line)


def _read(lines: list[bytes]) -> Body:
    said: dict[str, object] = {}
    for line in lines:
        if line.endswith(b"\n"):
            said |= json.loads(line)
    html, listed = said.get("html"), said.get("enclosures")
    rows = listed if isinstance(listed, list) else []
    return Body(html if isinstance(html, str) else None, tuple(Enclosure(**row) for row in rows))
