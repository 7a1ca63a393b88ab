"""What was settled long ago goes: queue entries, and then the bytes to which nothing leads any more.

Order: rows go first, in one transaction a batch; a file goes when two looks, a day apart, found no row for it. A crash
anywhere leaves files without rows, which the next looks find, and never a row without its file.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import BindParameter, Connection, and_, bindparam, delete, exists, or_, select

from gateway.domain.mail import QueueState
from gateway.store import files
from gateway.store.clock import QueueClock
from gateway.store.reader import Reader
from gateway.store.schema import body, errand, message, metadata, queue_entry, recipient, returned, sent_copy, tried
from gateway.store.sent import DONE
from gateway.store.spool import BLOBS
from gateway.store.writer import Writer

BATCH = 200  # entries of one transaction: it holds up the others for some milliseconds

_HASH = re.compile(r"[0-9a-f]{64}")
_FOLDERS = tuple(f"{number:02x}" for number in range(256))

_ENTRY = queue_entry.c
_ORIGINAL = queue_entry.alias("original")
_UNFILED = exists().where(sent_copy.c.entry == _ENTRY.number, sent_copy.c.state != DONE)
_UNRUN = exists().where(errand.c.entry == _ENTRY.number, errand.c.state != DONE)
# A report is known by its id, so that it is made once: that must outlive what could make it again.
_ITS_ORIGINAL = exists().where(_ORIGINAL.c.message_id == _ENTRY.in_reply_to, _ORIGINAL.c.sender_local.is_not(None))
_STILL_NEEDED = and_(_ENTRY.sender_local.is_(None), _ENTRY.in_reply_to != "", _ITS_ORIGINAL)
_OLD = (
    select(_ENTRY.number, _ENTRY.sha256)
    .where(
        _ENTRY.number > bindparam("behind"),
        _ENTRY.state == QueueState.DONE.value,
        _ENTRY.accepted_at < bindparam("before"),
        _ENTRY.next_attempt < bindparam("before"),
        ~or_(_UNFILED, _UNRUN, _STILL_NEEDED),
    )
    .order_by(_ENTRY.number)
    .limit(BATCH)
)
_NUMBERS: BindParameter[Any] = bindparam("numbers", expanding=True)
_FORGET = (
    delete(tried).where(tried.c.entry.in_(_NUMBERS)),
    delete(errand).where(errand.c.entry.in_(_NUMBERS)),
    delete(sent_copy).where(sent_copy.c.entry.in_(_NUMBERS)),
    delete(recipient).where(recipient.c.entry.in_(_NUMBERS)),
    delete(queue_entry).where(_ENTRY.number.in_(_NUMBERS)),
)
# Found rather than listed: a table that comes to hold bodies must not be forgotten here.
_HOLDERS = [
    column
    for table in metadata.tables.values()
    for column in table.columns
    if any(key.column is body.c.sha256 for key in column.foreign_keys)
]
_HELD = or_(*(exists().where(column == body.c.sha256) for column in _HOLDERS))
_DROP = delete(body).where(body.c.sha256.in_(bindparam("hashes", expanding=True)), ~_HELD)
# What came back is told with the entry or with the message of a client's record: with neither it is told to nobody.
_TOLD = (queue_entry.c.sha256, message.c.sha256)
_UNTOLD = delete(returned).where(
    returned.c.sha256.in_(bindparam("hashes", expanding=True)),
    ~or_(*(exists().where(column == returned.c.sha256) for column in _TOLD)),
)
_KNOWN = select(body.c.sha256).where(body.c.sha256.in_(bindparam("hashes", expanding=True)))


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one batch came to; ``last`` is where the next begins, None when there is nothing more."""

    entries: int
    bodies: int
    last: int | None


class Pruning:
    """Removes nothing that is not done, and no bytes of the clients' record."""

    def __init__(self, root: Path, writer: Writer, reader: Reader, clock: QueueClock) -> None:
        self._root = root
        self._clock = clock
        self._writer = writer
        self._reader = reader
        self._suspects: frozenset[str] = frozenset()

    async def before(self, keep: timedelta) -> datetime:
        """For `entries`: what was settled before it has been done for so long, however the wall clock was set since."""
        return await self._writer.run(lambda connection: self._clock.done_before(connection, keep))

    async def entries(self, before: datetime, behind: int = 0) -> Pruned:
        """A batch of those that were settled before that moment, oldest first, behind the one with that number."""
        return await self._writer.run(lambda connection: _prune(connection, before, behind))

    async def files(self, before: datetime) -> int:
        """Files to which no row led at the last look either, and that nobody wrote since that moment; how many went.

        To be called about once a day: a backup that copies files for rows it has seen must be over by the next call.
        """
        folders = await asyncio.to_thread(self._folders)
        stray = frozenset([name for folder in folders for name in await self._strays(folder)])
        gone = await asyncio.to_thread(self._remove, stray & self._suspects, before.timestamp())
        self._suspects = stray
        return gone

    async def _strays(self, folder: str) -> Collection[str]:
        found = await asyncio.to_thread(self._hashes, folder)
        if not found:
            return ()
        known = await self._reader.run(
            lambda connection: set(connection.execute(_KNOWN, {"hashes": list(found)}).scalars())
        )
        return [name for name in found if name not in known]

    def _folders(self) -> list[str]:
        return [one for one in _FOLDERS if (self._root / BLOBS / one).is_dir()]

    def _hashes(self, folder: str) -> Sequence[str]:
        """Nothing else in there is ours to remove."""
        return [name for name in files.names_in(self._root, (BLOBS, folder)) if _HASH.fullmatch(name)]

    def _remove(self, names: Collection[str], before: float) -> int:
        return sum(files.remove_old(self._root, (BLOBS, name[:2]), name, before) for name in names)


def _prune(connection: Connection, before: datetime, behind: int) -> Pruned:
    rows: Sequence[Any] = connection.execute(_OLD, {"before": before, "behind": behind}).all()
    if not rows:
        return Pruned(0, 0, None)
    for forget in _FORGET:
        connection.execute(forget, {"numbers": [row.number for row in rows]})
    hashes = {"hashes": list({row.sha256 for row in rows})}
    connection.execute(_UNTOLD, hashes)
    dropped = connection.execute(_DROP, hashes).rowcount
    return Pruned(len(rows), dropped, rows[-1].number if len(rows) == BATCH else None)
