"""What mails told later about messages that had left: each thing once, with its filing and its line in the feed.

Which message a bounce means is decided elsewhere; here is what may be meant, and the one transaction that keeps it all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, exists, select, update
from sqlalchemy.dialects.sqlite import insert

from gateway.domain.history import CameBack
from gateway.domain.mail import Delivery, Outcome, QueueEntry
from gateway.domain.record import Cursor, EventKind, Location, Message, NewFiling
from gateway.store.bodies import Bodies, Body
from gateway.store.feed import Bell, add_event
from gateway.store.filing import Transaction, run_all
from gateway.store.locations import see
from gateway.store.queue_rows import read_entries
from gateway.store.reader import Reader
from gateway.store.record_rows import MESSAGES, read_message
from gateway.store.schema import message, queue_entry, returned
from gateway.store.sync import move_cursor
from gateway.store.writer import Writer

MOST = 5  # entries of one name that are looked at, newest first: an author who sends a draft again gives it another
STAGE = "returned"  # of every outcome here

_ENTRY, _SAID = queue_entry.c, returned.c
_LEFT = _ENTRY.sender_local.is_not(None)  # the others are reports of ours
_NEWEST = select(queue_entry).where(_LEFT).order_by(_ENTRY.number.desc()).limit(MOST)
_NAMED = _NEWEST.where(_ENTRY.message_id == bindparam("name"))
# The second condition tells SQLite that the index is of use.
_ENVELOPES = _NEWEST.where(_ENTRY.envid.in_(bindparam("names", expanding=True)), _ENTRY.envid != "")
_OWN_REPORT = select(exists().where(_ENTRY.message_id == bindparam("name"), ~_LEFT))
_FILED = (
    MESSAGES.where(message.c.message_id == bindparam("name"), message.c.author_login != "")
    .order_by(message.c.id.desc())
    .limit(1)
)
_NAMES: BindParameter[Any] = bindparam("names", expanding=True)
_DEPARTED = (
    select(message.c.message_id).where(message.c.message_id.in_(_NAMES), message.c.author_login != ""),
    select(_ENTRY.message_id).where(_ENTRY.message_id.in_(_NAMES), _LEFT),
)
_KNOWN = select(message.c.id).where(message.c.sha256 == bindparam("hash"))
_ADD = insert(returned).on_conflict_do_nothing()
_LIES_IN = update(returned).where(
    _SAID.sha256 == bindparam("about"), _SAID.recipient == bindparam("whom"), _SAID.delivery == bindparam("told")
)
_OF = select(returned).where(_SAID.sha256 == bindparam("about")).order_by(_SAID.at, _SAID.recipient, _SAID.delivery)


@dataclass(frozen=True, slots=True)
class Line:
    """Of the feed; without a client it is the firm's."""

    text: str
    client: str = ""


@dataclass(frozen=True, slots=True)
class Returning:
    """A mail about a message of ours: what it says, where it was seen, and what is kept of it where that is news.

    ``item`` is None where no client's record gets it; ``lines`` are for the feed.
    """

    about: str  # SHA-256 of the message that had left
    queue_id: str  # of its entry; empty where that is swept
    login: str  # of its author
    said: tuple[CameBack, ...]
    at: datetime
    location: Location
    cursor: Cursor | None
    item: NewFiling | None
    lines: tuple[Line, ...]
    sha256: str  # of the mail itself


