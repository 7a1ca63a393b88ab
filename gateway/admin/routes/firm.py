"""The firm: applied and exported whole, listed by noun."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Path
from fastapi.responses import PlainTextResponse

from gateway.admin import refiled, ruled, shapes
from gateway.admin.given import Asker, Behind, Given
from gateway.admin.routes.answers import MAX_ID, PAGE, Limit, Number
from gateway.admin.ruled import asks
from gateway.policy.walls import Right

router = ruled.router("firm")

StepNumber = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.post("/v1/apply", openapi_extra=asks(Right.SETTINGS))
async def apply(
    document: Annotated[dict[str, object], Body()],
    given: Given,
    asker: Asker,
    walls: Behind,
    *,
    dry_run: bool = False,
    prune: bool = False,
    limit: Limit = PAGE,
    after: Number | None = None,
) -> shapes.Json:
    """Makes the firm as the document says, secrets in the clear; 422 with all faults, and then nothing changed.

    ``record``: what became of stored mail by it, ``searches``: where more will be looked for; with ``dry_run``, what
    would. Its messages come ``limit`` at a time; ``after`` is the last one seen.
    """
    made = await given.office.apply(
        document, by=asker, at=given.now(), dry_run=dry_run, prune=prune, caller=walls.caller
    )
    return await refiled.applied(made, given, walls, dry_run=dry_run, limit=limit, after=after)


@router.post("/v1/steps/{step}/undo", openapi_extra=asks(Right.SETTINGS))
async def undo(
    step: StepNumber,
    given: Given,
    asker: Asker,
    walls: Behind,
    *,
    dry_run: bool = False,
    limit: Limit = PAGE,
    after: Number | None = None,
) -> shapes.Json:
    """Takes back what was applied as that step, settings and filings; 409 where it was changed again since."""
    made = await given.office.undo(step, by=asker, at=given.now(), dry_run=dry_run, caller=walls.caller)
    return await refiled.applied(made, given, walls, dry_run=dry_run, limit=limit, after=after)


@router.get("/v1/export", openapi_extra=asks(Right.SETTINGS))
async def export(given: Given) -> PlainTextResponse:
    """The firm as a TOML file that can be applied, secrets left out."""
    return PlainTextResponse(given.office.export(), media_type="application/toml")


@router.get("/v1/members", openapi_extra=asks(Right.PEOPLE))
async def members(given: Given) -> shapes.Json:
    """Whether each can sign in, but not with what."""
    return {"members": [shapes.member(one) for one in given.office.firm.members]}


@router.get("/v1/clients", openapi_extra=asks(Right.CLIENTS))
async def clients(walls: Behind) -> shapes.Json:
    """With contacts and toggles."""
    return {"clients": [shapes.client(one) for one in walls.clients]}


@router.get("/v1/rules", openapi_extra=asks(Right.SETTINGS))
async def rules(given: Given) -> shapes.Json:
    """In their order, which decides."""
    return {"rules": [shapes.rule(one) for one in given.office.firm.rules]}


@router.get("/v1/signatures", openapi_extra=asks(Right.PEOPLE))
async def signatures(given: Given) -> shapes.Json:
    """As templates."""
    return {"signatures": [shapes.signature(one) for one in given.office.firm.signatures]}
