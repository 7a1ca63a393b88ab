"""Rows of the queue that can't be read: set aside with a word to the firm, shown as far as they go, in nobody's way.

A bit that flipped in one row must not hold up the others (hostile G2). A database whose pages are damaged is another
matter: that is `TemporaryFailure`, for all of it.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from sqlalchemy import Connection, LargeBinary, bindparam, cast, select, update
from sqlalchemy.exc import DBAPIError

from gateway.domain.errors import PosternError
from gateway.domain.mail import QueueEntry, QueueState
from gateway.domain.record import EventKind
from gateway.store.columns import from_ticks
from gateway.store.feed import add_event
from gateway.store.schema import queue_entry

REASON = "its row in the database is damaged: restore a backup, or cancel it"

_TEXTS = ("id", "login", "mailbox", "message_id", "subject", "sha256")
_NUMBERS = ("accepted_at", "next_attempt", "attempts", "size")
_NUMBER = queue_entry.c.number
# As octets: text that is no UTF-8 can't be fetched as text.
_ROW = select(*(cast(queue_entry.c[name], LargeBinary) for name in _TEXTS + _NUMBERS)).where(bindparam("of") == _NUMBER)
_STRANGE = select(_NUMBER).where(queue_entry.c.state.not_in([state.value for state in QueueState]))
_HOLD = update(queue_entry).where(bindparam("of") == _NUMBER).values(state=QueueState.HELD.value, hold_reason=REASON)


class Unreadable(Exception):
    """Among the rows there is one that can't be read."""


def is_unreadable(error: Exception) -> bool:
    """Whether the row is to blame, and not the database: values that no entry can have, or text that is no text."""
    if isinstance(error, DBAPIError) and isinstance(error.orig, sqlite3.Error):
        return is_unreadable(error.orig)
    if isinstance(error, sqlite3.Error):
        return not hasattr(error, "sqlite_errorcode")  # raised by the driver, from what SQLite gave it
    return not isinstance(error, (PosternError, OSError, MemoryError))


def salvage(connection: Connection, number: int) -> QueueEntry:
    """What can be told of the entry: enough to find it, nothing that could be sent."""
    found = connection.execute(_ROW, {"of": number}).one()
    id_, login, mailbox, message_id, subject, sha256 = (_text(field) for field in found[: len(_TEXTS)])
    accepted_at, next_attempt, attempts, size = (_whole(field) for field in found[len(_TEXTS) :])
    return QueueEntry(
        id=id_,
        login=login,
        mailbox=mailbox,
        sender=None,
        recipients=(),
        sha256=sha256,
        size=size,
        message_id=message_id,
        subject=subject,
        accepted_at=_moment(accepted_at),
        next_attempt=_moment(next_attempt),
        state=QueueState.HELD,
        attempts=attempts,
        hold_reason=REASON,
    )


def strange(connection: Connection) -> list[int]:
    """The numbers of entries in a state that there is not: nothing else would ever find them."""
    return list(connection.execute(_STRANGE).scalars())


def set_aside(connection: Connection, number: int, now: datetime) -> int:
    """Hold it, and tell the firm; the number of the line in the feed."""
    connection.execute(_HOLD, {"of": number})
    entry = salvage(connection, number)
    text = f"The message {entry.id} (“{entry.subject}”) waits in the queue: {REASON}."
    return add_event(connection, EventKind.SET_ASIDE, now, text, mailbox=entry.mailbox, queue_id=entry.id)


def _text(field: bytes | None) -> str:
    return (field or b"").decode("utf-8", "replace")


def _whole(field: bytes | None) -> int:
    try:
        return int(field or b"0")
    except ValueError:
        return 0


def _moment(ticks: int) -> datetime:
    try:
        return from_ticks(ticks)
    except OverflowError:
        return from_ticks(0)
