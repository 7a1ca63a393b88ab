"""The feed: lines that only grow in number, and a bell for those who wait for the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from gateway.domain.record import Event, EventKind
from gateway.store.compiled import Compiled
from gateway.store.reader import Reader
from gateway.store.schema import event
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
    ) -> Event:
        def work(connection: Connection) -> int:
            return add_event(
                connection, kind, at, text, client=client, mailbox=mailbox, message=message, queue_id=queue_id
            )

        number = await self._writer.run(work, self._bell.ring)
        return Event(number, at, kind, text, client, mailbox, message, queue_id)

    async def after(self, number: int, limit: int = 100) -> list[Event]:
        """Lines beyond ``number``, oldest first."""

        def look(connection: Connection) -> Sequence[Event]:
            rows = connection.execute(_AFTER, {"number": number, "most": limit})
            return [
                Event(
                    row.number,
                    row.at,
                    EventKind(row.kind),
                    row.text,
                    row.client,
                    row.mailbox,
                    row.message,
                    row.queue_id,
                )
                for row in rows
            ]

        return list(await self._reader.run(look))

    async def wait(self, number: int) -> None:
        """Return when a line beyond ``number`` exists."""
        await self._bell.beyond(number)
