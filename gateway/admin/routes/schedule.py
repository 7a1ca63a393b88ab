"""What waits for its time: of all or of one client, moved, and taken back."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from fastapi import APIRouter, Query

from gateway.admin import shapes
from gateway.admin.given import Asker, Given
from gateway.admin.routes.answers import PAGE, Limit, next_page
from gateway.admin.routes.mail import require_client
from gateway.admin.services import Services
from gateway.domain.errors import Fault, Faulty
from gateway.domain.firm import Firm
from gateway.policy.hold import latest
from gateway.policy.when import MAX_LENGTH, parse_when

router = APIRouter(tags=["schedule"])

_log = structlog.get_logger()


@router.get("/v1/scheduled")
async def scheduled(
    given: Given, client: str | None = None, limit: Limit = PAGE, before: str | None = None
) -> shapes.Json:
    """What leaves first comes first; ``before`` is the last one of the page before."""
    return await _list(given, client, limit, before)


@router.get("/v1/clients/{name:path}/scheduled")
async def scheduled_for(name: str, given: Given, limit: Limit = PAGE, before: str | None = None) -> shapes.Json:
    """The same for what goes to one client."""
    return await _list(given, name, limit, before)


@router.post("/v1/scheduled/{queue_id}/change")
async def change(
    queue_id: str, given: Given, asker: Asker, at: Annotated[str, Query(max_length=MAX_LENGTH)]
) -> shapes.Json:
    """``at`` as people write it, on the firm's clock, or "now"; 409 once an attempt was booked."""
    moment = _moment(at, given)
    entry = await given.store.scheduled.change(queue_id, moment, given.now())
    given.queue_changed()
    _log.info("schedule-changed", queue_id=queue_id, by=asker, leaves=shapes.moment(entry.next_attempt))
    return shapes.queue_entry(entry) | {"timezone": given.office.firm.timezone}


@router.post("/v1/scheduled/{queue_id}/cancel")
async def cancel(queue_id: str, given: Given, asker: Asker) -> shapes.Json:
    """It never leaves; 409 once an attempt was booked."""
    entry = await given.store.scheduled.cancel(queue_id, given.now())
    given.queue_changed()
    _log.info("schedule-cancelled", queue_id=queue_id, by=asker)
    return shapes.queue_entry(entry)


def zone_of(firm: Firm) -> tzinfo:
    """Where the firm's clock hangs; UTC, with a warning, where this machine does not know that zone any more."""
    try:
        return ZoneInfo(firm.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        _log.warning("timezone-unknown", timezone=firm.timezone, detail=str(error))
        return UTC


async def _list(given: Services, client: str | None, limit: int, before: str | None) -> shapes.Json:
    to = None
    if client is not None:
        require_client(given, client)
        to = [one.address for one in given.office.firm.client_by_name[client].addresses]
    found = await given.store.scheduled.list(given.now(), limit, to=to, after_id=before)
    return {
        "scheduled": [shapes.queue_entry(one) for one in found],
        "next": next_page([one.id for one in found], limit),
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
