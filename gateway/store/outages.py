"""Which mailboxes the firm knows to be without sync: an outage is told once, and its end once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from gateway.domain.record import EventKind, SyncState
from gateway.store.feed import Bell, add_event
from gateway.store.schema import mailbox_sync
from gateway.store.writer import Writer

_OF = mailbox_sync.c.mailbox == bindparam("of_mailbox")
_TOLD = select(mailbox_sync.c.mailbox).where(_OF, mailbox_sync.c.warned_at.is_not(None))
_MARK = update(mailbox_sync).where(_OF)
_BEGIN = insert(mailbox_sync).on_conflict_do_nothing()


class Outages:
    """Each method is one transaction: whoever hears of it finds it noted, and the other way round."""

    def __init__(self, writer: Writer, bell: Bell) -> None:
        self._writer = writer
        self._bell = bell

    async def begun(self, mailbox: str, at: datetime, text: str, *, again: bool = False) -> None:
        """The mailbox can't be synced; ``again``: say so also where the firm knows."""

        def work(connection: Connection) -> int:
            if _is_told(connection, mailbox) and not again:
                return 0
            row = {"mailbox": mailbox, "state": SyncState.RETRYING.value, "since": at, "detail": ""}
            connection.execute(_BEGIN, row)  # where it failed before its state could be kept
            connection.execute(_MARK, {"of_mailbox": mailbox, "warned_at": at})
            return add_event(connection, EventKind.SYNC_STOPPED, at, text, mailbox=mailbox)

        await self._writer.run(work, self._bell.ring)

    async def ended(self, mailbox: str, at: datetime, text: str) -> None:
        """All of it is synced; said where the firm knows that it was not."""

        def work(connection: Connection) -> int:
            if not _is_told(connection, mailbox):
                return 0
            connection.execute(_MARK, {"of_mailbox": mailbox, "warned_at": None})
            return add_event(connection, EventKind.SYNC_RESUMED, at, text, mailbox=mailbox)

        await self._writer.run(work, self._bell.ring)


def _is_told(connection: Connection, mailbox: str) -> bool:
    return connection.execute(_TOLD, {"of_mailbox": mailbox}).scalar() is not None
