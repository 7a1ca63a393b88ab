"""Finds the mail that a reply answers, among those that came from some clients."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, exists, select

from gateway.domain.record import Direction, Location
from gateway.store.columns import clean
from gateway.store.compiled import Compiled
from gateway.store.record_rows import LOCATIONS
from gateway.store.schema import filing, location, message

MAX_PLACES = 20  # of one Message-ID in one mailbox: a folder or label each; more has only who repeats it
MAX_NAMED = 100  # ids that are looked for: what a header of ordinary length holds

# Asked as a question about each message of that name, newest first as the index has them. As a join SQLite would begin
# with the client's whole inbox, and sort it.
_FROM_CLIENT = exists().where(
    filing.c.message == message.c.id,
    filing.c.direction == Direction.INBOX.value,
    filing.c.client.in_(bindparam("clients", expanding=True)),
)
_NEWEST = (
    select(message.c.id, message.c.sha256)
    .where(message.c.message_id == bindparam("name"), _FROM_CLIENT)
    .order_by(message.c.id.desc())
    .limit(1)
)
_SEEN_IN = (
    select(location.c.mailbox)
    .where(location.c.message == bindparam("number"), location.c.stale.is_(False))
    .distinct()
    .order_by(location.c.mailbox)
)


_HOLDERS = Compiled(
    select(filing.c.client)
    .distinct()
    .join(message, message.c.id == filing.c.message)
    .where(message.c.message_id == bindparam("name"))
)
_PLACES = (
    LOCATIONS.join(message, message.c.id == location.c.message)
    .where(
        message.c.message_id == bindparam("name"),
        location.c.mailbox == bindparam("of_mailbox"),
        location.c.stale.is_(False),
    )
    .order_by(location.c.folder, location.c.uid)
    .limit(MAX_PLACES)
)


class Answered(NamedTuple):
    """What was found: the message's bytes by hash, and the keys of the mailboxes that it lies in."""

    sha256: str
    mailboxes: tuple[str, ...]


def find_holders(connection: Connection, message_ids: Collection[str]) -> dict[str, frozenset[str]]:
    """By Message-ID, the clients under whom a message with it is filed; those that nobody has are missing."""
    found = {
        name: frozenset(row.client for row in _HOLDERS.all(connection, {"name": clean(name)})) for name in message_ids
    }
    return {name: clients for name, clients in found.items() if clients}


def find_answered(connection: Connection, message_ids: Sequence[str], clients: Collection[str]) -> Answered | None:
    """The newest message from one of the clients with the first id that any has; the ids in the order given."""
    for name in dict.fromkeys(map(clean, message_ids[:MAX_NAMED])):
        row = connection.execute(_NEWEST, {"name": name, "clients": sorted(clients)}).first()
        if row is not None:
            mailboxes = connection.execute(_SEEN_IN, {"number": row.id}).scalars().all()
            return Answered(row.sha256, tuple(mailboxes))
    return None


def find_places(connection: Connection, message_id: str, mailbox: str) -> tuple[Location, ...]:
    """Where messages of that name lie in the mailbox, as far as its folders were not renumbered since."""
    if not message_id:
        return ()
    rows = connection.execute(_PLACES, {"name": message_id, "of_mailbox": mailbox})
    return tuple(Location(row.mailbox, row.folder, row.uidvalidity, row.uid) for row in rows)
