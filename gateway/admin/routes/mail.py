"""The record: a client's messages, one message, its bytes."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.admin import brought, ruled, shapes
from gateway.admin.given import Asker, Behind, Given
from gateway.admin.routes.answers import MAX_ID, PAGE, Limit, Number, next_page, served, served_mail
from gateway.admin.ruled import asks
from gateway.admin.services import Services
from gateway.domain.errors import Conflict, NotFound
from gateway.domain.record import Direction
from gateway.inbound.approval import approve
from gateway.mime.attachments import each_attachment
from gateway.mime.plain import plain_text
from gateway.office.filing import Clerk
from gateway.policy.filename import safe_name
from gateway.policy.walls import Right, Walls
from gateway.settings.firmtables import MAX_LINE
from gateway.store.record import NO_MESSAGE

router = ruled.router("mail")

MessageId = Annotated[int, Path(ge=0, le=MAX_ID)]
AttachmentNumber = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("/v1/clients/{name:path}/messages", openapi_extra=asks(Right.RECORD))
async def messages(
    name: str,
    given: Given,
    walls: Behind,
    *,
    box: Direction | None = None,
    limit: Limit = PAGE,
    before: Number | None = None,
    after: Number | None = None,
    unverified: bool = False,
) -> shapes.Json:
    """Newest first; a client who has left the firm's file still has a record.

    ``unverified``: only what waits for somebody to approve it. With ``after`` the oldest first, behind that one.
    """
    require_open(walls, name)
    found = await given.store.record.list(name, box, limit, before, unverified=unverified, after=after)
    if not found:
        require_client(given, name)
    ids = [one.message.id for one in found]
    return {"messages": [shapes.filing(one) for one in found], "next": next_page(ids, limit)}


@router.get("/v1/messages/{message_id}", openapi_extra=asks(Right.RECORD))
async def message(message_id: MessageId, given: Given, walls: Behind) -> shapes.Json:
    """With its text as a person reads it."""
    record = given.store.record
    clients = await open_clients(message_id, given, walls)
    found = await record.message(message_id)
    raw = await record.raw(message_id)
    text = await asyncio.to_thread(plain_text, raw)  # megabytes of MIME would hold up the loop
    filed = [one for one in await record.filings(message_id) if one.client in clients]
    whole = shapes.whole_message(found, filed, await record.locations(message_id), text)
    return whole | {"threads": [shapes.place(one) for one in filed]}


@router.post("/v1/messages/{message_id}/approve", openapi_extra=asks(Right.RECORD))
async def approve_message(message_id: MessageId, given: Given, walls: Behind, asker: Asker) -> shapes.Json:
    """Unverified mail is the client's after all: its attachments become documents; the trail says who said so."""
    clients = await open_clients(message_id, given, walls)
    approved = await approve(given.store, message_id, by=asker, now=given.now(), saving=given.saves)
    shown = [one.path for one in approved.documents if one.client in clients]
    return {"message": approved.message, "clients": clients, "documents": shown}


class Under(BaseModel):
    """Under whom a message is to be filed, or from whom it is taken."""

    model_config = ConfigDict(extra="forbid")
    client: Annotated[str, Field(max_length=MAX_LINE)]


class FromTo(BaseModel):
    """From whose record into whose."""

    model_config = ConfigDict(extra="forbid")
    old: Annotated[str, Field(max_length=MAX_LINE, alias="from")]
    new: Annotated[str, Field(max_length=MAX_LINE, alias="to")]


@router.post("/v1/messages/{message_id}/file", openapi_extra=asks(Right.RECORD))
async def file_message(message_id: MessageId, under: Under, given: Given, walls: Behind, asker: Asker) -> shapes.Json:
    """Under a client, or for good where it was in doubt; what was taken out of a record can be put back so."""
    await _known(message_id, given, walls)
    require_open(walls, under.client)
    await _clerk(given).file(message_id, under.client, by=asker)
    return await _lies(message_id, given, walls)


@router.post("/v1/messages/{message_id}/unfile", openapi_extra=asks(Right.RECORD))
async def unfile_message(message_id: MessageId, under: Under, given: Given, walls: Behind, asker: Asker) -> shapes.Json:
    """Out of a client's record; it is kept aside, with who did it."""
    await _known(message_id, given, walls)
    require_open(walls, under.client)
    await _clerk(given).unfile(message_id, under.client, by=asker)
    return await _lies(message_id, given, walls)


@router.post("/v1/messages/{message_id}/refile", openapi_extra=asks(Right.RECORD))
async def refile_message(message_id: MessageId, way: FromTo, given: Given, walls: Behind, asker: Asker) -> shapes.Json:
    """From one client's record into another's, as one step."""
    await _known(message_id, given, walls)
    require_open(walls, way.old)
    require_open(walls, way.new)
    await _clerk(given).refile(message_id, way.old, way.new, by=asker)
    return await _lies(message_id, given, walls)


def _clerk(given: Services) -> Clerk:
    return Clerk(given.store, firm=lambda: given.office.firm, now=given.now)


async def _lies(message_id: int, given: Services, walls: Walls) -> shapes.Json:
    return {"message": message_id, "clients": walls.opened(await given.store.record.clients_of(message_id))}


async def _known(message_id: int, given: Services, walls: Walls) -> None:
    """NotFound where they see neither the message nor a record that it was taken out of."""
    if not walls.opened(await given.store.hand.taken_from(message_id)):
        await open_clients(message_id, given, walls)


@router.get("/v1/messages/{message_id}/raw", openapi_extra=asks(Right.RECORD))
async def raw_message(message_id: MessageId, given: Given, walls: Behind) -> Response:
    """The octets as they came."""
    await open_clients(message_id, given, walls)
    return served_mail(await given.store.record.mail(message_id), f"{message_id}.eml")


@router.get("/v1/messages/{message_id}/attachments", openapi_extra=asks(Right.RECORD))
async def attachments_of(message_id: MessageId, given: Given, walls: Behind) -> shapes.Json:
    """All of them, also those that were not saved, numbered from 1."""
    await open_clients(message_id, given, walls)
    raw = await given.store.record.raw(message_id)
    infected = await given.store.brought.infected(message_id)
    rows = await asyncio.to_thread(
        lambda: [brought.attachment(one, infected.get(one.part, "")) for one in each_attachment(raw)]
    )
    return {"attachments": rows}


@router.get("/v1/messages/{message_id}/attachments/{attachment}", openapi_extra=asks(Right.RECORD))
async def one_attachment(message_id: MessageId, attachment: AttachmentNumber, given: Given, walls: Behind) -> Response:
    """One attachment, decoded; an infected one only `raw` gives."""
    await open_clients(message_id, given, walls)
    found = (one for one in each_attachment(await given.store.record.raw(message_id)) if one.number == attachment)
    one = await asyncio.to_thread(next, found, None)
    if one is None:
        raise NotFound(f"It has no attachment {attachment}: `postern mail attachments {message_id}` lists them.")
    infection = (await given.store.brought.infected(message_id)).get(one.part)
    if infection is not None:
        raise Conflict(f"It is infected ({infection}): if you must have it, it is in `postern mail raw {message_id}`.")
    return served(one.content, safe_name(one.name))


async def open_clients(message_id: int, given: Services, walls: Walls) -> list[str]:
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
