"""Where the reading of each folder stands, and how each mailbox's link does."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from gateway.domain.errors import Conflict
from gateway.domain.record import Cursor, Location, MailboxSync, SyncState
from gateway.store import locations, schema
from gateway.store.compiled import Compiled
from gateway.store.locations import Lookalike
from gateway.store.reader import Reader
from gateway.store.schema import backfilled, downloaded, location, mailbox_sync, searching, skipped, tally
from gateway.store.searches import under_way
from gateway.store.steps import require
from gateway.store.writer import Writer

_CURSOR = schema.cursor.c
_FIND = Compiled(
    select(schema.cursor).where(_CURSOR.mailbox == bindparam("of_mailbox"), _CURSOR.folder == bindparam("of_folder"))
)
_SET = Compiled(
    insert(schema.cursor).on_conflict_do_update(
        index_elements=["mailbox", "folder"],
        set_={
            "uidvalidity": insert(schema.cursor).excluded.uidvalidity,
            "uidnext": insert(schema.cursor).excluded.uidnext,
            "highestmodseq": insert(schema.cursor).excluded.highestmodseq,
        },
    )
)
_COUNT = Compiled(
    insert(tally).on_conflict_do_update(
        index_elements=["mailbox"],
        set_={"filed": tally.c.filed + insert(tally).excluded.filed},
    )
)
_DOWNLOADED = select(downloaded.c.octets).where(
    downloaded.c.mailbox == bindparam("of_mailbox"), downloaded.c.day == bindparam("of_day")
)
_NOTE = Compiled(
    insert(downloaded).on_conflict_do_update(
        index_elements=["mailbox"],
        set_={"day": insert(downloaded).excluded.day, "octets": insert(downloaded).excluded.octets},
    )
)
_SKIP = insert(skipped).on_conflict_do_nothing()
_MARK = insert(backfilled).on_conflict_do_nothing()
_MARKED = Compiled(
    select(backfilled.c.address).where(
        backfilled.c.mailbox == bindparam("of_mailbox"), backfilled.c.folder == bindparam("of_folder")
    )
)
_STATE = select(mailbox_sync.c.state).where(mailbox_sync.c.mailbox == bindparam("of_mailbox"))
_UPDATE_STATE = update(mailbox_sync).where(mailbox_sync.c.mailbox == bindparam("of_mailbox"))
_STILL = Compiled(
    update(mailbox_sync)
    .where(mailbox_sync.c.mailbox == bindparam("of_mailbox"), mailbox_sync.c.state == bindparam("before"))
    .values(synced_at=bindparam("at"), detail=bindparam("said"))
)
# Few, and they come and go; so they are counted, where what was filed is tallied.
_ASIDE = select(func.count()).where(skipped.c.mailbox == mailbox_sync.c.mailbox).scalar_subquery().label("aside")
_STATES = (
    select(mailbox_sync, tally.c.filed, _ASIDE)
    .join(tally, tally.c.mailbox == mailbox_sync.c.mailbox, isouter=True)
    .order_by(mailbox_sync.c.mailbox)
)


def find_cursor(connection: Connection, mailbox: str, folder: str) -> Cursor | None:
    """How far the folder has been read; None where it never was."""
    row = _FIND.first(connection, {"of_mailbox": mailbox, "of_folder": folder})
    return None if row is None else Cursor(row.mailbox, row.folder, row.uidvalidity, row.uidnext, row.highestmodseq)


def move_cursor(connection: Connection, to: Cursor) -> None:
    """Forward only; `Conflict` when the folder was renumbered meanwhile: what was read of it is out of date."""
    at = find_cursor(connection, to.mailbox, to.folder)
    if at is not None and at.uidvalidity != to.uidvalidity:
        raise Conflict(f"{to.folder} of {to.mailbox} was renumbered while it was read: read it again")
    _set_cursor(connection, to, at.uidnext if at else 0, at.highestmodseq if at else 0)


def _set_cursor(connection: Connection, to: Cursor, uidnext: int = 0, highestmodseq: int = 0) -> None:
    _SET.run(
        connection,
        {
            "mailbox": to.mailbox,
            "folder": to.folder,
            "uidvalidity": to.uidvalidity,
            "uidnext": max(to.uidnext, uidnext),
            "highestmodseq": max(to.highestmodseq, highestmodseq),
        },
    )


def count(connection: Connection, mailbox: str, *, filed: int) -> None:
    """Add to what the mailbox's link has done so far."""
    _COUNT.run(connection, {"mailbox": mailbox, "filed": filed, "skipped": 0})


@dataclass(frozen=True, slots=True)
class Stand:
    """How far a folder has been read; ``backfilled``: keys of addresses whose history in it was looked for."""

    cursor: Cursor | None
    backfilled: frozenset[str]


