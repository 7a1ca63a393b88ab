"""The queue: what is on its way out, and what a person may do to it."""

from __future__ import annotations

from enum import StrEnum

from fastapi import APIRouter

from gateway.admin import shapes
from gateway.admin.given import Given
from gateway.admin.routes.answers import PAGE, Limit, next_page
from gateway.admin.routes.schedule import zone_of
from gateway.domain.mail import QueueEntry, QueueState
from gateway.policy.waiting import standing

router = APIRouter(tags=["queue"])


class Action(StrEnum):
    """The last step of the path; which state allows which is the policy's table."""

    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"
    CANCEL = "cancel"


@router.get("/v1/queue")
async def entries(
    given: Given, state: QueueState | None = None, limit: Limit = PAGE, before: str | None = None
) -> shapes.Json:
    """Newest first."""
    found = await given.store.queue.list(state, limit, before)
    return {"entries": [shapes.queue_entry(one) for one in found], "next": next_page([one.id for one in found], limit)}


@router.get("/v1/queue/{queue_id}")
async def entry(queue_id: str, given: Given) -> shapes.Json:
    """With the last answer for each recipient, what was tried, and in a sentence why it waits and until when."""
    found = await given.store.queue.get(queue_id)
    history = await given.store.history.of(queue_id)
    stands = standing(found, given.now(), zone_of(given.office.firm), given.give_up_after())
    return shapes.queue_entry(found) | shapes.history(history) | {"standing": stands, "ended_at": _ended(found)}


def _ended(found: QueueEntry) -> str | None:
    return shapes.moment(found.next_attempt) if found.state is QueueState.DONE else None


@router.post("/v1/queue/{queue_id}/{action}")
async def act(queue_id: str, action: Action, given: Given) -> shapes.Json:
    """409 where the entry's state forbids it."""
    changed = await given.store.queue.act(queue_id, action.value, given.now())
    given.queue_changed()
    return shapes.queue_entry(changed)
