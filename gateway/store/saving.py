"""The shelf of saving: what is still to be looked through for documents, and what was found, in one transaction each.

A duty is made in the transaction that files its message, so none is lost; its files are on the disk before the rows
that name them; doing one twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Text, and_, bindparam, case, cast, func, insert, literal, or_, select, update
from sqlalchemy.dialects.sqlite import insert as insert_new

from gateway.domain.errors import TemporaryFailure
from gateway.domain.record import Attachment, Direction, Duty, Mark
from gateway.domain.saving import Kept, Looked, Outstanding, SavingDuty
from gateway.domain.verdict import Standing
from gateway.policy.filename import document_name, slug, with_number
from gateway.policy.keeping import Known
from gateway.store import documents
from gateway.store.activity import Entry, book
from gateway.store.columns import Moment, clean
from gateway.store.compiled import Compiled
from gateway.store.feed import Bell, add_event
from gateway.store.reader import Reader
from gateway.store.schema import (
    aside,
    client_folder,
    document,
    document_origin,
    filing,
    message,
    picture,
    promised,
    saving,
    verdict,
)
from gateway.store.trouble import trouble
from gateway.store.withdrawing import LEAVING, leavers, went
from gateway.store.writer import Writer

DUE_AT_ONCE = 20  # duties of one look: new mail never waits for more of history than these

_FOLDER = select(client_folder.c.folder).where(client_folder.c.client == bindparam("of_client"))
_TAKEN = select(client_folder.c.client).where(client_folder.c.folded == bindparam("name"))

_DUTY = saving.c
_IS_THIS = and_(_DUTY.client == bindparam("of_client"), _DUTY.message == bindparam("of_message"))
_OWE = Compiled(insert_new(saving).on_conflict_do_nothing())
_RAISE = Compiled(  # what was only looked at before is saved now; what was saved is done
    update(saving)
    .where(
        _DUTY.client == bindparam("of_client"), _DUTY.message == bindparam("of_message"), _DUTY.duty == Duty.LOOK.value
    )
    .values(duty=bindparam("new_duty"), attempts=0, next_attempt=bindparam("at"))
)
_DUE = (
    select(
        _DUTY.client,
        _DUTY.message,
        _DUTY.duty,
        _DUTY.attempts,
        _DUTY.last_error,
        message.c.sha256,
        message.c.size,
        message.c.sender,
        message.c.date,
        message.c.filed_at,
    )
    .join(message, message.c.id == _DUTY.message)
    .where(_DUTY.next_attempt.is_not(None), _DUTY.next_attempt <= bindparam("now"))
    .order_by(_DUTY.duty.desc(), _DUTY.message, _DUTY.client)
    .limit(DUE_AT_ONCE)
)
_OPEN = select(_DUTY.message).where(_IS_THIS, _DUTY.next_attempt.is_not(None))
_NEXT = select(func.min(_DUTY.next_attempt)).where(_DUTY.next_attempt.is_not(None))
_THIS = update(saving).where(_IS_THIS)
_DONE = _THIS.values(next_attempt=None, last_error="")
_LATER = _THIS.values(attempts=_DUTY.attempts + 1, next_attempt=bindparam("at"), last_error=bindparam("error"))
_THERE = select(document.c.id, document.c.path, document.c.withdrawn).where(
    document.c.client == bindparam("of_client"), document.c.sha256 == bindparam("hash")
)
_HAS = _THERE.where(document.c.withdrawn == "")
_FILED = select(filing.c.message).where(
    filing.c.client == bindparam("of_client"), filing.c.message == bindparam("of_message")
)
_SEEN = select(picture.c.message).where(
    picture.c.who.in_(bindparam("whose", expanding=True)),
    picture.c.sha256 == bindparam("hash"),
    picture.c.message != bindparam("of_message"),
)
_WAITS = or_(  # for a person: to approve it, or to say whose it is
    and_(func.coalesce(verdict.c.standing, "") == Standing.UNVERIFIED.value, verdict.c.approved_at.is_(None)),
    cast(filing.c.flags, Text).contains(f'"{Mark.AMBIGUOUS.value}"'),
)
_NEW = insert_new(document)
_SAVE = _NEW.on_conflict_do_update(  # what was withdrawn comes back as what it is now
    index_elements=["client", "sha256"],
    set_={name: _NEW.excluded[name] for name in ("name", "original_name", "path", "message", "saved_at", "withdrawn")},
    where=document.c.withdrawn != "",
)
_ORIGIN = insert_new(document_origin).on_conflict_do_nothing()
_ASIDE = insert_new(aside).on_conflict_do_nothing()
_PROMISE = insert_new(promised).on_conflict_do_nothing()
_PICTURE = insert_new(picture).on_conflict_do_nothing()


def owe(connection: Connection, client: str, number: int, duty: Duty, at: datetime) -> None:
    """Make the duty, unless it was done or is as urgent already."""
    if not _OWE.run(connection, _owed(client, number, duty, at)) and duty is not Duty.LOOK:
        _RAISE.run(connection, {"of_client": client, "of_message": number, "new_duty": duty.value, "at": at})


def owe_new(connection: Connection, owed: Iterable[tuple[str, int, Duty, datetime]]) -> None:
    """Make these duties of messages that are new: by client, number, what is to be done, and since when."""
    _OWE.together(connection, [_owed(*one) for one in owed])


def _owed(client: str, number: int, duty: Duty, at: datetime) -> dict[str, object]:
    return {
        "client": client,
        "message": number,
        "duty": duty.value,
        "attempts": 0,
        "next_attempt": at,
        "last_error": "",
    }


class SavingShelf:
    """For one worker: it looks a message through, then says what it found."""

    def __init__(self, root: Path, writer: Writer, reader: Reader, bell: Bell) -> None:
        self._root = root
        self._writer = writer
        self._reader = reader
        self._bell = bell
        self._owed = asyncio.Event()

    def wake(self) -> None:
        """Something may be due: called after each transaction that made a duty."""
        self._owed.set()

    async def wait(self) -> None:
        """Until somebody woke us since the last time."""
        await self._owed.wait()
        self._owed.clear()

    async def owe(self, client: str, number: int, duty: Duty, at: datetime) -> None:
        """For a message that is filed already: one that was approved, or moved."""
        await self._writer.run(lambda connection: owe(connection, client, number, duty, at), lambda _: self.wake())

    async def due(self, now: datetime, number: int | None = None) -> list[SavingDuty]:
        """The most urgent of those whose time has come, then those of the oldest messages; or those of one message."""
        query = _DUE if number is None else _DUE.where(_DUTY.message == number)
        rows = await self._reader.run(lambda connection: connection.execute(query, {"now": now}).all())
        return [_read(row) for row in rows]

    async def is_due(self, duty: SavingDuty) -> bool:
        """Whether nobody did it meanwhile."""
        this = {"of_client": duty.client, "of_message": duty.message}
        return await self._reader.run(lambda connection: connection.execute(_OPEN, this).first() is not None)

    async def next_due(self) -> datetime | None:
        return await self._reader.run(lambda connection: connection.execute(_NEXT).scalar())

    async def known(self, duty: SavingDuty, sender: str, sha256: str) -> Known:
        """Whether the content came in another message of the client or of that sender, and whether it is a document."""
        seen = {"whose": _whose(duty.client, sender), "hash": sha256, "of_message": duty.message}
        has = {"of_client": duty.client, "hash": sha256}

        def look(connection: Connection) -> Known:
            return Known(
                connection.execute(_SEEN, seen).first() is not None, connection.execute(_HAS, has).first() is not None
            )

        return await self._reader.run(look)

    async def write(self, duty: SavingDuty, one: Attachment) -> str:
        """The attachment as a file; its path below the data folder. NoSpace, or Conflict where a link was planted."""
        folder = await self._writer.run(lambda connection: folder_of(connection, duty.client))
        day = documents.day_of(duty.date, duty.filed_at)
        name = document_name(one.name, one.content_type)
        try:
            return await asyncio.to_thread(documents.save, self._root, folder, day, name, one.content)
        except OSError as error:
            raise trouble(error) from error

    async def finish(self, duty: SavingDuty, found: Looked, now: datetime) -> int:
        """The duty is done: everything in one transaction. How many documents are new."""

        def work(connection: Connection) -> tuple[int, int]:
            this = {"of_client": duty.client, "of_message": duty.message}
            filed = connection.execute(_FILED, this).first() is not None
            new = sum([_keep(connection, duty, one, now, filed=filed) for one in found.kept])
            if not filed:  # it was taken out of the record while it was looked through
                return 0, 0
            _list(connection, duty, found, now)
            connection.execute(_DONE, this)
            lines = [
                add_event(connection, kind, now, text, client=duty.client, message=duty.message)
                for kind, text in found.events
            ]
            return new, max(lines, default=0)

        return (await self._writer.run(work, lambda done: self._bell.ring(done[1])))[0]

    async def later(self, duty: SavingDuty, at: datetime, error: str) -> None:
        """It could not be done: again then."""
        values = {"of_client": duty.client, "of_message": duty.message, "at": at, "error": error}
        await self._writer.run(lambda connection: connection.execute(_LATER, values).rowcount)

    async def clear(self) -> None:
        """Remove the files of documents that left with the mail that brought them; for nobody but the one worker."""
        for number, path, sha256 in await self._reader.run(leavers):
            try:
                await asyncio.to_thread(documents.remove, self._root, path, sha256)
            except OSError as error:
                raise trouble(error) from error
            await self._writer.run(partial(went, number=number))

    async def want(self, client: str, since: datetime | None, now: datetime) -> int:
        """Owe the documents of the client's filed mail, as old as ``since``; how many messages that is."""
        written = func.coalesce(message.c.date, message.c.filed_at)
        row = (literal(Duty.IMPORT.value), literal(0), literal(now, Moment()), literal(""))
        received = (
            select(filing.c.client, filing.c.message, *row)
            .join(message, message.c.id == filing.c.message)
            .outerjoin(verdict, verdict.c.message == message.c.id)
            .where(filing.c.client == client, filing.c.direction == Direction.INBOX.value, ~_WAITS)
        )
        if since is not None:
            received = received.where(written >= since)
        columns = ["client", "message", "duty", "attempts", "next_attempt", "last_error"]
        again = insert_new(saving).from_select(columns, received)
        query = again.on_conflict_do_update(
            index_elements=["client", "message"],
            set_={"duty": again.excluded.duty, "next_attempt": again.excluded.next_attempt, "attempts": 0},
            where=_DUTY.duty == Duty.LOOK.value,
        )
        return await self._writer.run(lambda connection: connection.execute(query).rowcount, lambda _: self.wake())

    async def outstanding(self, client: str | None = None) -> Outstanding:
        """What is not done yet, of one client or of all."""
        failed = case((_DUTY.attempts > 0, 1), else_=0)
        query = select(func.count(), func.coalesce(func.sum(failed), 0), func.max(_DUTY.last_error))
        query = query.where(_DUTY.next_attempt.is_not(None))
        if client is not None:
            query = query.where(_DUTY.client == client)
        row = await self._reader.run(lambda connection: connection.execute(query).one())
        return Outstanding(row[0], row[1], row[2] or "")


