"""The feed: lines that only grow in number, and a bell for those who wait for the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, func, insert, or_, select

from gateway.domain.access import EVERYTHING, Sight
from gateway.domain.record import Event, EventKind
from gateway.store.compiled import Compiled
from gateway.store.reader import Reader
from gateway.store.schema import event
from gateway.store.wishes import wanted
from gateway.store.writer import Writer

_ADD = Compiled(insert(event))
_AFTER = select(event).where(event.c.number > bindparam("number")).order_by(event.c.number).limit(bindparam("most"))
_NEWEST = select(func.max(event.c.number))


class Bell:
    """Rung on the loop after each COMMIT that added lines."""

    def __init__(self) -> None:
        self._newest = 0
        self._rung = asyncio.Event()

    def ring(self, number: int) -> None:
        if number > self._newest:
            self._newest = number
            self._rung.set()
            self._rung = asyncio.Event()

    @property
    def newest(self) -> int:
        """The number of the last line that was committed."""
        return self._newest

    async def beyond(self, number: int) -> None:
        while self._newest <= number:
            await self._rung.wait()


def add_event(
    connection: Connection,
    kind: EventKind,
    at: datetime,
    text: str,
    *,
    client: str = "",
    mailbox: str = "",
    message: int | None = None,
    queue_id: str = "",
    login: str = "",
) -> int:
    """Add a line within the caller's transaction; its number."""
    values = {
        "at": at,
        "kind": kind.value,
        "text": text,
        "client": client,
        "mailbox": mailbox,
        "message": message,
        "queue_id": queue_id,
        "login": login,
    }
    return _ADD.add(connection, values)


def newest(connection: Connection) -> int:
    """The number of the last line; 0 while there is none."""
    return connection.execute(_NEWEST).scalar() or 0


class Feed:
    """What the firm should know, oldest first."""

    def __init__(self, writer: Writer, reader: Reader, bell: Bell) -> None:
        self._writer = writer
        self._reader = reader
        self._bell = bell

    async def add(
        self,
        kind: EventKind,
        at: datetime,
        text: str,
        *,
        client: str = "",
        mailbox: str = "",
        message: int | None = None,
        queue_id: str = "",
        login: str = "",
    ) -> Event:
        """``client`` and ``login`` say who may see it; where both are empty, those of the mailbox may."""
        about: dict[str, Any] = {"client": client, "mailbox": mailbox, "message": message, "queue_id": queue_id}
        number = await self._writer.run(
            lambda connection: add_event(connection, kind, at, text, **about, login=login), self._bell.ring
        )
        return Event(number, at, kind, text, client, mailbox, message, queue_id, login)

    async def after(
        self, number: int, limit: int = 100, sight: Sight = EVERYTHING, *, now: datetime | None = None
    ) -> list[Event]:
        """Lines beyond ``number`` that are in sight, oldest first; a sight with a way needs to know ``now``."""
        query = _AFTER if sight.clients is None else _AFTER.where(_in_sight(sight, sight.clients))
        if sight.way is not None:
            assert now is not None, "what was put off comes back at a time"
            query = query.where(wanted(sight, now))

        def look(connection: Connection) -> Sequence[Event]:
            rows = connection.execute(query, {"number": number, "most": limit})
            return [_read(row) for row in rows]

        return list(await self._reader.run(look))

    @property
    def newest(self) -> int:
        """The number of the last line: a look that begins now sees it."""
        return self._bell.newest

    async def wait(self, number: int) -> None:
        """Return when a line beyond ``number`` exists."""
        await self._bell.beyond(number)


def _in_sight(sight: Sight, clients: Collection[str]) -> ColumnElement[bool]:
    """A client's for those to whom the client is open; what else somebody wrote, for them; the rest by mailbox."""
    line = event.c
    nobodys = and_(line.client == "", line.login == "", line.queue_id == "")
    if sight.mailboxes is not None:
        nobodys = and_(nobodys, line.mailbox.in_(sight.mailboxes))
    own = and_(line.client == "", line.login == sight.login)
    return or_(line.client.in_(clients), own, nobodys)


def _read(row: Row[Any]) -> Event:
    return Event(
        row.number, row.at, EventKind(row.kind), row.text, row.client, row.mailbox, row.message, row.queue_id, row.login
    )
