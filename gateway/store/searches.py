"""How far the look for clients' mail of before has come, folder by folder, for those who watch."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from gateway.domain.record import Search
from gateway.store.compiled import Compiled
from gateway.store.reader import Reader
from gateway.store.schema import searching
from gateway.store.writer import Writer

_OF = searching.c
_HERE = (_OF.mailbox == bindparam("of_mailbox"), _OF.folder == bindparam("of_folder"))
_ADDRESSES = Compiled(select(_OF.addresses).where(*_HERE))
_BEGIN = Compiled(
    insert(searching).on_conflict_do_update(
        index_elements=["mailbox", "folder"],
        set_={name: insert(searching).excluded[name] for name in ("addresses", "found", "done")},
    )
)
_MOVE = Compiled(
    update(searching).where(*_HERE).values(found=_OF.found + bindparam("more"), done=_OF.done + bindparam("over"))
)
_FIND = Compiled(select(searching).where(*_HERE))
_END = Compiled(delete(searching).where(*_HERE))
_ALL = Compiled(select(searching).order_by(_OF.mailbox, _OF.folder))


class Searches:
    """Each method is one transaction."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def begin(self, mailbox: str, folder: str, addresses: Sequence[str]) -> bool:
        """Count from nothing; False where these were looked for already and it was cut off."""
        row = {"mailbox": mailbox, "folder": folder, "addresses": list(addresses), "found": 0, "done": 0}

        def work(connection: Connection) -> bool:
            before = _ADDRESSES.first(connection, {"of_mailbox": mailbox, "of_folder": folder})
            _BEGIN.run(connection, row)
            return before is None or not set(addresses) <= set(before.addresses)

        return await self._writer.run(work)

    async def move(self, mailbox: str, folder: str, *, found: int = 0, done: int = 0) -> None:
        """So many more were found, and so many more are dealt with."""
        values = {"of_mailbox": mailbox, "of_folder": folder, "more": found, "over": done}
        await self._writer.run(lambda connection: _MOVE.run(connection, values))

    async def end(self, mailbox: str, folder: str) -> Search | None:
        """It is over: what it came to; None where there was none."""
        here = {"of_mailbox": mailbox, "of_folder": folder}

        def work(connection: Connection) -> Search | None:
            row = _FIND.first(connection, here)
            _END.run(connection, here)
            return None if row is None else Search(tuple(row.addresses), row.found, row.done)

        return await self._writer.run(work)

    async def all(self) -> dict[str, Search]:
        """By mailbox, its folders together."""
        return await self._reader.run(under_way)


def under_way(connection: Connection) -> dict[str, Search]:
    """By mailbox: what is being looked for now."""
    found: dict[str, Search] = {}
    for row in _ALL.all(connection, {}):
        before = found.get(row.mailbox, Search(()))
        addresses = tuple(dict.fromkeys((*before.addresses, *row.addresses)))
        found[row.mailbox] = Search(addresses, before.found + row.found, before.done + row.done)
    return found
