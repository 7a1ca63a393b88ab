"""The filing transaction: message, location, filings, documents, events and cursor, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, exists, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_new

from gateway.domain.record import Direction, EventKind, Filed, NewFiling
from gateway.store.bodies import Body, keep_all
from gateway.store.feed import add_event
from gateway.store.locations import see
from gateway.store.record_rows import message_row
from gateway.store.schema import document, filing, message
from gateway.store.sync import count, move_cursor
from gateway.store.threads import add_references, thread_for

_KNOWN = select(message.c.id).where(message.c.sha256 == bindparam("hash"))
_ADD = insert(message)
_AUTHOR = (
    update(message)
    .where(message.c.id == bindparam("number"), message.c.author_login == "")
    .values(author_login=bindparam("author"), grant_kind=bindparam("grant"))
)
_FILED = select(exists().where(filing.c.client == bindparam("of_client"), filing.c.message == bindparam("number")))
_FILE = insert(filing)
_SAVE = insert_new(document).on_conflict_do_nothing(index_elements=["client", "sha256"])


@dataclass(frozen=True, slots=True)
class Saved:
    """A document whose file is on the disk."""

    client: str
    sha256: str
    path: str
    row: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Transaction:
    """One filing, ready to be run."""

    item: NewFiling
    body: Body
    saved: tuple[Saved, ...]

    def __call__(self, connection: Connection) -> tuple[Filed, int]:
        """What it came to, and the number of its last event (0: nothing to announce)."""
        keep_all(connection, [self.body])
        sha256 = self.body.sha256
        number = self._message(connection, sha256)
        new = [
            self._file(connection, client, direction, number)
            for client, direction in dict(self.item.clients).items()
            if not connection.execute(_FILED, {"of_client": client, "number": number}).scalar()
        ]
        written = self._documents(connection, number)
        self._sighting(connection, number, new=bool(new))
        return Filed(number, bool(new), sha256, written), max(new, default=0)

    def _message(self, connection: Connection, sha256: str) -> int:
        item = self.item
        known: int | None = connection.execute(_KNOWN, {"hash": sha256}).scalar()
        if known is not None:
            if item.author_login:
                connection.execute(_AUTHOR, {"number": known, "author": item.author_login, "grant": item.grant})
            return known
        added = connection.execute(_ADD, message_row(item, sha256))
        assert added.inserted_primary_key is not None
        number: int = added.inserted_primary_key[0]
        add_references(connection, number, item.facts)
        return number

    def _file(self, connection: Connection, client: str, direction: Direction, number: int) -> int:
        item = self.item
        thread = thread_for(connection, client, item.facts)
        connection.execute(
            _FILE, {"client": client, "message": number, "direction": direction.value, "thread": thread, "flags": []}
        )
        if not item.announce:
            return 0
        return add_event(
            connection,
            EventKind.CLIENT_MAIL if direction is Direction.INBOX else EventKind.MAIL_SENT,
            item.filed_at,
            _line(item, direction),
            client=client,
            mailbox=item.location.mailbox if item.location else "",
            message=number,
            queue_id=item.queue_id,
        )

    def _documents(self, connection: Connection, number: int) -> tuple[str, ...]:
        return tuple(
            one.path
            for one in self.saved
            if connection.execute(
                _SAVE, {**one.row, "client": one.client, "sha256": one.sha256, "path": one.path, "message": number}
            ).rowcount
        )

    def _sighting(self, connection: Connection, number: int, *, new: bool) -> None:
        item = self.item
        if item.location is not None:
            see(connection, item.location, number)
            if new:
                count(connection, item.location.mailbox, filed=1)
        if item.cursor is not None:
            move_cursor(connection, item.cursor)


def _line(item: NewFiling, direction: Direction) -> str:
    subject = item.facts.subject or "(no subject)"
    if direction is Direction.INBOX:
        return f"New mail from {item.facts.sender or 'an unnamed sender'}: {subject}"
    return f"Mail sent to {item.facts.recipients or 'undisclosed recipients'}: {subject}"
