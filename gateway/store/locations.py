"""Where messages were seen, and what becomes of that when a server numbers a folder anew."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Text, and_, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from gateway.domain.record import Location
from gateway.store.columns import clean
from gateway.store.compiled import Compiled
from gateway.store.record_rows import location_row
from gateway.store.schema import filing, location, message, skipped

_COLUMNS = location.c
_SEEN = Compiled(
    insert(location).on_conflict_do_update(
        index_elements=["mailbox", "folder", "uidvalidity", "uid"],
        set_={
            "message": insert(location).excluded.message,
            "stale": False,
            "number": insert(location).excluded.number,
            "labels": insert(location).excluded.labels,
        },
    ),
    kept=True,
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
_HASHES = func.json_each(bindparam("hashes", type_=Text)).table_valued("value")  # however many there are
_KNOWN = Compiled(select(message.c.sha256, message.c.id).where(message.c.sha256.in_(select(_HASHES.c.value))))
_STALE_OF = Compiled(
    delete(location).where(
        _COLUMNS.mailbox == bindparam("of_mailbox"),
        _COLUMNS.folder == bindparam("of_folder"),
        _COLUMNS.message == bindparam("number"),
        _COLUMNS.stale.is_(True),
    )
)
_ONE = delete(location).where(
    _COLUMNS.mailbox == bindparam("of_mailbox"),
    _COLUMNS.folder == bindparam("of_folder"),
    _COLUMNS.uidvalidity == bindparam("validity"),
    _COLUMNS.uid == bindparam("number"),
)
_WAS_HERE = (
    exists()
    .where(
        _COLUMNS.mailbox == bindparam("of_mailbox"),
        _COLUMNS.folder == bindparam("of_folder"),
        _COLUMNS.message == message.c.id,
        or_(
            _COLUMNS.stale.is_(True),
            and_(_COLUMNS.uidvalidity == bindparam("validity"), _COLUMNS.uid == bindparam("number")),
        ),
    )
    .label("was_here")
)
_LOOKALIKES = Compiled(
    select(message.c.sha256, _WAS_HERE)
    .where(message.c.message_id == bindparam("name"), message.c.size == bindparam("octets"))
    .order_by(message.c.id.desc())
    .limit(bindparam("most"))
)
# The index gives the place, the place the message: asked for both at once, SQLite holds going through all that was
# seen in the mailbox to be as cheap.
_NAMED = location.alias("named")
_NUMBERED = Compiled(
    select(message.c.sha256)
    .select_from(_NAMED)
    .join(
        location,
        and_(*(_COLUMNS[key] == _NAMED.c[key] for key in ("mailbox", "folder", "uidvalidity", "uid"))),
    )
    .join(message, message.c.id == _COLUMNS.message)
    .where(
        _NAMED.c.mailbox == bindparam("of_mailbox"),
        _NAMED.c.number == bindparam("number"),
        message.c.size == bindparam("octets"),
    )
    .limit(1)
)
_RELABEL = Compiled(
    update(location)
    .where(
        _COLUMNS.mailbox == bindparam("of_mailbox"),
        _COLUMNS.folder == bindparam("of_folder"),
        _COLUMNS.uidvalidity == bindparam("validity"),
        _COLUMNS.uid == bindparam("at_uid"),
    )
    .values(labels=bindparam("names", type_=_COLUMNS.labels.type))
)
_FILED = Compiled(
    select(_COLUMNS.uid, filing.c.client)
    .join(filing, filing.c.message == _COLUMNS.message)
    .where(
        _COLUMNS.mailbox == bindparam("of_mailbox"),
        _COLUMNS.folder == bindparam("of_folder"),
        _COLUMNS.uidvalidity == bindparam("validity"),
        _COLUMNS.uid >= bindparam("first"),
        _COLUMNS.uid <= bindparam("last"),
        _COLUMNS.stale.is_(False),
    )
)
_AT_ONCE = 500  # UIDs in one statement: SQLite takes 32,766 values, and a short one is prepared once


def see(connection: Connection, where: Location, number: int, *, before: bool = True) -> None:
    """The message was read there: what lay at these numbers before they were given anew does so no more.

    ``before``: it may have been seen before.
    """
    if before:
        _STALE_OF.run(connection, {"of_mailbox": where.mailbox, "of_folder": where.folder, "number": number})
    _SEEN.run(connection, location_row(where, number))


def see_all(connection: Connection, places: Sequence[tuple[str, Location]]) -> frozenset[str]:
    """The same for several, by their SHA-256; the hashes of those that we do not have."""
    hashes = {sha256 for sha256, _ in places}
    known = {row.sha256: row.id for row in _KNOWN.all(connection, {"hashes": json.dumps(sorted(hashes))})}
    for sha256, where in places:
        if sha256 in known:
            see(connection, where, known[sha256])
    return frozenset(hashes - known.keys())


def see_new(connection: Connection, seen: Iterable[tuple[Location, int]]) -> None:
    """These messages, by their numbers, were read there for the first time anywhere."""
    _SEEN.together(connection, [location_row(where, number) for where, number in seen])


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
    _SEEN.run(connection, location_row(where, old.message))
    return True


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A stored message that may be the one; ``was_here``: it lay there, or in that folder before its renumbering."""

    sha256: str
    was_here: bool


