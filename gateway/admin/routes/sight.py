"""Mail on its way as those see it who may: their own, and what goes to clients that are open to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from gateway.admin import queue_shapes, shapes
from gateway.admin.routes.answers import MAX_PAGE
from gateway.admin.services import Services
from gateway.domain.errors import NotFound
from gateway.domain.mail import QueueEntry
from gateway.policy.walls import Walls

Look = Callable[[int, str | None], Awaitable[Sequence[QueueEntry]]]


async def seen(
    look: Look, given: Services, walls: Walls, limit: int, before: str | None
) -> tuple[list[QueueEntry], str | None]:
    """A page of what they may see, and where the next begins; ``look`` gives entries behind the one with that id.

    It reads on past what they may not see, to the queue's end if need be: the sweep keeps that within a month.
    """
    if walls.everything:
        page = list(await look(limit, before))
        return page, page[-1].id if len(page) == limit else None
    if before is not None:
        await require_seen(given, walls, before)
    found: list[QueueEntry] = []
    while True:
        page = list(await look(MAX_PAGE, before))
        found += [one for one in page if walls.sees(one)]
        if len(found) >= limit:
            return found[:limit], found[limit - 1].id
        if len(page) < MAX_PAGE:
            return found, None
        before = page[-1].id


async def require_seen(given: Services, walls: Walls, queue_id: str) -> QueueEntry:
    """NotFound for an entry that is not theirs, in the words for one that is not there."""
    found = await given.store.queue.get(queue_id)
    if not walls.sees(found):
        raise NotFound(f"there is no queue entry {queue_id}: `postern queue list` shows those that there are")
    return found


def shown(entry: QueueEntry, walls: Walls) -> shapes.Json:
    """With the recipients whom they may know of."""
    return queue_shapes.queue_entry(replace(entry, recipients=walls.shown(entry)))
