"""The clients' record: messages once each, under whom they are filed, and what was saved of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Select, select

from gateway.domain.address import Address
from gateway.domain.errors import Conflict, NotFound
from gateway.domain.large import Mail
from gateway.domain.record import Direction, Document, Filed, Filing, Location, Message, NewFiling
from gateway.mime.facts import correspondents
from gateway.mime.large import read_header
from gateway.store import documents, locations, schema
from gateway.store.answered import find_answered, find_holders, find_places
from gateway.store.bodies import Bodies
from gateway.store.feed import Bell
from gateway.store.filing import Transaction, run_all
from gateway.store.reader import Reader
from gateway.store.record_rows import (
    DOCUMENTS,
    FILINGS,
    LOCATIONS,
    MESSAGES,
    AnyRow,
    read_document,
    read_filing,
    read_location,
    read_message,
)
from gateway.store.saving import SavingShelf
from gateway.store.trouble import trouble
from gateway.store.verdicts import WAITING
from gateway.store.writer import Writer

T = TypeVar("T")
# The class below has a method named list.
Filings = list[Filing]
Locations = list[Location]
Documents = list[Document]
Names = list[str]

FEW = 8  # messages that are taken apart sooner than a thread is asked to

NO_MESSAGE = "there is no such message: `postern mail list` shows those of a client"
NO_DOCUMENT = "there is no such document: `postern document list` shows those of a client"


class Record:
    """Messages are numbered in the order in which they came; lists are newest first, ``before`` is the last seen."""

    def __init__(
        self, root: Path, writer: Writer, reader: Reader, bodies: Bodies, bell: Bell, *, saving: SavingShelf
    ) -> None:
        self._root = root
        self._writer = writer
        self._reader = reader
        self._bodies = bodies
        self._bell = bell
        self._saving = saving

    async def file(self, item: NewFiling) -> Filed:
        """File it: idempotent, one transaction with its cursor; files are on the disk before the rows that name them.

        The same bytes again add what is new about them (a location, a client) and announce that only. Its attachments
        are another's duty, see `gateway.store.saving`. Raises `NoSpace` when nothing was kept.
        """
        return (await self.file_all([item]))[0]

    async def file_all(self, items: Sequence[NewFiling]) -> list[Filed]:
        """As `file`, each in its order, and all of them in one transaction: all are kept, or none.

        The first that can't be filed is the error; where the others matter more than their company they are to be
        filed one by one. Outdated where the firm was changed since it said whose one is.
        """
        raws, hashes = [item.raw for item in items], [item.sha256 for item in items]

        def prepare() -> list[Transaction]:
            bodies = self._bodies.prepare_all(raws, hashes)
            return [Transaction(*one).prepare() for one in zip(items, bodies, strict=True)]

        few = len(items) <= FEW and self._bodies.is_quick(raws, hashes)
        ready = prepare() if few else await asyncio.to_thread(prepare)
        filed, _ = await self._writer.run(
            lambda connection: run_all(connection, ready), lambda done: self._bell.ring(done[1])
        )
        # Of history there is more than is remembered, and what is about to leave would be forgotten over it.
        self._bodies.remember([one.body for one in ready if one.item.announce])
        if any(item.duty is not None for item in items):
            self._saving.wake()
        return filed

    async def sight(self, id: int, location: Location) -> None:  # noqa: A002
        """A copy of the message lies there."""
        await self._writer.run(lambda connection: locations.see(connection, location, id))

    async def sight_all(self, places: Sequence[tuple[str, Location]]) -> frozenset[str]:
        """Copies of messages, by SHA-256, lie there; the hashes of those that the record does not have."""
        return await self._writer.run(lambda connection: locations.see_all(connection, places))

    async def resight(self, location: Location, message_id: str, size: int) -> bool:
        """Know a message again that its folder held before it was renumbered; False: fetch it and file it."""
        return await self._writer.run(lambda connection: locations.resight(connection, location, message_id, size))

    async def list(
        self,
        client: str,
        box: Direction | None,
        limit: int = 50,
        before: int | None = None,
        *,
        unverified: bool = False,
        after: int | None = None,
    ) -> Filings:
        """A client's filings; ``before`` is the message's id, ``unverified``: only what waits for an approval.

        With ``after``, also an id, the oldest first.
        """
        filed = schema.filing.c
        order = filed.message.desc() if after is None else filed.message.asc()
        query = FILINGS.where(filed.client == client).order_by(order).limit(limit)
        if after is not None:
            query = query.where(filed.message > after)
        if box is not None:
            query = query.where(filed.direction == box.value)
        if before is not None:
            query = query.where(filed.message < before)
        if unverified:
            query = query.where(filed.message.in_(WAITING))
        return [read_filing(row) for row in await self._all(query)]

    async def message(self, id: int) -> Message:  # noqa: A002 - the word of the API
        return read_message(await self._one(MESSAGES.where(schema.message.c.id == id), NO_MESSAGE))

    async def by_sha(self, sha256: str) -> Message | None:
        rows = await self._all(MESSAGES.where(schema.message.c.sha256 == sha256))
        return read_message(rows[0]) if rows else None

    async def filings(self, message_id: int) -> Filings:
        """In each client's record that has it, by the client's name. NotFound where there is no such message."""
        filed = schema.filing.c
        rows = await self._all(FILINGS.where(filed.message == message_id).order_by(filed.client))
        if not rows:
            raise NotFound(NO_MESSAGE)
        return [read_filing(row) for row in rows]

    async def clients_of(self, message_id: int) -> Names:
        """Under whom the message is filed, by name."""
        filed = schema.filing.c
        rows = await self._all(select(filed.client).where(filed.message == message_id).order_by(filed.client))
        return [row.client for row in rows]

    async def addressed(self, message_ids: Sequence[str], clients: Collection[str]) -> tuple[Address, ...]:
        """Whom the client wrote to in the mail that a reply answers; empty where no such mail is known.

        It is the newest that came from one of ``clients`` (names) with the first of the ids that any has: To, Cc and
        Bcc in their order, then the mailboxes that it was seen in, for those that it reached in another way.
        """
        if not clients or not message_ids:
            return ()
        found = await self._reader.run(lambda connection: find_answered(connection, message_ids, clients))
        if found is None:
            return ()
        mail = await self._bodies.find(found.sha256)
        written_to = correspondents(await asyncio.to_thread(read_header, mail)).recipients
        first = {address.key: address for address in written_to}
        for key in found.mailboxes:
            if key not in first and (address := _address(key)):
                first[key] = address
        return tuple(first.values())

    async def holders(self, message_ids: Collection[str]) -> dict[str, frozenset[str]]:
        """By Message-ID, the clients under whom a message with it is filed; those that nobody has are missing."""
        return await self._reader.run(lambda connection: find_holders(connection, message_ids))

    async def places(self, message_id: str, mailbox: str) -> Sequence[Location]:
        """Where messages with that Message-ID lie in one mailbox."""
        return await self._reader.run(lambda connection: find_places(connection, message_id, mailbox))

    async def locations(self, id: int) -> Locations:  # noqa: A002
        """Where the message lies upstream, as far as its folders were not renumbered since."""
        seen = schema.location.c
        query = LOCATIONS.where(seen.message == id, seen.stale.is_(False))
        rows = await self._all(query.order_by(seen.mailbox, seen.folder, seen.uidvalidity, seen.uid))
        return [read_location(row) for row in rows]

    async def raw(self, id: int) -> bytes:  # noqa: A002
        """The message's bytes, as they came."""
        return await self._bodies.get((await self.message(id)).sha256)

    async def mail(self, id: int) -> Mail:  # noqa: A002
        """The same; what is large stays on the disk."""
        return await self._bodies.find((await self.message(id)).sha256)

    async def documents(
        self,
        client: str | None = None,
        limit: int = 50,
        before: int | None = None,
        *,
        within: Collection[str] | None = None,
    ) -> Documents:
        """Of one client, or of all, or of all ``within``; ``before`` is a document's id."""
        query = DOCUMENTS.order_by(schema.document.c.id.desc()).limit(limit)
        if client is not None:
            query = query.where(schema.document.c.client == client)
        if within is not None:
            query = query.where(schema.document.c.client.in_(within))
        if before is not None:
            query = query.where(schema.document.c.id < before)
        return [read_document(row) for row in await self._all(query)]

    async def saved_from(self, message_id: int) -> Documents:
        """The documents that came with that message first, the oldest first."""
        query = DOCUMENTS.where(schema.document.c.message == message_id).order_by(schema.document.c.id)
        return [read_document(row) for row in await self._all(query)]

    async def document(self, id: int) -> Document:  # noqa: A002
        return read_document(await self._one(DOCUMENTS.where(schema.document.c.id == id), NO_DOCUMENT))

    async def document_bytes(self, id: int) -> bytes:  # noqa: A002
        """What was saved; `Conflict` when somebody changed or removed the file."""
        found = await self.document(id)
        return await asyncio.to_thread(_checked, self._root, found)

    async def _all(self, query: Select[tuple[object, ...]]) -> Sequence[AnyRow]:
        return await self._reader.run(lambda connection: connection.execute(query).all())

    async def _one(self, query: Select[tuple[object, ...]], otherwise: str) -> AnyRow:
        rows = await self._all(query)
        if not rows:
            raise NotFound(otherwise)
        return rows[0]


def _address(key: str) -> Address | None:
    local, _, domain = key.rpartition("@")
    try:
        return Address(local, domain)
    except ValueError:  # folding the case of some letters makes them longer, so a key may hold more than an address
        return None


def _checked(root: Path, found: Document) -> bytes:
    sentence = f"the file {found.path} was changed or removed: restore it from a backup"
    try:
        content = documents.read(root, found.path)
    except FileNotFoundError as error:
        raise Conflict(sentence) from error
    except OSError as error:
        raise trouble(error) from error
    if hashlib.sha256(content).hexdigest() != found.sha256:
        raise Conflict(sentence)
    return content