def _keep(connection: Connection, duty: SavingDuty, one: Kept, now: datetime, *, filed: bool) -> bool:
    """The document, where its content is new to the client or comes back, and in any case where it came from.

    TemporaryFailure where it was withdrawn while the message was looked through: then it has to be written again.
    """
    new, has = False, {"of_client": duty.client, "hash": one.sha256}
    there = connection.execute(_THERE, has).one_or_none()
    if there is not None and there.withdrawn and (not one.path or _strands(there, one)):
        raise TemporaryFailure(f"Document {there.id} was taken out of the record at that moment.")
    if one.path:
        row = {
            "client": duty.client,
            "name": one.path.rpartition("/")[2],
            "original_name": one.original_name,
            "content_type": one.content_type,
            "size": one.size,
            "sha256": one.sha256,
            "path": one.path,
            "message": duty.message,
            "saved_at": now,
            "note": one.note.value,
            "withdrawn": "" if filed else LEAVING,
        }
        new = bool(connection.execute(_SAVE, row).rowcount)
    number = connection.execute(_THERE, has).scalar_one()
    if new and filed and there is not None:
        book(connection, [Entry("document", str(number), "restored", f"to {duty.client}")], "postern", now)
    origin = {"document": number, "message": duty.message, "part": one.part, "name": one.original_name}
    connection.execute(_ORIGIN, origin)
    return new


