"""What each member wants to hear: of which kinds of event, in the feed or by mail; what they muted and put off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, or_, select
from sqlalchemy.dialects.sqlite import insert

from gateway.domain.access import Sight, Way
from gateway.domain.record import EventKind
from gateway.store.reader import Reader
from gateway.store.schema import announced, event, filing, muted, preference, quiet
from gateway.store.writer import Writer

_PREFER = insert(preference).on_conflict_do_update(
    index_elements=["login", "kind"], set_={"way": insert(preference).excluded.way}
)
_MUTE = insert(muted).on_conflict_do_nothing()
_UNMUTE = delete(muted).where(muted.c.login == bindparam("of_login"), muted.c.thread == bindparam("of_thread"))
_QUIET = insert(quiet).on_conflict_do_update(
    index_elements=["login", "kind", "mailbox"], set_={"until": insert(quiet).excluded.until}
)
_LOUD = delete(quiet).where(
    quiet.c.login == bindparam("of_login"),
    quiet.c.kind == bindparam("of_kind"),
    quiet.c.mailbox == bindparam("of_mailbox"),
)
_MAILED = select(preference.c.login).where(preference.c.way.in_([Way.MAIL, Way.BOTH])).distinct()
_REACHED = insert(announced).on_conflict_do_update(
    index_elements=["id"], set_={"cursor": insert(announced).excluded.cursor}
)


def wanted(sight: Sight, now: datetime) -> ColumnElement[bool]:
    """Events that the member of this sight wants to hear on its way; for the query of the feed."""
    unwanted = (Way.NONE, Way.MAIL if sight.way is Way.FEED else Way.FEED)
    chosen = and_(preference.c.login == sight.login, preference.c.kind == event.c.kind)
    if sight.way is Way.FEED:
        kinds = ~exists().where(chosen, preference.c.way.in_(unwanted))
    else:  # nobody gets mail who did not ask for it
        kinds = exists().where(chosen, preference.c.way.not_in(unwanted))
    silent = exists().where(
        muted.c.login == sight.login,
        filing.c.thread == muted.c.thread,
        filing.c.message == event.c.message,
        filing.c.client == event.c.client,
    )
    later = exists().where(
        quiet.c.login == sight.login,
        quiet.c.kind == event.c.kind,
        quiet.c.mailbox == event.c.mailbox,
        or_(quiet.c.until.is_(None), quiet.c.until > now),
    )
    return and_(kinds, ~silent, ~later)


class Wishes:
    """Each method is one transaction."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def preferences(self, login: str) -> dict[EventKind, Way]:
        """Of every kind; in the feed, where the member chose nothing."""
        query = select(preference.c.kind, preference.c.way).where(preference.c.login == login)
        rows = await self._reader.run(lambda connection: connection.execute(query).all())
        chosen = {row.kind: Way(row.way) for row in rows}
        return {kind: chosen.get(kind.value, Way.FEED) for kind in EventKind}

    async def prefer(self, login: str, chosen: Mapping[EventKind, Way]) -> None:
        rows = [{"login": login, "kind": kind.value, "way": way.value} for kind, way in chosen.items()]

        def work(connection: Connection) -> None:
            if rows:
                connection.execute(_PREFER, rows)

        await self._writer.run(work)

    async def thread_client(self, thread: int) -> str | None:
        """Whose thread it is; None where there is none, as after it became part of another."""
        query = select(filing.c.client).where(filing.c.thread == thread).limit(1)
        return await self._reader.run(lambda connection: connection.execute(query).scalar())

    async def mute(self, login: str, thread: int) -> None:
        await self._do(lambda connection: connection.execute(_MUTE, {"login": login, "thread": thread}))

    async def unmute(self, login: str, thread: int) -> None:
        await self._do(lambda connection: connection.execute(_UNMUTE, {"of_login": login, "of_thread": thread}))

    async def put_off(self, login: str, kind: EventKind, mailbox: str, until: datetime | None) -> None:
        """Events of that kind about that mailbox; for good without ``until``."""
        values = {"login": login, "kind": kind.value, "mailbox": mailbox, "until": until}
        await self._do(lambda connection: connection.execute(_QUIET, values))

    async def take_up(self, login: str, kind: EventKind, mailbox: str) -> None:
        """They are heard again."""
        values = {"of_login": login, "of_kind": kind.value, "of_mailbox": mailbox}
        await self._do(lambda connection: connection.execute(_LOUD, values))

    async def mailed(self) -> list[str]:
        """Logins of those who want mail about anything."""
        return list(await self._reader.run(lambda connection: connection.execute(_MAILED).scalars().all()))

    async def announced(self) -> int | None:
        """The last event of which mail was sent to all who wanted it; None before the first look."""
        query = select(announced.c.cursor)
        return await self._reader.run(lambda connection: connection.execute(query).scalar())

    async def announce(self, cursor: int) -> None:
        await self._do(lambda connection: connection.execute(_REACHED, {"id": 1, "cursor": cursor}))

    async def _do(self, work: Callable[[Connection], object]) -> None:
        await self._writer.run(work)
