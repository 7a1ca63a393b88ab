"""The record: a client's messages, one message, its bytes."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Path
from fastapi.responses import Response

from gateway.admin import ruled, shapes
from gateway.admin.given import Asker, Behind, Given
from gateway.admin.routes.answers import MAX_ID, PAGE, Limit, Number, next_page, served
from gateway.admin.ruled import asks
from gateway.admin.services import Services
from gateway.domain.errors import NotFound
from gateway.domain.record import Direction
from gateway.inbound.approval import approve
from gateway.mime.plain import plain_text
from gateway.policy.walls import Right, Walls
from gateway.store.record import NO_MESSAGE

router = ruled.router("mail")

MessageId = Annotated[int, Path(ge=0, le=MAX_ID)]


@router.get("/v1/clients/{name:path}/messages", openapi_extra=asks(Right.RECORD))
async def messages(
    name: str,
    given: Given,
    walls: Behind,
    *,
    box: Direction | None = None,
    limit: Limit = PAGE,
    before: Number | None = None,
) -> shapes.Json:
    """Newest first; a client who has left the firm's file still has a record."""
    require_open(walls, name)
    found = await given.store.record.list(name, box, limit, before)
    if not found:
        require_client(given, name)
    ids = [one.message.id for one in found]
    return {"messages": [shapes.filing(one) for one in found], "next": next_page(ids, limit)}


@router.get("/v1/messages/{message_id}", openapi_extra=asks(Right.RECORD))
async def message(message_id: MessageId, given: Given, walls: Behind) -> shapes.Json:
    """With its text as a person reads it."""
    record = given.store.record
    clients = await _open_clients(message_id, given, walls)
    found = await record.message(message_id)
    raw = await record.raw(message_id)
    text = await asyncio.to_thread(plain_text, raw)  # megabytes of MIME would hold up the loop
    return shapes.whole_message(found, clients, await record.locations(message_id), text)


@router.post("/v1/messages/{message_id}/approve", openapi_extra=asks(Right.RECORD))
async def approve_message(message_id: MessageId, given: Given, walls: Behind, asker: Asker) -> shapes.Json:
    """Unverified mail is the client's after all: its attachments become documents; the trail says who said so."""
    clients = await _open_clients(message_id, given, walls)
    approved = await approve(given.store, message_id, by=asker, now=given.now())
    shown = [one.path for one in approved.documents if one.client in clients]
    return {"message": approved.message, "clients": clients, "documents": shown}


@router.get("/v1/messages/{message_id}/raw", openapi_extra=asks(Right.RECORD))
async def raw_message(message_id: MessageId, given: Given, walls: Behind) -> Response:
    """The octets as they came."""
    await _open_clients(message_id, given, walls)
    return served(await given.store.record.raw(message_id), f"{message_id}.eml")


async def _open_clients(message_id: int, given: Services, walls: Walls) -> list[str]:
    """Whose message it is, as far as they are open to who asks; NotFound where none is, or there is no such message."""
    clients = walls.opened(await given.store.record.clients_of(message_id))
    if not clients:
        raise NotFound(NO_MESSAGE)
    return clients


def require_open(walls: Walls, name: str) -> None:
    """NotFound for a client behind a wall, in the words for one that is not there."""
    if not walls.opens(name):
        raise _no_client(name)


def require_client(given: Services, name: str) -> None:
    """An empty list and an unknown client are different things."""
    if name not in given.office.firm.client_by_name:
        raise _no_client(name)


def _no_client(name: str) -> NotFound:
    return NotFound(f"There is no client {name!r}: `postern client list` shows them.")