class Sync:
    """Each method is one transaction."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader
        self.resets = 0  # how often was forgotten where folders stand; else only who follows a folder moves it

    async def stand(self, mailbox: str, folder: str) -> Stand:
        """It stays true while `resets` does, for the one who reads the folder and notes what they do."""
        asked = {"of_mailbox": mailbox, "of_folder": folder}

        def look(connection: Connection) -> Stand:
            marked = frozenset(row.address for row in _MARKED.all(connection, asked))
            return Stand(find_cursor(connection, mailbox, folder), marked)

        return await self._reader.run(look)

    async def cursor(self, mailbox: str, folder: str) -> Cursor | None:
        return await self._reader.run(lambda connection: find_cursor(connection, mailbox, folder))

    async def move(self, cursor: Cursor, *, decided: int = 0) -> None:
        """Forward only, under the UIDVALIDITY that we know; `Conflict` under another (that is for `renew`).

        ``decided``: the revision of the firm that said of which mail nothing is to be filed; Outdated where it is
        another by now.
        """

        def work(connection: Connection) -> None:
            require(connection, decided)
            move_cursor(connection, cursor)

        await self._writer.run(work)

    async def renew(self, cursor: Cursor) -> None:
        """Start the folder anew: its old locations are stale, its history is to be looked for again."""

        def work(connection: Connection) -> None:
            connection.execute(
                update(location)
                .where(location.c.mailbox == cursor.mailbox, location.c.folder == cursor.folder)
                .values(stale=True)
            )
            for table in (backfilled, skipped):
                of_folder = (table.c.mailbox == cursor.mailbox, table.c.folder == cursor.folder)
                connection.execute(delete(table).where(*of_folder))
            _set_cursor(connection, cursor)

        await self._writer.run(work)

    async def backfilled(self, mailbox: str, folder: str) -> frozenset[str]:
        """Address keys whose history in the folder was looked for."""
        query = select(backfilled.c.address).where(backfilled.c.mailbox == mailbox, backfilled.c.folder == folder)
        return frozenset(await self._reader.run(lambda connection: connection.execute(query).scalars().all()))

    async def mark_backfilled(self, mailbox: str, folder: str, keys: Collection[str]) -> None:
        rows = [{"mailbox": mailbox, "folder": folder, "address": key} for key in keys]

        def work(connection: Connection) -> None:
            if rows:
                connection.execute(_MARK, rows)

        await self._writer.run(work)

    async def unmark(self, mailbox: str, folder: str, keys: Collection[str]) -> None:
        """Their history is to be looked for again: mail of a while was not filed for them."""
        marks = backfilled.c
        gone = delete(backfilled).where(
            marks.mailbox == mailbox, marks.folder == folder, marks.address == bindparam("key")
        )

        def work(connection: Connection) -> None:
            if keys:
                connection.execute(gone, [{"key": key} for key in keys])

        await self._writer.run(work)

    async def folders(self, mailbox: str) -> frozenset[str]:
        """Those that have been read."""
        query = select(schema.cursor.c.folder).where(schema.cursor.c.mailbox == mailbox)
        return frozenset(await self._reader.run(lambda connection: connection.execute(query).scalars().all()))

    async def forget_folder(self, mailbox: str, folder: str) -> None:
        """It is there no more: nothing lies in it, and one made under its name is a new one."""

        def work(connection: Connection) -> None:
            for table in (location, skipped, backfilled, searching, schema.cursor):
                connection.execute(delete(table).where(table.c.mailbox == mailbox, table.c.folder == folder))

        await self._writer.run(work, self._reset)

    async def places(self, mailbox: str, folder: str, uidvalidity: int) -> frozenset[int]:
        """UIDs of the folder that we hold to be true, of what was filed and of what was set aside."""
        return await self._reader.run(lambda connection: locations.places(connection, mailbox, folder, uidvalidity))

    async def gone(self, mailbox: str, folder: str, uidvalidity: int, uids: Collection[int]) -> None:
        """Expunged or moved away; the messages themselves stay in the record."""
        await self._writer.run(lambda connection: locations.forget(connection, mailbox, folder, uidvalidity, uids))

    async def relabel(self, mailbox: str, folder: str, uidvalidity: int, labels: Mapping[int, Sequence[str]]) -> None:
        """By UID, what the messages there are labelled with now."""
        await self._writer.run(lambda connection: locations.relabel(connection, mailbox, folder, uidvalidity, labels))

    async def settle(self, mailbox: str, folder: str) -> None:
        """The folder was looked through after its renumbering: what was not seen again is gone."""
        await self._writer.run(lambda connection: locations.forget_stale(connection, mailbox, folder))

    async def lookalikes_all(self, asked: Sequence[tuple[Location, str, int]], most: int = 5) -> list[list[Lookalike]]:
        """For each place, Message-ID and size: stored messages that may be it, newest first, to compare by bytes."""

        def look(connection: Connection) -> list[list[Lookalike]]:
            return [
                locations.lookalikes(connection, where, message_id, size, most) for where, message_id, size in asked
            ]

        return await self._reader.run(look)

    async def filed(
        self, mailbox: str, folder: str, uidvalidity: int, first: int, last: int
    ) -> dict[int, frozenset[str]]:
        """By UID from ``first`` to ``last``, the names of the clients for whom what lies there was filed."""
        found = await self._reader.run(
            lambda connection: locations.filed(connection, mailbox, folder, uidvalidity, first, last)
        )
        return {uid: frozenset(clients) for uid, clients in found.items()}

    async def set_aside(self, mailbox: str, folder: str, uidvalidity: int) -> tuple[int, ...]:
        """UIDs of what could not be filed, ascending."""
        of = skipped.c
        query = (
            select(of.uid)
            .where(of.mailbox == mailbox, of.folder == folder, of.uidvalidity == uidvalidity)
            .order_by(of.uid)
        )
        return tuple(await self._reader.run(lambda connection: connection.execute(query).scalars().all()))

    async def taken_up(self, where: Location) -> None:
        """What was set aside there is dealt with."""
        of = skipped.c
        query = delete(skipped).where(
            of.mailbox == where.mailbox,
            of.folder == where.folder,
            of.uidvalidity == where.uidvalidity,
            of.uid == where.uid,
        )

        def work(connection: Connection) -> None:
            connection.execute(query)

        await self._writer.run(work)

    async def set_state(self, mailbox: str, state: SyncState, at: datetime, detail: str = "") -> None:
        """``at`` counts where the state is another than before."""
        await self._writer.run(lambda connection: _set_state(connection, mailbox, state, at, detail))

    async def synced(self, mailbox: str, state: SyncState, at: datetime, detail: str = "") -> None:
        """A round over the mailbox was completed, which stands so now; ``at`` and ``detail`` as in `set_state`."""

        def work(connection: Connection) -> None:
            same = {"of_mailbox": mailbox, "before": state.value, "at": at, "said": detail}
            if _STILL.run(connection, same) == 0:
                _set_state(connection, mailbox, state, at, detail)
                _STILL.run(connection, same)

        await self._writer.run(work)

    async def states(self) -> dict[str, MailboxSync]:
        """By mailbox key; those that were never tried are missing."""
        rows, histories = await self._reader.run(
            lambda connection: (connection.execute(_STATES).all(), under_way(connection))
        )
        return {
            row.mailbox: MailboxSync(
                mailbox=row.mailbox,
                state=SyncState(row.state),
                since=row.since,
                detail=row.detail,
                synced_at=row.synced_at,
                filed=row.filed or 0,
                skipped=row.aside,
                history=histories.get(row.mailbox),
            )
            for row in rows
        }

    async def skip(self, where: Location, reason: str, cursor: Cursor | None) -> bool:
        """Set one message aside and go past it; False when it was set aside before."""

        def work(connection: Connection) -> bool:
            values = {
                "mailbox": where.mailbox,
                "folder": where.folder,
                "uidvalidity": where.uidvalidity,
                "uid": where.uid,
                "reason": reason,
            }
            new = connection.execute(_SKIP, values).rowcount == 1
            if cursor is not None:
                move_cursor(connection, cursor)
            return new

        return await self._writer.run(work)

    async def downloaded(self, mailbox: str, day: date) -> int:
        """Octets of its mail on that day, as they were noted last."""
        asked = {"of_mailbox": mailbox, "of_day": day.isoformat()}
        return await self._reader.run(lambda connection: connection.execute(_DOWNLOADED, asked).scalar() or 0)

    async def note_downloaded(self, mailbox: str, day: date, octets: int) -> None:
        """So many on that day, all together."""
        row = {"mailbox": mailbox, "day": day.isoformat(), "octets": octets}
        await self._writer.run(lambda connection: _NOTE.run(connection, row))

    async def forget(self, mailbox: str) -> None:
        """Where its folders were read up to, so that the next round looks through all of them; what was filed stays.

        Known messages are known again by their old places; what is found beside them is history, and not announced.
        """

        def work(connection: Connection) -> None:
            connection.execute(update(location).where(location.c.mailbox == mailbox).values(stale=True))
            for table in (backfilled, skipped, searching, schema.cursor):
                connection.execute(delete(table).where(table.c.mailbox == mailbox))

        await self._writer.run(work, self._reset)

    def _reset(self, _done: None) -> None:
        self.resets += 1


def _set_state(connection: Connection, mailbox: str, state: SyncState, at: datetime, detail: str) -> None:
    before = connection.execute(_STATE, {"of_mailbox": mailbox}).scalar()
    if before is None:
        values = {"mailbox": mailbox, "state": state.value, "since": at, "detail": detail}
        connection.execute(insert(mailbox_sync), values)
    elif before == state.value:
        connection.execute(_UPDATE_STATE, {"of_mailbox": mailbox, "detail": detail})
    else:
        values = {"of_mailbox": mailbox, "state": state.value, "since": at, "detail": detail}
        connection.execute(_UPDATE_STATE, values)
