"""The firm: applied and exported whole, listed by noun."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.responses import PlainTextResponse

from gateway.admin import shapes
from gateway.admin.given import Asker, Given

router = APIRouter(tags=["firm"])


@router.post("/v1/apply")
async def apply(
    document: Annotated[dict[str, object], Body()],
    given: Given,
    asker: Asker,
    *,
    dry_run: bool = False,
    prune: bool = False,
) -> shapes.Json:
    """Makes the firm as the document says, secrets in the clear; 422 with all faults, and then nothing changed."""
    changes = await given.office.apply(document, by=asker, at=given.now(), dry_run=dry_run, prune=prune)
    return {"changes": [shapes.change(change) for change in changes], "dry_run": dry_run}


@router.get("/v1/export")
async def export(given: Given) -> PlainTextResponse:
    """The firm as a TOML file that can be applied, secrets left out."""
    return PlainTextResponse(given.office.export(), media_type="application/toml")


@router.get("/v1/members")
async def members(given: Given) -> shapes.Json:
    """Whether each can sign in, but not with what."""
    return {"members": [shapes.member(one) for one in given.office.firm.members]}


@router.get("/v1/clients")
async def clients(given: Given) -> shapes.Json:
    """With contacts and toggles."""
    return {"clients": [shapes.client(one) for one in given.office.firm.clients]}


@router.get("/v1/rules")
async def rules(given: Given) -> shapes.Json:
    """In their order, which decides."""
    return {"rules": [shapes.rule(one) for one in given.office.firm.rules]}


@router.get("/v1/signatures")
async def signatures(given: Given) -> shapes.Json:
    """As templates."""
    return {"signatures": [shapes.signature(one) for one in given.office.firm.signatures]}
