"""What the client's mail brought besides documents, and which messages brought each document: lists, newest first."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, Select, Table, exists, select

from gateway.domain.saving import Aside, Fate, Letter, ListedAside, Origin, Promise
from gateway.store.reader import Reader
from gateway.store.schema import aside, document, document_origin, filing, message, promised

_LETTER = (message.c.date, message.c.sender, message.c.recipients, message.c.subject)
_ORIGINS = (
    select(document_origin, *_LETTER)
    .join(message, message.c.id == document_origin.c.message)
    .join(document, document.c.id == document_origin.c.document)
    .join(filing, (filing.c.client == document.c.client) & (filing.c.message == document_origin.c.message))
)
_ASIDE = select(aside, *_LETTER).join(message, message.c.id == aside.c.message).order_by(aside.c.id.desc())
_PROMISED = select(promised, *_LETTER).join(message, message.c.id == promised.c.message).order_by(promised.c.id.desc())


Within = Collection[str] | None  # clients; None: all


class BroughtShelf:
    """``within`` says whose, ``before`` is the id of the last one seen."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def origins(self, document: int) -> list[Origin]:
        """The messages that had it, oldest first, with the name that it had there."""
        query = _ORIGINS.where(document_origin.c.document == document)
        query = query.order_by(document_origin.c.message, document_origin.c.part)
        return [Origin(row.part, row.name, _letter(row)) for row in await self._all(query)]

    async def aside(self, within: Within, limit: int = 50, before: int | None = None) -> list[ListedAside]:
        """Attachments that stay in the raw message, with why."""
        query = _of(_ASIDE, aside, within, before).limit(limit)
        return [_aside(row) for row in await self._all(query)]

    async def infected(self, number: int) -> dict[str, str]:
        """The parts of a message that were found infected, with what was found."""
        query = _ASIDE.where(aside.c.message == number, aside.c.fate == Fate.INFECTED.value)
        return {row.part: row.reason for row in await self._all(query)}

    async def promised(self, within: Within, limit: int = 50, before: int | None = None) -> list[Promise]:
        """Links to files that never came."""
        query = _of(_PROMISED, promised, within, before).limit(limit)
        rows = await self._all(query)
        return [Promise(row.id, row.client, row.service, row.link, row.at, _letter(row)) for row in rows]

    async def _all(self, query: Select[Any]) -> list[Row[Any]]:
        return list(await self._reader.run(lambda connection: connection.execute(query).all()))


def _of(query: Select[Any], table: Table, within: Within, before: int | None) -> Select[Any]:
    # What a message brought that was taken out of the client's record is none of the client's.
    query = query.where(exists().where(filing.c.client == table.c.client, filing.c.message == table.c.message))
    if within is not None:
        query = query.where(table.c.client.in_(within))
    return query if before is None else query.where(table.c.id < before)


def _letter(row: Row[Any]) -> Letter:
    return Letter(row.message, row.date, row.sender, row.recipients, row.subject)


def _aside(row: Row[Any]) -> ListedAside:
    one = Aside(row.part, row.original_name, row.content_type, row.size, row.sha256, Fate(row.fate), row.reason)
    return ListedAside(row.id, row.client, one, row.at, _letter(row))
