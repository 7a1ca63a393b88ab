"""Keeps for people what attempts came to, where it was not a delivery to all at the first try."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from gateway.domain.errors import PosternError
from gateway.domain.history import Tried
from gateway.domain.mail import Delivery, QueueEntry
from gateway.store.store import Store
from gateway.upstream.smtp import Attempt

log = structlog.get_logger()


async def remember(store: Store, entry: QueueEntry, made: Sequence[Attempt], at: datetime) -> None:
    """To be called when the entry is settled; what goes wrong here is logged, and costs the message nothing.

    A delivery at once costs nothing either: what there is to know of it stands with its recipients.
    """
    answers = (outcome for attempt in made for outcome in attempt.outcomes.values())
    if entry.attempts <= 1 and all(outcome.delivery is Delivery.DELIVERED for outcome in answers):
        return
    try:
        await store.history.add(entry.id, *(_tried(entry, attempt, at) for attempt in made))
    except PosternError as error:
        log.warning("attempt-not-kept", queue_id=entry.id, error=error.sentence, detail=error.detail)


def _tried(entry: QueueEntry, attempt: Attempt, at: datetime) -> Tried:
    return Tried(
        at=at,
        attempt=entry.attempts,
        upstream=attempt.upstream,
        waiting=attempt.waiting,
        connecting=attempt.connecting,
        sending=attempt.sending,
        answers=attempt.outcomes,
    )
