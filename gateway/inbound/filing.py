"""From a message seen in a mailbox to what one filing transaction writes."""

from __future__ import annotations

from datetime import datetime

from gateway.domain.firm import Firm, Mailbox
from gateway.domain.record import Cursor, Direction, Location, NewFiling, SavedName
from gateway.mime.attachments import attachments
from gateway.mime.facts import correspondents, facts
from gateway.policy.filename import safe_name
from gateway.policy.match import clients_of


def whose(firm: Firm, header: bytes) -> tuple[tuple[str, Direction], ...]:
    """The clients that a header concerns, each with the box; empty for mail that is none of ours to read."""
    people = correspondents(header)
    return clients_of(firm, people.senders, people.recipients, firm.mailbox_by_key.keys())


def filing_of(
    firm: Firm,
    mailbox: Mailbox,
    raw: bytes,
    *,
    location: Location,
    cursor: Cursor | None,
    now: datetime,
    announce: bool,
) -> NewFiling | None:
    """None when the whole message turns out to be no client's, whatever the server said its header was."""
    clients = whose(firm, raw)
    if not clients:
        return None
    received = any(direction is Direction.INBOX for _, direction in clients)
    documents: tuple[SavedName, ...] = ()
    if received and mailbox.save_attachments:
        documents = tuple(SavedName(one, safe_name(one.name)) for one in attachments(raw))
    return NewFiling(
        raw=raw,
        facts=facts(raw),
        clients=clients,
        filed_at=now,
        documents=documents,
        location=location,
        cursor=cursor,
        announce=announce,
    )
