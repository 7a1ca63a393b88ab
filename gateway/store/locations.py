"""Where messages were seen, and what becomes of that when a server numbers a folder anew."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from gateway.domain.record import Location
from gateway.store.record_rows import location_row
from gateway.store.schema import location, message

_COLUMNS = location.c
_SEEN = insert(location).on_conflict_do_update(
    index_elements=["mailbox", "folder", "uidvalidity", "uid"],
    set_={"message": insert(location).excluded.message, "stale": False},
)
_SAME = (
    select(_COLUMNS.uidvalidity, _COLUMNS.uid, _COLUMNS.message, _COLUMNS.stale)
    .join(message, message.c.id == _COLUMNS.message)
    .where(
        _COLUMNS.mailbox == bindparam("of_mailbox"),
        _COLUMNS.folder == bindparam("of_folder"),
        message.c.message_id == bindparam("name"),
        message.c.size == bindparam("octets"),
    )
    .order_by(_COLUMNS.uidvalidity, _COLUMNS.uid)
)
_STALE_OF = delete(location).where(
    _COLUMNS.mailbox == bindparam("of_mailbox"),
    _COLUMNS.folder == bindparam("of_folder"),
    _COLUMNS.message == bindparam("number"),
    _COLUMNS.stale.is_(True),
)
_ONE = delete(location).where(
    _COLUMNS.mailbox == bindparam("of_mailbox"),
    _COLUMNS.folder == bindparam("of_folder"),
    _COLUMNS.uidvalidity == bindparam("validity"),
    _COLUMNS.uid == bindparam("number"),
)


def see(connection: Connection, where: Location, number: int) -> None:
    """The message was read there: what lay at these numbers before they were given anew does so no more."""
    connection.execute(_STALE_OF, {"of_mailbox": where.mailbox, "of_folder": where.folder, "number": number})
    connection.execute(_SEEN, location_row(where, number))


def resight(connection: Connection, where: Location, message_id: str, size: int) -> bool:
    """Give a message that the folder held before its renumbering its new place; False: read it to know it.

    Each old place is given away once. So a stranger who sends a known Message-ID and size again is not taken
    for what lies in the record, and no mail stays unread for it.
    """
    if not message_id:
        return False
    place = {"of_mailbox": where.mailbox, "of_folder": where.folder}
    rows = connection.execute(_SAME, {**place, "name": message_id, "octets": size}).all()
    if any(not row.stale and (row.uidvalidity, row.uid) == (where.uidvalidity, where.uid) for row in rows):
        return True
    old = next((row for row in rows if row.stale), None)
    if old is None:
        return False
    connection.execute(_ONE, {**place, "validity": old.uidvalidity, "number": old.uid})
    connection.execute(_SEEN, location_row(where, old.message))
    return True
