"""The check of everything, as a stream of what it finds and how far it is; whoever hangs up ends it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from typing import Annotated

import structlog
from fastapi import Query
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.admin import ruled
from gateway.admin.given import Asker, Given, Stopping
from gateway.admin.routes.answers import Number
from gateway.admin.ruled import asks
from gateway.policy.walls import Right
from gateway.store.checking import Noted, Progress, Sign
from gateway.store.store import Store

router = ruled.router("backup")

STEP_SECONDS = 0.25  # between two signs of life: a person sees it move, and a hang-up is heard

_log = structlog.get_logger()


@router.post("/v1/verify", response_model=None, openapi_extra=asks(Right.MACHINE))
async def verify(
    given: Given,
    asker: Asker,
    stopping: Stopping,
    number: Number | None = None,
    link: Annotated[str, Query(pattern="^[0-9a-f]{0,64}$")] = "",
) -> StreamingResponse:
    """Server-sent events: ``progress`` (checked, total), ``finding`` (sentence), and at the end ``done`` (findings).

    ``number`` and ``link``: a line of the activity as it was noted elsewhere.
    """
    noted = Noted(number, link) if number is not None else None
    _log.info("verify", by=asker)
    return Stream(Walk(given.store, noted, stopping))


class Walk:
    """A check that is gone through step by step, each in whatever thread is free, until it is over or ended."""

    def __init__(self, store: Store, noted: Noted | None, stopping: asyncio.Event) -> None:
        self._ended = threading.Event()
        self._busy = threading.Lock()
        check = store.check(noted=noted, stop=lambda: self._ended.is_set() or stopping.is_set())
        self._signs = iter(check)

    def step(self) -> list[Sign]:
        """All findings of a while, and then how far it is; empty at the end."""
        with self._busy:
            found = self._some()
        if self._ended.is_set():
            self.end()  # nobody takes another step
        return found

    def _some(self) -> list[Sign]:
        until = time.monotonic() + STEP_SECONDS
        found: list[Sign] = []
        for sign in self._signs:
            if isinstance(sign, str):
                found.append(sign)
            elif time.monotonic() >= until:
                return [*found, sign]
        return found

    def end(self) -> None:
        """Lets go of the database: at once, or when the step that is under way has ended. It may be called again."""
        self._ended.set()
        if self._busy.acquire(blocking=False):
            try:
                self._signs.close()
            finally:
                self._busy.release()


class Stream(StreamingResponse):
    """Once it is over, however that came, the check ends."""

    def __init__(self, walk: Walk) -> None:
        super().__init__(_frames(walk), media_type="text/event-stream")
        self._walk = walk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._walk.end()


async def _frames(walk: Walk) -> AsyncIterator[str]:
    findings = 0
    while found := await asyncio.to_thread(walk.step):
        for one in found:
            findings += isinstance(one, str)
            yield _frame(one)
    yield f"event: done\ndata: {json.dumps({'findings': findings})}\n\n"


def _frame(sign: Sign) -> str:
    if isinstance(sign, Progress):
        return f"event: progress\ndata: {json.dumps({'checked': sign.checked, 'total': sign.total})}\n\n"
    return f"event: finding\ndata: {json.dumps({'sentence': sign})}\n\n"
