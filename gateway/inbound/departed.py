"""Another copy of what left through the gateway, saved in Sent by a mail program or provider: seen again, not new.

It is not the same to the octet: a program saves what it submitted, and a provider adds to what it took. So its name
has to do, for mail of ours only: written by the firm, with Message-ID and subject of what left, to no other client.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.firm import Firm
from gateway.domain.mail import QueueEntry
from gateway.domain.record import Direction, NewFiling
from gateway.store.store import Store


async def copies(store: Store, firm: Firm, items: Sequence[NewFiling]) -> frozenset[int]:
    """Which of those that are about to be filed are such copies, by their places in ``items``; usually none is.

    Where the record has the message, it gains the place; what is still on its way is filed once it was delivered.
    """
    written = {number: item for number, item in enumerate(items) if _is_sent(item) and item.facts.message_id}
    left = await store.returns.left({item.facts.message_id for item in written.values()})
    suspects = {number: item for number, item in written.items() if item.facts.message_id in left}
    return frozenset([number for number, item in suspects.items() if await _is_copy(store, firm, item)])


def _is_sent(item: NewFiling) -> bool:
    return all(direction is Direction.SENT for _, direction in item.clients)


async def _is_copy(store: Store, firm: Firm, item: NewFiling) -> bool:
    names = {name for name, _ in item.clients}
    known = await store.returns.filed(item.facts.message_id)
    if known is not None and known.facts.subject == item.facts.subject:
        if not names <= set(await store.record.clients_of(known.id)):
            return False
        if item.location is not None:
            await store.record.sight(known.id, item.location)
        return True
    entries = await store.returns.entries(item.facts.message_id, ())
    return any(entry.subject == item.facts.subject and names <= _clients(firm, entry) for entry in entries)


def _clients(firm: Firm, entry: QueueEntry) -> set[str]:
    return {client.name for one in entry.recipients for client, _ in firm.clients_with(one.address)}
