"""Conversations as they are read: a client's threads, the messages of one, and where what was sent lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select

from gateway.domain.mail import QueueEntry
from gateway.domain.record import Direction, Filing, Talk
from gateway.store.reader import Reader
from gateway.store.record_rows import FILINGS, read_filing
from gateway.store.schema import document, filing, message

_FILED = filing.c


class Conversations:
    """Reads only; whose they are, and whether the asker may see that, is for the caller to look at."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def of_client(self, client: str, limit: int = 50, before: int | None = None) -> list[Talk]:
        """Sent and received together, that with the newest message first; ``before``: the last message of one."""
        ends = (
            select(
                _FILED.thread,
                func.count().label("messages"),
                func.min(_FILED.message).label("first"),
                func.max(_FILED.message).label("last"),
            )
            .where(_FILED.client == client)
            .group_by(_FILED.thread)
            .subquery()
        )
        newest, oldest = message.alias("newest"), message.alias("oldest")
        query = (
            select(ends, newest.c.date, newest.c.filed_at, newest.c.sender, oldest.c.subject)
            .join(newest, newest.c.id == ends.c.last)
            .join(oldest, oldest.c.id == ends.c.first)
            .order_by(ends.c.last.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(ends.c.last < before)
        return [
            Talk(row.thread, row.messages, row.last, row.date or row.filed_at, row.sender, row.subject)
            for row in await self._all(query)
        ]

    async def of_thread(self, thread: int, limit: int = 50, after: int | None = None) -> list[Filing]:
        """Its messages in the order in which they were filed; ``after`` is the id of the last one seen."""
        query = FILINGS.where(_FILED.thread == thread).order_by(_FILED.message).limit(limit)
        if after is not None:
            query = query.where(_FILED.message > after)
        return [read_filing(row) for row in await self._all(query)]

    async def sent(self, entry: QueueEntry) -> list[Filing]:
        """Where what left lies, by client: the same bytes, or the provider's copy with its Message-ID."""
        named = and_(message.c.message_id == entry.message_id, _FILED.direction == Direction.SENT.value)
        same = or_(message.c.sha256 == entry.sha256, named) if entry.message_id else message.c.sha256 == entry.sha256
        first: dict[str, Filing] = {}
        for row in await self._all(FILINGS.where(same).order_by(_FILED.client, _FILED.message)):
            first.setdefault(row.client, read_filing(row))
        return list(first.values())

    async def extent(self, client: str) -> dict[str, int]:
        """How much there is: messages and documents, with their octets."""
        mail = select(func.count(), func.coalesce(func.sum(message.c.size), 0))
        mail = mail.join(filing, _FILED.message == message.c.id).where(_FILED.client == client)
        papers = select(func.count(), func.coalesce(func.sum(document.c.size), 0)).where(document.c.client == client)
        (letters, octets), *_ = map(tuple, await self._all(mail))
        (files, file_octets), *_ = map(tuple, await self._all(papers))
        return {"messages": letters, "octets": octets, "documents": files, "document_octets": file_octets}

    async def _all(self, query: Select[Any]) -> Sequence[Row[Any]]:
        return await self._reader.run(lambda connection: connection.execute(query).all())
