"""What clients sent: saved attachments, those that were set aside, and files that were promised with a link."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import structlog
from fastapi import Path, Query
from fastapi.responses import Response
from pydantic import AwareDatetime

from gateway.admin import brought, ruled, shapes
from gateway.admin.given import Asker, Behind, Given
from gateway.admin.routes.answers import MAX_ID, PAGE, Limit, Number, next_page, served
from gateway.admin.routes.mail import require_client, require_open
from gateway.admin.ruled import asks
from gateway.admin.services import Services
from gateway.domain.errors import NotFound
from gateway.domain.record import Document
from gateway.domain.saving import ListedAside, Promise
from gateway.policy.walls import Right, Walls
from gateway.store.record import NO_DOCUMENT

router = ruled.router("documents")

_log = structlog.get_logger()

Since = Annotated[AwareDatetime | None, Query(description="Only messages written since then.")]
DocumentId = Annotated[int, Path(ge=0, le=MAX_ID)]


@router.get("/v1/documents", openapi_extra=asks(Right.RECORD))
async def documents(given: Given, walls: Behind, limit: Limit = PAGE, before: Number | None = None) -> shapes.Json:
    """Of every client that is open to who asks, newest first."""
    return _page(await given.store.record.documents(None, limit, before, within=walls.names), limit)


@router.get("/v1/promised", openapi_extra=asks(Right.RECORD))
async def promised(given: Given, walls: Behind, limit: Limit = PAGE, before: Number | None = None) -> shapes.Json:
    """Links to files of cloud services: promised, not received. No request was made to them."""
    return _promised(await given.store.brought.promised(walls.names, limit, before), limit)


@router.get("/v1/aside", openapi_extra=asks(Right.RECORD))
async def aside(given: Given, walls: Behind, limit: Limit = PAGE, before: Number | None = None) -> shapes.Json:
    """Attachments that were not saved, and why: infected, or a logo. The raw message has them."""
    return _aside(await given.store.brought.aside(walls.names, limit, before), limit)


@router.get("/v1/clients/{name:path}/promised", openapi_extra=asks(Right.RECORD))
async def promised_by(
    name: str, given: Given, walls: Behind, limit: Limit = PAGE, before: Number | None = None
) -> shapes.Json:
    """One client's links to files that never came."""
    require_open(walls, name)
    found = await given.store.brought.promised([name], limit, before)
    if not found:
        require_client(given, name)
    return _promised(found, limit)


@router.get("/v1/clients/{name:path}/aside", openapi_extra=asks(Right.RECORD))
async def aside_of(
    name: str, given: Given, walls: Behind, limit: Limit = PAGE, before: Number | None = None
) -> shapes.Json:
    """One client's attachments that were not saved, with why."""
    require_open(walls, name)
    found = await given.store.brought.aside([name], limit, before)
    if not found:
        require_client(given, name)
    return _aside(found, limit)


@router.get("/v1/clients/{name:path}/saving", openapi_extra=asks(Right.RECORD))
async def saving(name: str, given: Given, walls: Behind) -> shapes.Json:
    """How many of the client's messages are still to be looked through, and why those wait that failed."""
    require_open(walls, name)
    require_client(given, name)
    return asdict(await given.store.saving.outstanding(name))


@router.post("/v1/clients/{name:path}/documents/import", openapi_extra=asks(Right.RECORD))
async def import_documents(name: str, given: Given, walls: Behind, asker: Asker, since: Since = None) -> shapes.Json:
    """Makes documents of the attachments of history, in the background: `saving` shows how far it is."""
    require_open(walls, name)
    require_client(given, name)
    wanted = await given.store.saving.want(name, since, given.now())
    _log.info("documents-import", client=name, messages=wanted, by=asker)
    return {"client": name, "messages": wanted}


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
    """What is known of it, with every message that brought it."""
    found = await _open(document_id, given, walls)
    origins = await given.store.brought.origins(document_id)
    return shapes.document(found) | {"origins": [brought.origin(one) for one in origins]}


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


def _promised(found: list[Promise], limit: int) -> shapes.Json:
    ids = [one.id for one in found]
    return {"promised": [brought.promise(one) for one in found], "next": next_page(ids, limit)}


def _aside(found: list[ListedAside], limit: int) -> shapes.Json:
    ids = [one.id for one in found]
    return {"aside": [brought.aside(one) for one in found], "next": next_page(ids, limit)}
