"""The firm's feed: a page of it, or a live stream (WHATWG server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

import structlog
from fastapi import Header, Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from gateway.admin import ruled, shapes
from gateway.admin.given import Behind, Given, Stopping
from gateway.admin.routes.answers import MAX_ID, MAX_PAGE, PAGE, Limit, Number
from gateway.admin.ruled import asks
from gateway.admin.services import Services
from gateway.domain.access import Caller
from gateway.domain.record import Event
from gateway.policy.walls import Right, Walls

router = ruled.router("feed")

SLOW_SECONDS = 30.0  # in which a reader takes some of what is written; two heartbeats
HEARTBEAT_SECONDS = 15.0  # how soon a stream learns that its reader has gone
STREAM = "text/event-stream"

_log = structlog.get_logger()


@router.get("/v1/events", response_model=None, openapi_extra=asks(Right.FEED))
async def events(
    given: Given,
    stopping: Stopping,
    walls: Behind,
    request: Request,
    *,
    after: Number = 0,
    limit: Limit = PAGE,
    accept: Annotated[str, Header()] = "",
    last_event_id: Annotated[str, Header()] = "",
) -> StreamingResponse | shapes.Json:
    """Oldest first; ``next`` is what to ask for then. A stream goes on from Last-Event-ID when it is broken."""
    if STREAM in accept:
        start = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else after
        stream = Stream(given, stopping, request.scope["state"]["again"])
        return Live(stream.frames(min(start, MAX_ID)), media_type=STREAM)
    found = await given.store.feed.after(after, limit, walls.feed, now=given.now())
    return {"events": [shapes.event(one) for one in found], "next": found[-1].number if found else after}


class Live(StreamingResponse):
    """A reader who takes nothing for a while is hung up on: they go on later from the last event that they got."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def patient(message: Message) -> None:
            try:
                async with asyncio.timeout(SLOW_SECONDS):
                    await send(message)
            except TimeoutError:
                _log.info("feed-reader-slow", pid=scope["state"]["peer"].pid)
                scope["state"]["abort"]()
                raise ClientDisconnect from None

        try:
            await super().__call__(scope, receive, patient)
        except* ClientDisconnect:
            _log.debug("feed-reader-gone")


class Stream:
    """One reader's; what they may see is looked at anew each time, for walls move and tokens end meanwhile."""

    def __init__(self, given: Services, stopping: asyncio.Event, again: Callable[[], Awaitable[Caller | None]]) -> None:
        self._given = given
        self._stopping = stopping
        self._again = again

    async def frames(self, number: int) -> AsyncIterator[str]:
        """A page at a time is in memory, and the next is asked for when the reader has taken this one."""
        feed = self._given.store.feed
        yield ": postern\n\n"
        while not self._stopping.is_set():
            caller = await self._again()
            if caller is None:
                return
            newest = feed.newest
            found = await feed.after(
                number, MAX_PAGE, Walls(self._given.office.firm, caller).feed, now=self._given.now()
            )
            for one in found:
                yield _frame(one)
            number = found[-1].number if len(found) == MAX_PAGE else max(number, newest, *(e.number for e in found))
            if not found and not await _more(self._given, self._stopping, number):
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