def lookalikes(connection: Connection, where: Location, message_id: str, size: int, most: int) -> list[Lookalike]:
    """The newest messages that may be the one seen there; who asks compares the bytes.

    Which has the provider's number there already is it, wherever in the mailbox it was seen.
    """
    if where.number:
        asked = {"of_mailbox": where.mailbox, "number": where.number, "octets": size}
        same = _NUMBERED.first(connection, asked)
        if same is not None:
            return [Lookalike(same.sha256, was_here=True)]
    if not message_id:
        return []
    place = {"of_mailbox": where.mailbox, "of_folder": where.folder, "validity": where.uidvalidity, "number": where.uid}
    rows = _LOOKALIKES.all(connection, {**place, "name": message_id, "octets": size, "most": most})
    return [Lookalike(row.sha256, row.was_here) for row in rows]


def filed(  # noqa: PLR0917 - a range within a folder
    connection: Connection, mailbox: str, folder: str, uidvalidity: int, first: int, last: int
) -> dict[int, set[str]]:
    """By UID, the clients for whom the messages of that range were filed."""
    place = {"of_mailbox": mailbox, "of_folder": folder, "validity": uidvalidity}
    found: dict[int, set[str]] = {}
    for row in _FILED.all(connection, {**place, "first": first, "last": last}):
        found.setdefault(row.uid, set()).add(row.client)
    return found


def relabel(
    connection: Connection, mailbox: str, folder: str, uidvalidity: int, labels: Mapping[int, Sequence[str]]
) -> int:
    """By UID, what the messages there are labelled with now; how many of them we know."""
    place = {"of_mailbox": mailbox, "of_folder": folder, "validity": uidvalidity}
    rows = [{**place, "at_uid": uid, "names": [clean(name) for name in names]} for uid, names in labels.items()]
    return _RELABEL.many(connection, rows)


def places(connection: Connection, mailbox: str, folder: str, uidvalidity: int) -> frozenset[int]:
    """UIDs that we believe to lie in the folder: of filed messages, and of those that were set aside."""
    return frozenset(
        uid
        for table in (location, skipped)
        for uid in connection.execute(
            select(table.c.uid).where(
                table.c.mailbox == mailbox, table.c.folder == folder, table.c.uidvalidity == uidvalidity
            )
        ).scalars()
    )


def forget(connection: Connection, mailbox: str, folder: str, uidvalidity: int, uids: Collection[int]) -> None:
    """Nothing lies at these UIDs any more."""
    ordered = sorted(uids)
    for start in range(0, len(ordered), _AT_ONCE):
        for table in (location, skipped):
            connection.execute(
                delete(table).where(
                    table.c.mailbox == mailbox,
                    table.c.folder == folder,
                    table.c.uidvalidity == uidvalidity,
                    table.c.uid.in_(ordered[start : start + _AT_ONCE]),
                )
            )


def forget_stale(connection: Connection, mailbox: str, folder: str) -> None:
    """What was not found again after a renumbering is gone."""
    connection.execute(
        delete(location).where(location.c.mailbox == mailbox, location.c.folder == folder, location.c.stale.is_(True))
    )
