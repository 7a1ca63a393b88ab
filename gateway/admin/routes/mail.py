"""The record: a client's messages, one message, its bytes."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from gateway.admin import shapes
from gateway.admin.given import Given
from gateway.admin.routes.answers import MAX_ID, PAGE, Limit, Number, next_page, served
from gateway.admin.services import Services
from gateway.domain.errors import NotFound
from gateway.domain.record import Direction
from gateway.mime.plain import plain_text

router = APIRouter(tags=["mail"])

MessageId = Annotated[int, Path(ge=0, le=MAX_ID)]


@router.get("/v1/clients/{name:path}/messages")
async def messages(
    name: str, given: Given, box: Direction | None = None, limit: Limit = PAGE, before: Number | None = None
) -> shapes.Json:
    """Newest first; a client who has left the firm's file still has a record."""
    found = await given.store.record.list(name, box, limit, before)
    if not found:
        require_client(given, name)
    ids = [one.message.id for one in found]
    return {"messages": [shapes.filing(one) for one in found], "next": next_page(ids, limit)}


@router.get("/v1/messages/{message_id}")
async def message(message_id: MessageId, given: Given) -> shapes.Json:
    """With its text as a person reads it."""
    record = given.store.record
    found = await record.message(message_id)
    raw = await record.raw(message_id)
    text = await asyncio.to_thread(plain_text, raw)  # megabytes of MIME would hold up the loop
    clients, locations = await record.clients_of(message_id), await record.locations(message_id)
    return shapes.whole_message(found, clients, locations, text)


@router.get("/v1/messages/{message_id}/raw")
async def raw_message(message_id: MessageId, given: Given) -> Response:
    """The octets as they came."""
    return served(await given.store.record.raw(message_id), f"{message_id}.eml")


def require_client(given: Services, name: str) -> None:
    """An empty list and an unknown client are different things."""
    if name not in given.office.firm.client_by_name:
        raise NotFound(f"There is no client {name!r}: `postern client list` shows them.")
