"""The trail: who changed what, when, from what to what."""

from __future__ import annotations

from gateway.admin import ruled, shapes
from gateway.admin.given import Given
from gateway.admin.routes.answers import PAGE, Limit, Number, next_page
from gateway.admin.ruled import asks
from gateway.policy.walls import Right

router = ruled.router("activity")


@router.get("/v1/activity", openapi_extra=asks(Right.SETTINGS))
async def lines(given: Given, limit: Limit = PAGE, before: Number | None = None) -> shapes.Json:
    """Newest first. ``link`` vouches for its line and all lines before: noted elsewhere, it shows what was altered."""
    found = await given.store.activity.list(limit, before)
    return {
        "activity": [shapes.activity(one) for one in found],
        "next": next_page([one.number for one in found], limit),
    }
