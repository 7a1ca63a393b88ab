"""Sent copies at work on a rig, and messages that were just delivered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from gateway.domain.mail import Delivery, Outcome, QueueEntry, QueueState
from gateway.outbound.sent import SentCopies
from gateway.upstream.providers import Facts
from tests.rig import AL, SUPPORT, Rig, letter
from tests.waiting import until

GOOD = Outcome(Delivery.DELIVERED, 250, "2.0.0", "taken", "final")
FILES = Facts(name="a provider that fills Sent", files_sent_mail=True)


@contextlib.asynccontextmanager
async def copying(r: Rig, facts: Facts | None = None) -> AsyncIterator[SentCopies]:
    known = facts or Facts(name="")
    copies = SentCopies(r.store, firm=lambda: r.firm, now=r.clock, trust=lambda: None, facts=lambda _host: known)
    task = asyncio.create_task(copies.run())
    try:
        yield copies
    finally:
        task.cancel()
        await asyncio.wait([task])


async def delivered(r: Rig, copies: SentCopies, *recipients: str, extra: str = "", login: str = "ana") -> QueueEntry:
    """A message that left, with its attempt settled; ``extra`` is a header line that its mail program wrote."""
    entry = await left(r, await r.accepted(letter(extra=extra), *(recipients or (AL,)), login=login))
    copies.wake()
    return entry


async def left(r: Rig, entry: QueueEntry) -> QueueEntry:
    """The upstream took it for all of its recipients."""
    await r.store.queue.claim(r.clock(), 1)
    outcomes = {one.address.key: GOOD for one in entry.recipients}
    await r.store.queue.settle(entry.id, QueueState.DONE, r.clock(), outcomes=outcomes)
    return await r.store.queue.get(entry.id)


def in_sent(r: Rig, address: str = SUPPORT) -> list[bytes]:
    return r.arrived(address, "Sent")


async def settled(r: Rig, entry: QueueEntry, state: str = "done", note: str = "") -> None:
    """Wait until the copy and all errands of the entry stand so, one of them with that note."""

    async def there() -> bool:
        history = await r.store.history.of(entry.id)
        stands = [one for one in (history.sent, *(errand.stands for errand in history.errands)) if one is not None]
        said = [one.last_error for one in stands]
        return bool(stands) and all(one.state == state for one in stands) and any(note in one for one in said)

    await until(there, what=f"all of it {state} {note}")