def _strands(there: Any, one: Kept) -> bool:
    """Whether another path would leave the file of a document that is leaving without anybody to remove it."""
    return bool(there.withdrawn == LEAVING and there.path != one.path)


def _list(connection: Connection, duty: SavingDuty, found: Looked, now: datetime) -> None:
    """What was set aside, what was promised, and which pictures were seen."""
    about = {"client": duty.client, "message": duty.message, "at": now}
    set_aside = [
        about
        | {
            "part": one.part,
            "original_name": one.original_name,
            "content_type": one.content_type,
            "size": one.size,
            "sha256": one.sha256,
            "fate": one.fate.value,
            "reason": one.reason,
        }
        for one in found.aside
    ]
    links = [about | {"service": service, "link": link} for service, link in found.promised]
    seen = [
        {"who": who, "sha256": sha256, "message": duty.message}
        for who in _whose(duty.client, found.sender)
        for sha256 in found.pictures
    ]
    for statement, rows in ((_ASIDE, set_aside), (_PROMISE, links), (_PICTURE, seen)):
        if rows:
            connection.execute(statement, rows)


def _whose(client: str, sender: str) -> list[str]:
    """Under whom a picture is remembered; no name of a client begins like the other."""
    return [clean(f"client:{client}"), *([clean(f"sender:{sender}")] if sender else [])]


def _read(row: Any) -> SavingDuty:
    return SavingDuty(
        client=row.client,
        message=row.message,
        duty=Duty(row.duty),
        sha256=row.sha256,
        size=row.size,
        sender=row.sender,
        date=row.date,
        filed_at=row.filed_at,
        attempts=row.attempts,
        last_error=row.last_error,
    )


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
