"""What of a filing goes into documents: to each client once, in a folder that is theirs alone."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection
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


class Saver:
    """Writes files before the transaction that names them; the caller sees to it that one runs at a time."""

    def __init__(self, root: Path, writer: Writer, reader: Reader) -> None:
        self._root = root
        self._writer = writer
        self._reader = reader

    async def save(self, item: NewFiling) -> tuple[Saved, ...]:
        """The documents that none of the clients has yet, on the disk."""
        if not item.documents:
            return ()
        wanted = await asyncio.to_thread(_by_hash, item)
        clients = [client for client, _ in item.clients]
        has = await self._reader.run(
            lambda connection: {
                (row.client, row.sha256)
                for row in connection.execute(_HAS, {"clients": clients, "hashes": list(wanted)})
            }
        )
        missing = [
            (client, sha256) for client in dict.fromkeys(clients) for sha256 in wanted if (client, sha256) not in has
        ]
        folders = await self._folders({client for client, _ in missing})
        return tuple(
            [
                await asyncio.to_thread(self._write, item, client, folders[client], sha256, wanted[sha256])
                for client, sha256 in missing
            ]
        )

    async def _folders(self, clients: Collection[str]) -> dict[str, str]:
        if not clients:
            return {}
        return await self._writer.run(lambda connection: {name: folder_of(connection, name) for name in clients})

    def _write(self, item: NewFiling, client: str, folder: str, sha256: str, one: SavedName) -> Saved:
        day = documents.day_of(item.facts.date, item.filed_at)
        content = one.attachment.content
        try:
            path = documents.save(self._root, folder, day, one.name, content)
        except OSError as error:
            raise trouble(error) from error
        row = {
            "name": path.rpartition("/")[2],
            "original_name": one.attachment.name,
            "content_type": one.attachment.content_type,
            "size": len(content),
            "saved_at": item.filed_at,
        }
        return Saved(client, sha256, path, row)


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
