"""Old mail into a client's record, a message at a time."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from gateway.admin import recorded as recorded_as
from gateway.admin import ruled, shapes
from gateway.admin.given import Asker, Behind, Given
from gateway.admin.routes.mail import require_client, require_open
from gateway.admin.ruled import asks
from gateway.domain.record import Direction
from gateway.office.importing import LARGEST, MAX_REASON, Brought
from gateway.policy.walls import Right, require

router = ruled.router("mail")

Reason = Annotated[str | None, Query(max_length=MAX_REASON)]
Recorded = Annotated[str | None, Query(max_length=recorded_as.MAX_RECORDED)]


@router.get("/v1/clients/{name:path}/extent", openapi_extra=asks(Right.RECORD))
async def extent(name: str, given: Given, walls: Behind) -> shapes.Json:
    """How many messages and documents the record has, and of how many octets."""
    require_open(walls, name)
    found = await given.store.conversations.extent(name)
    if not found["messages"]:
        require_client(given, name)
    return {"client": name, **found}


@router.post("/v1/clients/{name:path}/messages/import", openapi_extra=asks(Right.RECORD))
async def import_message(
    request: Request,
    name: str,
    given: Given,
    walls: Behind,
    asker: Asker,
    *,
    box: Direction | None = None,
    documents: bool = False,
    unverified: Reason = None,
    recorded: Recorded = None,
) -> shapes.Json:
    """The body is one message; ``new`` is false where the record has it already, or somebody took it out.

    ``box``: by its From where it is not said. ``documents``: its attachments become some. ``unverified``: why it was.
    ``recorded``: what the manifest of an export has under that name, as JSON: its verdict, when it was filed, and who
    wrote it. It is believed, so only those who set the firm up may say it.
    """
    require_open(walls, name)
    require_client(given, name)
    if recorded is not None:
        require(walls.caller, Right.SETTINGS)
    was = None if recorded is None else recorded_as.read(recorded)
    said = request.headers.get("content-length", "")
    async with given.imports.room.take(int(said) if said.isdecimal() else LARGEST):
        raw = await request.body()
        filed = await given.imports.file(name, Brought(raw, box, documents, unverified, was), by=asker)
    return {"client": name, "message": filed.message, "new": filed.new, "sha256": filed.sha256}