class Returns:
    """Each method is one transaction."""

    def __init__(self, writer: Writer, reader: Reader, bodies: Bodies, bell: Bell) -> None:
        self._writer = writer
        self._reader = reader
        self._bodies = bodies
        self._bell = bell

    async def entries(self, message_id: str, envids: Collection[str]) -> Sequence[QueueEntry]:
        """Entries that a bounce may mean by the original's Message-ID, else by the envelope's name; newest first."""

        def look(connection: Connection) -> Sequence[QueueEntry]:
            found = read_entries(connection, _NAMED.params(name=message_id)) if message_id else []
            names = sorted(name for name in envids if name)
            return found or (read_entries(connection, _ENVELOPES.params(names=names)) if names else [])

        return await self._reader.run(look)

    async def filed(self, message_id: str) -> Message | None:
        """The newest message of that name that left through the gateway and lies in a client's record."""
        if not message_id:
            return None
        row = await self._reader.run(lambda connection: connection.execute(_FILED, {"name": message_id}).first())
        return None if row is None else read_message(row)

    async def left(self, message_ids: Collection[str]) -> frozenset[str]:
        """Which of these Message-IDs are of messages that the gateway has sent, or is about to send."""
        names = {"names": sorted(message_ids)}
        if not message_ids:
            return frozenset()

        def look(connection: Connection) -> frozenset[str]:
            return frozenset(name for query in _DEPARTED for name in connection.execute(query, names).scalars())

        return await self._reader.run(look)

    async def is_own_report(self, message_id: str) -> bool:
        """Whether a mail of that name is a report that the queue itself wrote."""
        if not message_id:
            return False
        return bool(
            await self._reader.run(lambda connection: connection.execute(_OWN_REPORT, {"name": message_id}).scalar())
        )

    async def keep(self, told: Returning) -> bool:
        """Keep what is new of it, and say whether anything is; seen again it only gains the place.

        In one transaction: what is said of whom, the filing, the lines of the feed, and the cursor.
        """
        body = None if told.item is None else await self._bodies.prepare(told.item.raw)
        new, _ = await self._writer.run(lambda connection: _keep(connection, told, body), self._ring)
        return new

    def _ring(self, result: tuple[bool, int]) -> None:
        self._bell.ring(result[1])


def came_back(connection: Connection, about: str) -> tuple[CameBack, ...]:
    """All that was told about the message with these bytes, in the order in which it was seen."""
    return tuple(
        CameBack(
            row.recipient,
            row.at,
            Outcome(Delivery(row.delivery), row.code, row.status, row.words, STAGE),
            row.message,
        )
        for row in connection.execute(_OF, {"about": about})
    )


def _keep(connection: Connection, told: Returning, body: Body | None) -> tuple[bool, int]:
    """Whether it was news, and the number of the last line (0: none)."""
    new = [one for one in told.said if connection.execute(_ADD, _row(told.about, one)).rowcount]
    number = _file(connection, told, body, new)
    last = 0
    if any(one.outcome.delivery is Delivery.FAILED for one in new):
        for line in told.lines:
            last = add_event(
                connection,
                EventKind.BOUNCE,
                told.at,
                line.text,
                client=line.client,
                mailbox=told.location.mailbox,
                message=number if line.client else None,
                queue_id=told.queue_id,
                login=told.login,
            )
    if told.cursor is not None:
        move_cursor(connection, told.cursor)
    return bool(new), last


def _file(connection: Connection, told: Returning, body: Body | None, new: Sequence[CameBack]) -> int | None:
    """The number of the filed mail; what is no news is not filed, but the same bytes gain a place where they lie."""
    if not new:
        known: int | None = connection.execute(_KNOWN, {"hash": told.sha256}).scalar()
        if known is not None:
            see(connection, told.location, known)
        return known
    if told.item is None or body is None:
        return None
    (filed,), _ = run_all(connection, [Transaction(told.item, body)])
    for one in new:
        key = {"about": told.about, "whom": one.address, "told": one.outcome.delivery.value}
        connection.execute(_LIES_IN.values(message=filed.message), key)
    return filed.message


def _row(about: str, one: CameBack) -> dict[str, object]:
    said = one.outcome
    return {
        "sha256": about,
        "recipient": one.address,
        "delivery": said.delivery.value,
        "at": one.at,
        "code": said.code,
        "status": said.status,
        "words": said.text,
    }
