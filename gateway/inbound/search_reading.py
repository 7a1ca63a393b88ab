"""Has messages read by a process of its own, so that no letter or document can hold up or fell the gateway."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import Process

import structlog

from gateway.domain.large import Large, Mail
from gateway.domain.record import HeaderFacts
from gateway.domain.search import Texts
from gateway.inbound.search_child import LENGTH
from gateway.policy.texts import header_texts, with_document
from gateway.store.child import start_child

PATIENCE = 20.0  # seconds for one message: a PDF of a hundred pages takes three
MAX_ANSWER = 16 * 1024 * 1024  # octets of one line; a letter has at most half a megabyte of words

log = structlog.get_logger()


class Reading:
    """One process, started when it is needed; one message at a time."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid if self._process else None

    async def read(self, message: int, raw: Mail, known: HeaderFacts) -> Texts:
        """What could be read in time: all of it, the letter without its documents, or at least the header.

        A large message is handed on piece by piece; raises what it raises where that fails.
        """
        got = _Got(header_texts(known))
        try:
            async with asyncio.timeout(self._patience):
                await self._ask(raw, got)
        except (TimeoutError, ValueError, OSError, EOFError) as error:
            # It was too slow, broke, or was ended for the memory that it took; the next one gets a new process.
            log.warning("search-reading-failed", message=message, error=type(error).__name__)
            await self.rest()
        except BaseException:
            await self.rest()  # an answer that nobody waits for must not be taken for the next one's
            raise
        if got.faults:
            log.info("search-document-unread", message=message, faults=got.faults)
        return got.texts

    async def rest(self) -> None:
        """End the process; the next message starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def _ask(self, raw: Mail, got: _Got) -> None:
        process = await self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(LENGTH.pack(len(raw)))
        if isinstance(raw, bytes):
            process.stdin.write(raw)
        else:
            await _hand_over(raw, process.stdin)
        await process.stdin.drain()
        while not got.over:
            line = await process.stdout.readline()
            if not line.endswith(b"\n"):
                raise EOFError("the reading process ended")
            got.take(json.loads(line))

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await start_child("gateway.inbound.search_child", MAX_ANSWER)
        return self._process


async def _hand_over(large: Large, to: asyncio.StreamWriter) -> None:
    pieces = large.slices()
    while (piece := await asyncio.to_thread(next, pieces, b"")) != b"":
        to.write(piece)
        await to.drain()


class _Got:
    """What the process has answered so far."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self.faults: list[str] = []
        self.over = False

    def take(self, line: dict[str, object]) -> None:
        if isinstance(letter := line.get("letter"), dict):
            self.texts = Texts(**letter)
        elif "words" in line:
            self.texts = with_document(self.texts, str(line["words"]), str(line["line"]))
        elif isinstance(faults := line.get("over"), list):
            self.faults, self.over = [str(one) for one in faults], True
        else:
            raise ValueError("the reading process answered in a way that we don't know")
