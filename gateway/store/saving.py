"""What of a filing goes into documents: to each client once, in a folder that is theirs alone."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sqlalchemy import Connection, bindparam, insert, select

from gateway.domain.record import NewFiling, SavedName
from gateway.policy.filename import slug, with_number
from gateway.store import documents
from gateway.store.columns import clean
from gateway.store.filing import Saved
from gateway.store.reader import Reader
from gateway.store.schema import client_folder, document
from gateway.store.trouble import trouble
from gateway.store.writer import Writer

_FOLDER = select(client_folder.c.folder).where(client_folder.c.client == bindparam("of_client"))
_TAKEN = select(client_folder.c.client).where(client_folder.c.folded == bindparam("name"))
_HAS = select(document.c.client, document.c.sha256).where(
    document.c.client.in_(bindparam("clients", expanding=True)),
    document.c.sha256.in_(bindparam("hashes", expanding=True)),
)
_AT_ONCE = 500  # hashes in one statement


class Saver:
    """Writes files before the transaction that names them; the caller sees to it that one runs at a time."""

    def __init__(self, root: Path, writer: Writer, reader: Reader) -> None:
        self._root = root
        self._writer = writer
        self._reader = reader
        self._folders: dict[str, str] = {}  # by client

    async def save_all(self, items: Sequence[NewFiling]) -> list[tuple[Saved, ...]]:
        """For each, the documents that none of its clients has yet, on the disk; each client gets a content once."""
        wanted = await asyncio.to_thread(lambda: [_by_hash(item) for item in items])
        if not any(wanted):
            return [()] * len(items)
        has = await self._had(items, wanted)
        todo: list[_Todo] = []
        for number, (item, found) in enumerate(zip(items, wanted, strict=True)):
            for client in item.savers:
                new = [sha256 for sha256 in found if (client, sha256) not in has]
                todo += [_Todo(number, client, sha256, found[sha256]) for sha256 in new]
                has.update((client, sha256) for sha256 in new)
        await self._know_folders({one.client for one in todo})
        saved = await asyncio.to_thread(self._write, items, todo)
        return [tuple(one for at, one in saved if at == number) for number in range(len(items))]

    async def _had(self, items: Sequence[NewFiling], wanted: Sequence[Mapping[str, SavedName]]) -> set[tuple[str, str]]:
        """Who has which of the contents already, by client and hash."""
        clients = list(dict.fromkeys(client for item in items for client in item.savers))
        hashes = list(dict.fromkeys(sha256 for found in wanted for sha256 in found))

        def look(connection: Connection) -> set[tuple[str, str]]:
            found: set[tuple[str, str]] = set()
            for start in range(0, len(hashes), _AT_ONCE):
                some = {"clients": clients, "hashes": hashes[start : start + _AT_ONCE]}
                found |= {(row.client, row.sha256) for row in connection.execute(_HAS, some)}
            return found

        return await self._reader.run(look)

    async def _know_folders(self, clients: Collection[str]) -> None:
        unknown = [client for client in clients if client not in self._folders]
        if unknown:
            # Chosen once and never changed: so what was committed is true for good.
            self._folders |= await self._writer.run(
                lambda connection: {client: folder_of(connection, client) for client in unknown}
            )

    def _write(self, items: Sequence[NewFiling], todo: Sequence[_Todo]) -> list[tuple[int, Saved]]:
        papers = [
            documents.Paper(
                self._folders[one.client],
                documents.day_of(items[one.number].facts.date, items[one.number].filed_at),
                one.given.name,
                one.given.attachment.content,
            )
            for one in todo
        ]
        try:
            paths = documents.save_all(self._root, papers)
        except OSError as error:
            raise trouble(error) from error
        return [(one.number, one.saved(path, items[one.number])) for one, path in zip(todo, paths, strict=True)]


@dataclass(frozen=True, slots=True)
class _Todo:
    """A document to be written for one client; ``number`` is its filing's among those under way."""

    number: int
    client: str
    sha256: str
    given: SavedName

    def saved(self, path: str, item: NewFiling) -> Saved:
        attachment = self.given.attachment
        row = {
            "name": path.rpartition("/")[2],
            "original_name": attachment.name,
            "content_type": attachment.content_type,
            "size": len(attachment.content),
            "saved_at": item.filed_at,
        }
        return Saved(self.client, self.sha256, path, row)


def _by_hash(item: NewFiling) -> dict[str, SavedName]:
    """The same content twice in one message is one document."""
    found: dict[str, SavedName] = {}
    for one in item.documents:
        found.setdefault(hashlib.sha256(one.attachment.content).hexdigest(), one)
    return found


def folder_of(connection: Connection, client: str) -> str:
    """The client's folder, chosen once: names that look alike get numbers, and renaming nothing moves nothing."""
    known: str | None = connection.execute(_FOLDER, {"of_client": clean(client)}).scalar()
    if known is not None:
        return known
    plain = slug(client)
    for number in count(1):
        name = plain if number == 1 else with_number(plain, number)
        if connection.execute(_TAKEN, {"name": documents.folded(name)}).first() is None:
            connection.execute(
                insert(client_folder), {"client": client, "folder": name, "folded": documents.folded(name)}
            )
            return name
    raise AssertionError("numbers ended")
