"""Attachments that were saved for clients."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from fastapi.responses import Response

from gateway.admin import ruled, shapes
from gateway.admin.given import Behind, Given
from gateway.admin.routes.answers import MAX_ID, PAGE, Limit, Number, next_page, served
from gateway.admin.routes.mail import require_client, require_open
from gateway.admin.ruled import asks
from gateway.admin.services import Services
from gateway.domain.errors import NotFound
from gateway.domain.record import Document
from gateway.policy.walls import Right, Walls
from gateway.store.record import NO_DOCUMENT

router = ruled.router("documents")

DocumentId = Annotated[int, Path(ge=0, le=MAX_ID)]


@router.get("/v1/documents", openapi_extra=asks(Right.RECORD))
async def documents(given: Given, walls: Behind, limit: Limit = PAGE, before: Number | None = None) -> shapes.Json:
    """Of every client that is open to who asks, newest first."""
    return _page(await given.store.record.documents(None, limit, before, within=walls.names), limit)


@router.get("/v1/clients/{name:path}/documents", openapi_extra=asks(Right.RECORD))
async def of_client(
    name: str, given: Given, walls: Behind, limit: Limit = PAGE, before: Number | None = None
) -> shapes.Json:
    """One client's, newest first."""
    require_open(walls, name)
    found = await given.store.record.documents(name, limit, before)
    if not found:
        require_client(given, name)
    return _page(found, limit)


@router.get("/v1/documents/{document_id}", openapi_extra=asks(Right.RECORD))
async def document(document_id: DocumentId, given: Given, walls: Behind) -> shapes.Json:
    """What is known of it."""
    return shapes.document(await _open(document_id, given, walls))


@router.get("/v1/documents/{document_id}/content", openapi_extra=asks(Right.RECORD))
async def content(document_id: DocumentId, given: Given, walls: Behind) -> Response:
    """Always as a download, whatever type the sender claimed."""
    found = await _open(document_id, given, walls)
    return served(await given.store.record.document_bytes(document_id), found.name)


async def _open(document_id: int, given: Services, walls: Walls) -> Document:
    """NotFound for a client behind a wall, as for a document that is not there."""
    found = await given.store.record.document(document_id)
    if not walls.opens(found.client):
        raise NotFound(NO_DOCUMENT)
    return found


def _page(found: list[Document], limit: int) -> shapes.Json:
    ids = [one.id for one in found]
    return {"documents": [shapes.document(one) for one in found], "next": next_page(ids, limit)}
