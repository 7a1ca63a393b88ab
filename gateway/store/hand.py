"""What people file themselves: under a client, out of a client's record, from one to another; each with its trail.

Nothing is lost by it: what is taken out of a record is kept aside, with who did it and when, and can be put back. The
tail does not file it there again. The documents that it brought go with it, and come back with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from gateway.domain.errors import Conflict
from gateway.domain.record import Direction, Duty, EventKind, Mark, Message
from gateway.store.activity import Entry, book
from gateway.store.feed import Bell, add_event
from gateway.store.placing import put, take_out
from gateway.store.reader import Reader
from gateway.store.saving import SavingShelf, owe
from gateway.store.schema import filing, unfiled
from gateway.store.writer import Writer

_ONE = (filing.c.client == bindparam("of_client"), filing.c.message == bindparam("number"))
_FILED = select(filing.c.flags).where(*_ONE)
_MARK = update(filing).where(*_ONE)
_SENT = [
    select(table.c.client).where(table.c.message == bindparam("number"), table.c.direction == Direction.SENT.value)
    for table in (filing, unfiled)
]
# What a change took out is not for the members of that client to put back: it was found to be somebody else's.
_TAKEN = (
    select(unfiled.c.client)
    .where(unfiled.c.message == bindparam("number"), unfiled.c.step.is_(None))
    .order_by(unfiled.c.client)
)


class ByHand:
    """Each method is one transaction. ``by`` is for the trail."""

    def __init__(self, writer: Writer, reader: Reader, bell: Bell, saving: SavingShelf) -> None:
        self._writer = writer
        self._reader = reader
        self._bell = bell
        self._saving = saving

    async def taken_from(self, message_id: int) -> list[str]:
        """The clients out of whose record a person took the message, by name."""
        query = _TAKEN.params(number=message_id)
        return list(await self._reader.run(lambda connection: connection.execute(query).scalars().all()))

    async def was_sent(self, message_id: int) -> bool:
        """Whether it lies in anybody's Sent, or did before it was taken out."""

        def look(connection: Connection) -> bool:
            return any(connection.execute(query, {"number": message_id}).first() for query in _SENT)

        return await self._reader.run(look)

    async def file(self, message: Message, client: str, direction: Direction, *, by: str, at: datetime) -> None:
        """Under the client; where it lies there already in doubt, it is theirs from now on. Conflict where it is."""

        def work(connection: Connection) -> int:
            _file(connection, message, client, direction, at)
            return _tell(connection, message, [("filed", f"under {client}")], client=client, by=by, at=at)

        await self._writer.run(work, self._ring)

    async def unfile(self, message: Message, client: str, *, by: str, at: datetime) -> None:
        """Out of the client's record. Conflict where it is not in it."""

        def work(connection: Connection) -> int:
            left = _take_out(connection, message, client, by, at)
            number = _tell(connection, message, [("unfiled", f"from {client}")], client="", by=by, at=at)
            _tell_of_documents(connection, left, client, by, at)
            return number

        await self._writer.run(work, self._ring)

    def _ring(self, number: int) -> None:
        self._bell.ring(number)
        self._saving.wake()

    async def refile(
        self, message: Message, old: str, new: str, direction: Direction, *, by: str, at: datetime
    ) -> None:
        """From one client's record into another's."""

        def work(connection: Connection) -> int:
            left = _take_out(connection, message, old, by, at)
            _file(connection, message, new, direction, at)
            done = [("unfiled", f"from {old}"), ("filed", f"under {new}")]
            number = _tell(connection, message, done, client=new, by=by, at=at)
            _tell_of_documents(connection, left, old, by, at)
            return number

        await self._writer.run(work, self._ring)


def _file(connection: Connection, message: Message, client: str, direction: Direction, at: datetime) -> None:
    """Its attachments become documents of the client, unless it is unverified mail that waits for a person's word."""
    place = {"of_client": client, "number": message.id}
    known = connection.execute(_FILED, place).one_or_none()
    waits = message.weighed is not None and message.weighed.is_open
    if known is None:
        put(connection, client, message.id, message.facts, direction=direction, flags=[Mark.BY_HAND.value], held=waits)
    elif Mark.AMBIGUOUS.value in known.flags:
        flags = [flag for flag in known.flags if flag != Mark.AMBIGUOUS.value] + [Mark.BY_HAND.value]
        connection.execute(_MARK.values(flags=flags), place)
    else:
        raise Conflict(f"message {message.id} is filed under {client} already")
    if direction is Direction.INBOX and not waits:
        owe(connection, client, message.id, Duty.SAVE, at)


def _take_out(connection: Connection, message: Message, client: str, by: str, at: datetime) -> list[int]:
    """The numbers of the documents that left with it."""
    place = {"of_client": client, "number": message.id}
    if connection.execute(_FILED, place).one_or_none() is None:
        raise Conflict(f"message {message.id} is not filed under {client}: `postern mail show {message.id}` says where")
    return take_out(connection, client, message.id, by=by, at=at)


def _tell(
    connection: Connection, message: Message, done: Sequence[tuple[str, str]], *, client: str, by: str, at: datetime
) -> int:
    """The trail, and for those who look after the client a line in the feed; its number, 0 for none."""
    book(connection, [Entry("message", str(message.id), verb, what) for verb, what in done], by, at)
    if not client:
        return 0
    sender, subject = message.facts.sender or "an unnamed sender", message.facts.subject or "(no subject)"
    text = f"{by} filed mail from {sender}: {subject}"
    return add_event(connection, EventKind.CLIENT_MAIL, at, text, client=client, message=message.id)


def _tell_of_documents(connection: Connection, left: Sequence[int], client: str, by: str, at: datetime) -> None:
    """By number: those who read the trail need not be those who see the client."""
    book(connection, [Entry("document", str(number), "withdrawn", f"from {client}") for number in left], by, at)
