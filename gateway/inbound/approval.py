"""A person says that unverified mail is the client's after all: it counts from then on; its attachments are saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from gateway.domain.errors import Conflict
from gateway.domain.record import Direction, Document, Duty, Filing, Mark
from gateway.domain.verdict import Weighed
from gateway.inbound.saving import Saving
from gateway.store.store import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Approved:
    """What came of it: under whom the message is filed, and the documents that were saved."""

    message: int
    clients: tuple[str, ...]
    documents: tuple[Document, ...]


async def approve(store: Store, message: int, *, by: str, now: datetime, saving: Saving) -> Approved:
    """Save what was held back, then book who said so; cut in between it can be asked for again.

    What can't be saved now, because the scanner does not answer, is saved once it can be.
    NotFound where there is no such message, Conflict for one that does not wait. ``by`` is for the activity trail.
    """
    filings = await store.record.filings(message)
    weighed = _waiting(filings[0])
    if weighed.withheld:
        await _save(store, [one for one in filings if one.direction is Direction.INBOX], now)
        await saving.message(message)
    saved = tuple(await store.record.saved_from(message))
    await store.verdicts.approve(filings, len(saved), by=by, at=now)
    clients = tuple(one.client for one in filings)
    log.info("approved", message=message, by=by, clients=clients, documents=len(saved))
    return Approved(message, clients, saved)


async def _save(store: Store, filings: Sequence[Filing], now: datetime) -> None:
    """Owe it to all whose mail it is; where nobody has said yet whose it is, it still waits for that."""
    for one in filings:
        if Mark.AMBIGUOUS not in one.flags:
            await store.saving.owe(one.client, one.message.id, Duty.SAVE, now)


def _waiting(filing: Filing) -> Weighed:
    weighed = filing.message.weighed
    if weighed is None or not weighed.verdict.holds_back:
        raise Conflict(f"Message {filing.message.id} is not unverified: there is nothing to approve.")
    if weighed.approved_at is not None:
        at = weighed.approved_at.strftime("%Y-%m-%d %H:%M")
        raise Conflict(f"Message {filing.message.id} was approved by {weighed.approved_by} at {at} UTC.")
    return weighed
