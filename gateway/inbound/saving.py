"""From filed mail to the client's documents: each attachment decoded, judged, scanned and written, message by message.

Apart from the tails, so that nothing which a message holds can stop them. Where the scanner does not answer the
saving waits: an unseen file must not lie where people open it, while the mail itself is filed and can be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from gateway.domain.errors import PosternError, UpstreamError
from gateway.domain.record import EventKind
from gateway.domain.saving import SavingDuty, Scanned
from gateway.inbound.looking import Looking
from gateway.policy.patience import wait_after
from gateway.store.room import Room
from gateway.store.store import Store

log = structlog.get_logger()

FIRST_WAIT = 30.0  # seconds, doubled with each failure up to the five minutes of `policy.patience`
BROKEN_WAIT = timedelta(days=1)  # a fault of ours does not go away by itself
LONGEST_SLEEP = 3600.0  # seconds: clocks jump


class Scanner(Protocol):
    """Says whether octets are infected; UpstreamError where it can't say: it is asked again later."""

    async def scan(self, content: bytes) -> Scanned: ...


class Saving:
    """Runs until cancelled; one message after the other. ``scanner`` gives None where nothing is to be scanned."""

    def __init__(
        self,
        store: Store,
        *,
        room: Room,
        now: Callable[[], datetime],
        scanner: Callable[[], Scanner | None] = lambda: None,
    ) -> None:
        self._store = store
        self._room = room
        self._now = now
        self._scanner = scanner
        self._scanner_down = False
        self._one = asyncio.Lock()

    async def run(self) -> None:
        while True:
            try:
                while await self.some():
                    pass
                pause = await self._pause()
            except PosternError as error:  # the disk is full, or the database is locked
                log.warning("saving-put-off", error=error.sentence, detail=error.detail)
                pause = FIRST_WAIT
            try:
                async with asyncio.timeout(pause):
                    await self._store.saving.wait()
            except TimeoutError:
                continue

    async def some(self) -> int:
        """Do what is due, the most urgent of it; how many duties that was."""
        async with self._one:
            await self._store.saving.clear()
        due = await self._store.saving.due(self._now())
        for duty in due:
            await self._try(duty)
        return len(due)

    async def message(self, number: int) -> None:
        """Do at once what is due of one message, for a person waits for it."""
        for duty in await self._store.saving.due(self._now(), number):
            await self._try(duty)

    async def _pause(self) -> float | None:
        due = await self._store.saving.next_due()
        return None if due is None else min(max((due - self._now()).total_seconds(), 0.0), LONGEST_SLEEP)

    async def _try(self, duty: SavingDuty) -> None:
        """Whatever goes wrong with one message, the next has its turn."""
        try:
            async with self._one, self._room.take(duty.size):
                if await self._store.saving.is_due(duty):
                    await self._do(duty)
        except UpstreamError as error:
            await self._note_scanner(error)
            await self._later(duty, error.sentence)
        except PosternError as error:
            await self._later(duty, error.sentence)
        except Exception as error:
            log.exception("broken-attachments", client=duty.client, message=duty.message)
            await self._store.saving.later(duty, self._now() + BROKEN_WAIT, type(error).__name__)
            if not duty.attempts:
                sentence = f"Attachments of message {duty.message} could not be saved ({type(error).__name__}): "
                sentence += "they are in the raw message, and it is tried again each day."
                await self._store.feed.add(
                    EventKind.SET_ASIDE, self._now(), sentence, client=duty.client, message=duty.message
                )

    async def _later(self, duty: SavingDuty, sentence: str) -> None:
        wait = timedelta(seconds=wait_after(duty.attempts + 1, "", 1.0, first=FIRST_WAIT))
        log.warning("saving-waits", client=duty.client, message=duty.message, reason=sentence)
        await self._store.saving.later(duty, self._now() + wait, sentence)

    async def _do(self, duty: SavingDuty) -> None:
        raw = await self._store.bodies.get(duty.sha256)
        found = await Looking(self._store, duty, raw, self._scanned).all()
        new = await self._store.saving.finish(duty, found, self._now())
        log.info("saved", client=duty.client, message=duty.message, documents=new, aside=len(found.aside))

    async def _scanned(self, content: bytes) -> Scanned:
        scanner = self._scanner()
        if scanner is None:
            return Scanned()
        said = await scanner.scan(content)
        if self._scanner_down:
            self._scanner_down = False
            await self._store.feed.add(EventKind.SCANNER, self._now(), "The virus scanner answers again.")
        return said

    async def _note_scanner(self, error: UpstreamError) -> None:
        """Once for each time that it is down."""
        if not self._scanner_down:
            self._scanner_down = True
            sentence = f"Attachments wait for the virus scanner: {error.sentence} They are saved once it has seen them."
            await self._store.feed.add(EventKind.SCANNER, self._now(), sentence)
