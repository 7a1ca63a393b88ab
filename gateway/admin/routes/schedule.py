"""What waits for its time: of all or of one client, moved, and taken back."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from fastapi import Query

from gateway.admin import ruled, shapes
from gateway.admin.given import Asker, Behind, Given
from gateway.admin.routes.answers import PAGE, Limit
from gateway.admin.routes.mail import require_client, require_open
from gateway.admin.routes.sight import require_seen, seen, shown
from gateway.admin.ruled import asks
from gateway.admin.services import Services
from gateway.domain.errors import Fault, Faulty
from gateway.domain.firm import Firm
from gateway.policy.hold import latest
from gateway.policy.walls import Right, Walls
from gateway.policy.when import MAX_LENGTH, parse_when

router = ruled.router("schedule")

_log = structlog.get_logger()


@router.get("/v1/scheduled", openapi_extra=asks(Right.QUEUE))
async def scheduled(
    given: Given, walls: Behind, client: str | None = None, limit: Limit = PAGE, before: str | None = None
) -> shapes.Json:
    """What leaves first comes first; ``before`` is the last one of the page before."""
    return await _list(given, walls, client, limit, before)


@router.get("/v1/clients/{name:path}/scheduled", openapi_extra=asks(Right.QUEUE))
async def scheduled_for(
    name: str, given: Given, walls: Behind, limit: Limit = PAGE, before: str | None = None
) -> shapes.Json:
    """The same for what goes to one client."""
    return await _list(given, walls, name, limit, before)


@router.post("/v1/scheduled/{queue_id}/change", openapi_extra=asks(Right.QUEUE))
async def change(
    queue_id: str, given: Given, asker: Asker, walls: Behind, at: Annotated[str, Query(max_length=MAX_LENGTH)]
) -> shapes.Json:
    """``at`` as people write it, on the firm's clock, or "now"; 409 once an attempt was booked."""
    await require_seen(given, walls, queue_id)
    moment = _moment(at, given)
    entry = await given.store.scheduled.change(queue_id, moment, given.now())
    given.queue_changed()
    _log.info("schedule-changed", queue_id=queue_id, by=asker, leaves=shapes.moment(entry.next_attempt))
    return shown(entry, walls) | {"timezone": given.office.firm.timezone}


@router.post("/v1/scheduled/{queue_id}/cancel", openapi_extra=asks(Right.QUEUE))
async def cancel(queue_id: str, given: Given, asker: Asker, walls: Behind) -> shapes.Json:
    """It never leaves; 409 once an attempt was booked."""
    await require_seen(given, walls, queue_id)
    entry = await given.store.scheduled.cancel(queue_id, given.now())
    given.queue_changed()
    _log.info("schedule-cancelled", queue_id=queue_id, by=asker)
    return shown(entry, walls)


def zone_of(firm: Firm) -> tzinfo:
    """Where the firm's clock hangs; UTC, with a warning, where this machine does not know that zone any more."""
    try:
        return ZoneInfo(firm.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        _log.warning("timezone-unknown", timezone=firm.timezone, detail=str(error))
        return UTC


async def _list(given: Services, walls: Walls, client: str | None, limit: int, before: str | None) -> shapes.Json:
    to = None
    if client is not None:
        require_open(walls, client)
        require_client(given, client)
        to = [one.address for one in given.office.firm.client_by_name[client].addresses]
    now = given.now()
    found, following = await seen(
        lambda most, last: given.store.scheduled.list(now, most, to=to, after_id=last), given, walls, limit, before
    )
    return {
        "scheduled": [shown(one, walls) for one in found],
        "next": following,
        "timezone": given.office.firm.timezone,
    }


def _moment(text: str, given: Services) -> datetime:
    now = given.now()
    found = parse_when(text, now, zone_of(given.office.firm))
    if found > latest(now):
        raise Faulty(
            "When", [Fault("at", f"That is too far ahead: {latest(now):%Y-%m-%d} is the last day that we take.")]
        )
    return found
