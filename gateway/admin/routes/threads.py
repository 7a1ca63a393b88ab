"""Conversations: a client's threads, the messages of one, and where what was just sent lies."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from gateway.admin import ruled, shapes
from gateway.admin.given import Behind, Given
from gateway.admin.routes.answers import MAX_ID, PAGE, Limit, Number, next_page
from gateway.admin.routes.mail import require_client, require_open
from gateway.admin.ruled import asks
from gateway.admin.services import Services
from gateway.domain.errors import NotFound
from gateway.policy.walls import Right, Walls

router = ruled.router("mail")

Thread = Annotated[int, Path(ge=0, le=MAX_ID)]


@router.get("/v1/clients/{name:path}/threads", openapi_extra=asks(Right.RECORD))
async def threads(
    name: str, given: Given, walls: Behind, limit: Limit = PAGE, before: Number | None = None
) -> shapes.Json:
    """Sent and received together, that with the newest message first."""
    require_open(walls, name)
    found = await given.store.conversations.of_client(name, limit, before)
    if not found:
        require_client(given, name)
    return {"threads": [shapes.talk(one) for one in found], "next": next_page([one.last for one in found], limit)}


@router.get("/v1/threads/{thread}", openapi_extra=asks(Right.RECORD))
async def thread_of(
    thread: Thread, given: Given, walls: Behind, limit: Limit = PAGE, after: Number | None = None
) -> shapes.Json:
    """Its messages, the oldest first; ``next`` is what `after` takes."""
    client = await thread_client(thread, given, walls)
    found = await given.store.conversations.of_thread(thread, limit, after)
    ids = [one.message.id for one in found]
    return {
        "thread": thread,
        "client": client,
        "messages": [shapes.filing(one) for one in found],
        "next": next_page(ids, limit),
    }


async def thread_client(thread: int, given: Services, walls: Walls) -> str:
    """Whose it is; NotFound for one behind a wall, as for one that is not there."""
    client = await given.store.wishes.thread_client(thread)
    if client is None or not walls.opens(client):
        raise NotFound(f"There is no thread {thread}: `postern mail threads` shows those of a client.")
    return client
