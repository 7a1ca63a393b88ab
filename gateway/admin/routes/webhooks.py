"""Webhooks: made, listed and removed; a secret is shown once."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from gateway.admin import ruled, shapes
from gateway.admin.given import Asker, Behind, Given
from gateway.admin.ruled import asks
from gateway.domain.errors import Conflict
from gateway.domain.record import EventKind
from gateway.domain.webhook import Webhook
from gateway.policy.walls import Right

router = ruled.router("feed")


class Wanted(BaseModel):
    """Without ``kinds``, all events that the asker sees."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100)
    url: str = Field(max_length=4_000)
    kinds: list[EventKind] = []


@router.get("/v1/webhooks", openapi_extra=asks(Right.SETTINGS))
async def webhooks(given: Given) -> shapes.Json:
    """By name, without their secrets."""
    return {"webhooks": [_shape(one) for one in await given.store.webhooks.list()]}


@router.post("/v1/webhooks", openapi_extra=asks(Right.SETTINGS))
async def add(wanted: Wanted, given: Given, asker: Asker, walls: Behind) -> shapes.Json:
    """Hears of what the asker sees, from now on; this answer is the only one that ever shows its secret."""
    if given.webhooks is None:
        raise Conflict("Nobody sends to webhooks here.")
    hook, secret = await given.webhooks.add(wanted.name, wanted.url, wanted.kinds, walls.caller.login, asker)
    return _shape(hook) | {"secret": secret}


@router.delete("/v1/webhooks/{webhook}", openapi_extra=asks(Right.SETTINGS))
async def remove(webhook: str, given: Given, asker: Asker) -> shapes.Json:
    """Nothing is sent to it any more; 404 where there is none."""
    await given.store.webhooks.remove(webhook, asker, given.now())
    return {"name": webhook}


def _shape(hook: Webhook) -> shapes.Json:
    return {
        "name": hook.name,
        "url": hook.url,
        "kinds": list(hook.kinds),
        "member": hook.login or None,
        "made_at": shapes.moment(hook.made_at),
        "sent_up_to": hook.cursor,
        "attempts": hook.attempts,
        "next_attempt": shapes.moment(hook.next_attempt),
        "last_error": hook.last_error,
        "off": hook.is_off,
    }
