"""Members' tokens for this face: made, shown once, and revoked."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from gateway.admin import ruled, shapes
from gateway.admin.given import Asker, Behind, Given
from gateway.admin.ruled import asks
from gateway.domain.errors import Fault, Faulty
from gateway.office.tokens import LIFE
from gateway.policy.walls import Right
from gateway.settings.quantities import parse_duration

router = ruled.router("firm")

MAX_LENGTH = 40  # characters: no duration needs more


@router.post("/v1/members/{login}/token", openapi_extra=asks(Right.TOKENS))
async def make(
    login: str,
    given: Given,
    asker: Asker,
    walls: Behind,
    expires: Annotated[str | None, Query(max_length=MAX_LENGTH)] = None,
) -> shapes.Json:
    """A new token in place of the former; this answer is the only one that ever shows it. ``expires``: like "90d"."""
    member = walls.member_for_token(login)
    try:
        life = LIFE if expires is None else parse_duration(expires)
    except ValueError as error:
        raise Faulty("token", [Fault("expires", f"{error}.")]) from error
    secret, token = await given.tokens.make(member.login, asker, life)
    return {"login": member.login, "token": secret.value, "expires_at": shapes.moment(token.expires_at)}


@router.delete("/v1/members/{login}/token", openapi_extra=asks(Right.TOKENS))
async def revoke(login: str, given: Given, asker: Asker, walls: Behind) -> shapes.Json:
    """It opens nothing any more; 404 where there is none."""
    member = walls.member_for_token(login)
    await given.tokens.revoke(member.login, asker)
    return {"login": member.login}
