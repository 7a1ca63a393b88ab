"""The firm's feed: a page of it, or a live stream (WHATWG server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from gateway.admin import shapes
from gateway.admin.given import Given, Stopping
from gateway.admin.routes.answers import MAX_ID, PAGE, Limit, Number
from gateway.admin.services import Services
from gateway.domain.record import Event

router = APIRouter(tags=["feed"])

HEARTBEAT_SECONDS = 15.0  # how soon a stream learns that its reader has gone
STREAM = "text/event-stream"


@router.get("/v1/events", response_model=None)
async def events(
    given: Given,
    stopping: Stopping,
    *,
    after: Number = 0,
    limit: Limit = PAGE,
    accept: Annotated[str, Header()] = "",
    last_event_id: Annotated[str, Header()] = "",
) -> StreamingResponse | shapes.Json:
    """Oldest first; ``next`` is what to ask for then. A stream goes on from Last-Event-ID when it is broken."""
    if STREAM in accept:
        start = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else after
        return StreamingResponse(_stream(given, stopping, min(start, MAX_ID)), media_type=STREAM)
    found = await given.store.feed.after(after, limit)
    return {"events": [shapes.event(one) for one in found], "next": found[-1].number if found else after}


async def _stream(given: Services, stopping: asyncio.Event, number: int) -> AsyncIterator[str]:
    yield ": postern\n\n"
    while not stopping.is_set():
        found = await given.store.feed.after(number)
        for one in found:
            yield _frame(one)
            number = one.number
        if not found and not await _more(given, stopping, number):
            yield ": still here\n\n"


async def _more(given: Services, stopping: asyncio.Event, number: int) -> bool:
    """Whether there is news before the heartbeat is due; True as well when the face goes down."""
    news, end = asyncio.ensure_future(given.store.feed.wait(number)), asyncio.ensure_future(stopping.wait())
    try:
        done, _ = await asyncio.wait({news, end}, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        news.cancel()
        end.cancel()
        await asyncio.gather(news, end, return_exceptions=True)


def _frame(event: Event) -> str:
    data = json.dumps(shapes.event(event))  # one line: json escapes what would end it
    return f"id: {event.number}\nevent: {event.kind}\ndata: {data}\n\n"
