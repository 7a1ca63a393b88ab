"""Whose client a message is, and in which of the client's boxes it lies."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gateway.domain.address import Address
from gateway.domain.firm import Firm
from gateway.domain.record import Direction


def clients_of(
    firm: Firm, senders: Sequence[Address], recipients: Sequence[Address], own: Collection[str]
) -> tuple[tuple[str, Direction], ...]:
    """Name the clients that have one of the addresses with `email_sync` on, in the firm's order, each once.

    ``own`` holds the keys of the firm's own addresses: what they wrote lies in Sent, all else in Inbox. The addresses
    are those that the strict parser gave: an ambiguous field gives none, and matches nobody.
    """
    sent = bool(senders) and all(address.key in own for address in senders)
    keys = {address.key for address in (*senders, *recipients)} & firm.synced_keys
    hit = {client.name for key in keys for client, entry in firm.clients_by_key[key] if entry.email_sync}
    direction = Direction.SENT if sent else Direction.INBOX
    return tuple((client.name, direction) for client in firm.clients if client.name in hit)
