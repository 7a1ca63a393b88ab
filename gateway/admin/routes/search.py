"""Search: through mail and documents of the clients whom the asker may see."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from gateway.admin import ruled, shapes
from gateway.admin.given import Behind, Given
from gateway.admin.routes.answers import PAGE, Limit, Number
from gateway.admin.routes.mail import require_client, require_open
from gateway.admin.routes.schedule import zone_of
from gateway.admin.ruled import asks
from gateway.domain.search import Found
from gateway.policy.search import parse
from gateway.policy.walls import Right

router = ruled.router("mail")

SYNTAX = (
    'Words, all of which count, in any case and with or without accents; `popes*`, `"land registry"`, `from:`, `to:`, '
    "`subject:`, `client:`, `before:2026-03-14`, `after:2026`, `has:attachment`, `in:inbox`, `in:sent`, and `-` before "
    "what is not wanted."
)


@router.get("/v1/search", openapi_extra=asks(Right.RECORD))
async def search(
    given: Given,
    walls: Behind,
    *,
    q: Annotated[str, Query(description=SYNTAX)] = "",
    client: Annotated[str | None, Query(description="Only this client's, by the whole name.")] = None,
    limit: Limit = PAGE,
    after: Annotated[Number | None, Query(description="`next` of the page before.")] = None,
) -> shapes.Json:
    """Newest first. Whatever is asked for is understood somehow: ``notes`` say what was left out, ``waiting`` how many
    messages were filed and are not in the index yet (null for who sees only some of the clients).
    """
    if client is not None:
        require_open(walls, client)
        require_client(given, client)
    query = parse(q)
    clients = walls.names if client is None else {client}
    found = await given.store.search.find(
        query, clients=clients, limit=limit, zone=zone_of(given.office.firm), after=after
    )
    waiting = found.waiting if walls.everything else None
    return _shape(found) | {"waiting": waiting, "notes": list(query.notes)}


def _shape(found: Found) -> shapes.Json:
    hits = [
        {"message": shapes.message(one.message), "clients": list(one.clients), "box": one.box, "snippet": one.snippet}
        for one in found.hits
    ]
    return {"hits": hits, "next": found.next}
