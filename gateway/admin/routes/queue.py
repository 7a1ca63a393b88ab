"""The queue: what is on its way out, and what a person may do to it."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from gateway.admin import queue_shapes, ruled, shapes
from gateway.admin.given import Behind, Given
from gateway.admin.routes.answers import PAGE, Limit
from gateway.admin.routes.schedule import zone_of
from gateway.admin.routes.sight import require_seen, seen, shown
from gateway.admin.ruled import asks
from gateway.domain.mail import Delivery, QueueEntry, QueueState
from gateway.policy.waiting import standing
from gateway.policy.walls import Right

router = ruled.router("queue")


class Action(StrEnum):
    """The last step of the path; which state allows which is the policy's table."""

    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"
    CANCEL = "cancel"


@router.get("/v1/queue", openapi_extra=asks(Right.QUEUE))
async def entries(
    given: Given, walls: Behind, state: QueueState | None = None, limit: Limit = PAGE, before: str | None = None
) -> shapes.Json:
    """Newest first."""
    found, following = await seen(
        lambda most, last: given.store.queue.list(state, most, last), given, walls, limit, before
    )
    return {"entries": [shown(one, walls) for one in found], "next": following}


@router.get("/v1/queue/{queue_id}", openapi_extra=asks(Right.QUEUE))
async def entry(queue_id: str, given: Given, walls: Behind) -> shapes.Json:
    """With the last answer for each recipient, what was tried, and in a sentence why it waits and until when."""
    found = await require_seen(given, walls, queue_id)
    history = await given.store.history.of(queue_id)
    theirs = replace(found, recipients=walls.shown(found))
    keys = {one.address.key for one in theirs.recipients}
    tried = tuple(
        replace(one, answers={key: one.answers[key] for key in one.answers if key in keys}) for one in history.tried
    )
    patience = given.give_up_after() - given.store.queue.clock.waited(found)
    came_back = tuple(one for one in history.came_back if one.address in keys)
    failed = sum(one.outcome.delivery is Delivery.FAILED for one in came_back)
    stands = standing(theirs, given.now(), zone_of(given.office.firm), patience, came_back=failed)
    told = queue_shapes.history(replace(history, tried=tried, came_back=came_back))
    threads = [shapes.place(one) for one in await given.store.conversations.sent(found) if walls.opens(one.client)]
    return shown(found, walls) | told | {"standing": stands, "ended_at": _ended(found), "threads": threads}


def _ended(found: QueueEntry) -> str | None:
    return shapes.moment(found.next_attempt) if found.state is QueueState.DONE else None


@router.post("/v1/queue/{queue_id}/{action}", openapi_extra=asks(Right.QUEUE))
async def act(queue_id: str, action: Action, given: Given, walls: Behind) -> shapes.Json:
    """409 where the entry's state forbids it."""
    await require_seen(given, walls, queue_id)
    changed = await given.store.queue.act(queue_id, action.value, given.now())
    given.queue_changed()
    return shown(changed, walls)
