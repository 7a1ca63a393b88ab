"""The filing transaction: message, location, filings, duty, events and cursor, all or nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Text, bindparam, func, insert, select, update

from gateway.domain.record import Direction, EventKind, Filed, Mark, NewFiling
from gateway.policy.topic import topic_of
from gateway.store import steps
from gateway.store.activity import Entry, book
from gateway.store.bodies import Body, keep_all
from gateway.store.compiled import Compiled
from gateway.store.feed import add_event
from gateway.store.locations import see
from gateway.store.record_rows import message_row
from gateway.store.saving import owe
from gateway.store.schema import filing, message, unfiled
from gateway.store.sync import count, move_cursor
from gateway.store.threads import add_references, thread_for
from gateway.store.verdicts import keep

_HASHES = func.json_each(bindparam("hashes", type_=Text)).table_valued("value")  # however many there are
_KNOWN = Compiled(select(message.c.sha256, message.c.id).where(message.c.sha256.in_(select(_HASHES.c.value))))
_ADD = Compiled(insert(message))
_AUTHOR = Compiled(
    update(message)
    .where(message.c.id == bindparam("number"), message.c.author_login == "")
    .values(author_login=bindparam("author"), grant_kind=bindparam("grant"))
)
_SAVES = Compiled(update(message).where(message.c.id == bindparam("number")).values(saves=True))
_FILED = Compiled(
    select(filing.c.message).where(filing.c.client == bindparam("of_client"), filing.c.message == bindparam("number"))
)
_UNFILED = Compiled(
    select(unfiled.c.message).where(
        unfiled.c.client == bindparam("of_client"), unfiled.c.message == bindparam("number")
    )
)
_FILE = Compiled(insert(filing))


@dataclass(frozen=True, slots=True)
class Transaction:
    """One filing, ready for `run_all`."""

    item: NewFiling
    body: Body

    def run(self, connection: Connection, known: int | None) -> tuple[Filed, int]:
        """What it came to, and the number of its last event (0: nothing to announce).

        Its body is there; ``known``: the message's number, where it is in the record.
        """
        sha256 = self.body.sha256
        number = self._add(connection, sha256) if known is None else known
        if self.item.verdict is not None:
            withheld, approved = self.item.withheld, self.item.approved
            keep(connection, number, self.item.verdict, withheld=withheld, approved=approved)
        new = [
            self._file(connection, client, direction, number, before=known is not None)
            for client, direction in dict(self.item.clients).items()
            if known is None or _may_lie(connection, client, number)
        ]
        if known is not None and self.item.author_login and not self.item.imported_by:
            author = {"number": number, "author": self.item.author_login, "grant": self.item.grant}
            _AUTHOR.run(connection, author)
        if known is not None and self.item.saves:
            _SAVES.run(connection, {"number": number})
        self._book(connection, number, len(new))
        self._owe(connection, number, before=known is not None)
        if self.item.location is not None:
            see(connection, self.item.location, number, before=known is not None)
        return Filed(number, bool(new), sha256), max(new, default=0)

    def _add(self, connection: Connection, sha256: str) -> int:
        number = _ADD.add(connection, message_row(self.item, sha256))
        add_references(connection, number, self.item.facts)
        return number

    def _file(self, connection: Connection, client: str, direction: Direction, number: int, *, before: bool) -> int:
        item = self.item
        topic = "" if item.held else topic_of(item.facts.subject)
        thread = thread_for(connection, client, item.facts, topic)
        marks = [mark.value for mark in item.marks.get(client, ())]
        row = {"client": client, "message": number, "direction": direction.value, "thread": thread, "flags": marks}
        _FILE.run(connection, row | {"topic": topic})
        if before and item.revision:
            steps.also(connection, client, number)
        if not item.announce:
            return 0
        return add_event(
            connection,
            _kind(item, direction),
            item.filed_at,
            _line(item, direction, client, number),
            client=client,
            mailbox=item.location.mailbox if item.location else "",
            message=number,
            queue_id=item.queue_id,
        )

    def _book(self, connection: Connection, number: int, new: int) -> None:
        if new and self.item.imported_by:
            names = ", ".join(dict(self.item.clients))
            what = f"under {names}" + (", as its export recorded it" if self.item.imported_at else "")
            entry = Entry("message", str(number), "imported", what)
            book(connection, [entry], self.item.imported_by, self.item.imported_at or self.item.filed_at)

    def _owe(self, connection: Connection, number: int, *, before: bool) -> None:
        """``before``: it was in the record already, where a person may have taken it out of a client's."""
        if self.item.duty is not None:
            for client in self.item.savers:
                if before and _UNFILED.first(connection, {"of_client": client, "number": number}) is not None:
                    continue
                owe(connection, client, number, self.item.duty, self.item.filed_at)


def _may_lie(connection: Connection, client: str, number: int) -> bool:
    """Whether it is not in the client's record yet, and no person took it out of there."""
    place = {"of_client": client, "number": number}
    return _FILED.first(connection, place) is None and _UNFILED.first(connection, place) is None


def run_all(connection: Connection, ready: Sequence[Transaction]) -> tuple[list[Filed], int]:
    """All of them in order, and the cursors of their folders once; what each came to, and the last event's number.

    Outdated where one was decided with a firm that was changed since.
    """
    keep_all(connection, [one.body for one in ready])
    hashes = json.dumps([one.body.sha256 for one in ready])
    known = {row.sha256: row.id for row in _KNOWN.all(connection, {"hashes": hashes})}
    for decided in {one.item.revision for one in ready}:
        steps.require(connection, decided)
    done: list[tuple[Filed, int]] = []
    filed: Counter[str] = Counter()
    for one in ready:
        done.append(one.run(connection, known.get(one.body.sha256)))
        known[one.body.sha256] = done[-1][0].message  # the same may come twice
        if done[-1][0].new and one.item.location is not None:
            filed[one.item.location.mailbox] += 1
    for mailbox, number in filed.items():
        count(connection, mailbox, filed=number)
    cursors = (one.item.cursor for one in ready)
    for cursor in {(to.mailbox, to.folder): to for to in cursors if to is not None}.values():
        move_cursor(connection, cursor)
    return [one for one, _ in done], max((event for _, event in done), default=0)


def _kind(item: NewFiling, direction: Direction) -> EventKind:
    if item.held:
        return EventKind.UNVERIFIED_MAIL
    return EventKind.CLIENT_MAIL if direction is Direction.INBOX else EventKind.MAIL_SENT


def _line(item: NewFiling, direction: Direction, client: str, number: int) -> str:
    subject = item.facts.subject or "(no subject)"
    if Mark.AMBIGUOUS in item.marks.get(client, ()):
        subject += f" (ambiguous: `postern mail file {number} --client NAME` says whose it is)"
    if item.held and item.verdict is not None:
        return f"Unverified mail from {item.facts.sender or 'an unnamed sender'}: {subject} ({item.verdict.reason})"
    if direction is Direction.INBOX:
        return f"New mail from {item.facts.sender or 'an unnamed sender'}: {subject}"
    return f"Mail sent to {item.facts.recipients or 'undisclosed recipients'}: {subject}"
