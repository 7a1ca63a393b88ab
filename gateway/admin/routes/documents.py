"""Attachments that were saved for clients."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from gateway.admin import shapes
from gateway.admin.given import Given
from gateway.admin.routes.answers import MAX_ID, PAGE, Limit, Number, next_page, served
from gateway.admin.routes.mail import require_client
from gateway.domain.record import Document

router = APIRouter(tags=["documents"])

DocumentId = Annotated[int, Path(ge=0, le=MAX_ID)]


@router.get("/v1/documents")
async def documents(given: Given, limit: Limit = PAGE, before: Number | None = None) -> shapes.Json:
    """Everyone's, newest first."""
    return _page(await given.store.record.documents(None, limit, before), limit)


@router.get("/v1/clients/{name:path}/documents")
async def of_client(name: str, given: Given, limit: Limit = PAGE, before: Number | None = None) -> shapes.Json:
    """One client's, newest first."""
    found = await given.store.record.documents(name, limit, before)
    if not found:
        require_client(given, name)
    return _page(found, limit)


@router.get("/v1/documents/{document_id}")
async def document(document_id: DocumentId, given: Given) -> shapes.Json:
    """What is known of it."""
    return shapes.document(await given.store.record.document(document_id))


@router.get("/v1/documents/{document_id}/content")
async def content(document_id: DocumentId, given: Given) -> Response:
    """Always as a download, whatever type the sender claimed."""
    found = await given.store.record.document(document_id)
    return served(await given.store.record.document_bytes(document_id), found.name)


def _page(found: list[Document], limit: int) -> shapes.Json:
    ids = [one.id for one in found]
    return {"documents": [shapes.document(one) for one in found], "next": next_page(ids, limit)}
