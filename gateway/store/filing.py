"""The filing transaction: message, location, filings, duty, events and cursor, all or nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Self

from sqlalchemy import Connection, Text, bindparam, func, insert, select, update

from gateway.domain.record import Direction, Duty, EventKind, Filed, Mark, NewFiling
from gateway.policy.topic import topic_of
from gateway.store import steps
from gateway.store.activity import Entry, book
from gateway.store.bodies import Body, keep_all
from gateway.store.compiled import Compiled
from gateway.store.feed import add_event
from gateway.store.locations import see, see_new
from gateway.store.record_rows import message_row
from gateway.store.saving import owe, owe_new
from gateway.store.schema import filing, message, unfiled
from gateway.store.sync import count, move_cursor
from gateway.store.threads import Weaving, add_references, thread_for
from gateway.store.verdicts import keep, keep_new

_HASHES = func.json_each(bindparam("hashes", type_=Text)).table_valued("value")  # however many there are
_KNOWN = Compiled(select(message.c.sha256, message.c.id).where(message.c.sha256.in_(select(_HASHES.c.value))))
_ADD = Compiled(insert(message), kept=True)
_NEWEST = Compiled(select(message.c.id).order_by(message.c.id.desc()).limit(bindparam("most")))
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


@dataclass(frozen=True)
class Transaction:
    """One filing, ready for `run_all`."""

    item: NewFiling
    body: Body

    @cached_property
    def row(self) -> Mapping[str, object]:
        """Of the message, where it is new."""
        return message_row(self.item, self.body.sha256)

    @cached_property
    def topic(self) -> str:
        """What its subject may tie it to."""
        return "" if self.item.held else topic_of(self.item.facts.subject)

    @cached_property
    def clients(self) -> Mapping[str, Direction]:
        """By name, in which box."""
        return dict(self.item.clients)

    def prepare(self) -> Self:
        """Work out what needs no database before its turn comes, so that others wait the less for theirs."""
        assert self.row
        assert self.topic is not None
        return self

    def run(self, connection: Connection, known: int) -> tuple[Filed, int]:
        """A message that is in the record under that number: what it came to, and the number of its last event.

        0: nothing to announce.
        """
        item = self.item
        keep(connection, known, item)
        names = [client for client in self.clients if _may_lie(connection, client, known)]
        for client in names:
            thread = thread_for(connection, client, item.facts, self.topic)
            _FILE.run(connection, self.filing(client, known, thread))
            if item.revision:
                steps.also(connection, client, known)
        if item.author_login and not item.imported_by:
            _AUTHOR.run(connection, {"number": known, "author": item.author_login, "grant": item.grant})
        if item.saves:
            _SAVES.run(connection, {"number": known})
        event = self.tell(connection, known, names)
        for client, number, duty, at in self.owed(known):
            if _UNFILED.first(connection, {"of_client": client, "number": number}) is None:  # no person took it out
                owe(connection, client, number, duty, at)
        if item.location is not None:
            see(connection, item.location, known)
        return Filed(known, bool(names), self.body.sha256), event

    def filing(self, client: str, number: int, thread: int) -> dict[str, object]:
        """The row under that client."""
        marks = [mark.value for mark in self.item.marks.get(client, ())]
        direction = self.clients[client].value
        row = {"client": client, "message": number, "direction": direction, "thread": thread, "flags": marks}
        return row | {"topic": self.topic}

    def owed(self, number: int) -> list[tuple[str, int, Duty, datetime]]:
        """What it is to be looked through for, and for whom."""
        item = self.item
        return [] if item.duty is None else [(name, number, item.duty, item.filed_at) for name in item.savers]

    def tell(self, connection: Connection, number: int, clients: Sequence[str]) -> int:
        """To these clients it is new: in the feed, and in the trail where somebody brought it; the last event."""
        last = 0
        for client in clients if self.item.announce else ():
            last = self._announce(connection, client, number)
        if clients and self.item.imported_by:
            what = f"under {', '.join(self.clients)}" + (", as its export recorded it" if self.item.imported_at else "")
            entry = Entry("message", str(number), "imported", what)
            book(connection, [entry], self.item.imported_by, self.item.imported_at or self.item.filed_at)
        return last

    def _announce(self, connection: Connection, client: str, number: int) -> int:
        item, direction = self.item, self.clients[client]
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


def _may_lie(connection: Connection, client: str, number: int) -> bool:
    """Whether it is not in the client's record yet, and no person took it out of there."""
    place = {"of_client": client, "number": number}
    return _FILED.first(connection, place) is None and _UNFILED.first(connection, place) is None


def run_all(connection: Connection, ready: Sequence[Transaction]) -> tuple[list[Filed], int]:
    """All of them in order, and the cursors of their folders once; what each came to, and the last event's number.

    Outdated where one was decided with a firm that was changed since.
    """
    keep_all(connection, [one.body for one in ready])
    known = _known(connection, ready)
    for decided in {one.item.revision for one in ready}:
        steps.require(connection, decided)
    done: list[tuple[Filed, int]] = []
    while len(done) < len(ready):
        one = ready[len(done)]
        number = known.get(one.body.sha256)
        came = [one.run(connection, number)] if number else _run_new(connection, _stretch(ready[len(done) :], known))
        known.update((filed.sha256, filed.message) for filed, _ in came)  # the same may come twice
        done += came
    _count(connection, ready, [filed for filed, _ in done])
    return [filed for filed, _ in done], max((event for _, event in done), default=0)


def _known(connection: Connection, ready: Sequence[Transaction]) -> dict[str, int]:
    """By hash, the numbers of those that are in the record."""
    hashes = json.dumps([one.body.sha256 for one in ready])
    return {row.sha256: row.id for row in _KNOWN.all(connection, {"hashes": hashes})}


def _stretch(ready: Sequence[Transaction], known: Mapping[str, int]) -> Sequence[Transaction]:
    """As many from the first on as are new, each once."""
    seen: set[str] = set()
    for number, one in enumerate(ready):
        if one.body.sha256 in known or one.body.sha256 in seen:
            return ready[:number]
        seen.add(one.body.sha256)
    return ready


def _run_new(connection: Connection, ready: Sequence[Transaction]) -> list[tuple[Filed, int]]:
    """Messages that the record does not have, with one statement for all their rows of a kind."""
    _ADD.together(connection, [one.row for one in ready])
    last = _NEWEST.all(connection, {"most": len(ready)})
    numbered = list(zip(reversed([row.id for row in last]), ready, strict=True))
    add_references(connection, ((number, one.item.facts) for number, one in numbered))
    keep_new(connection, ((number, one.item) for number, one in numbered))
    _file_new(connection, numbered)
    events = [one.tell(connection, number, list(one.clients)) for number, one in numbered]
    owe_new(connection, [owed for number, one in numbered for owed in one.owed(number)])
    places = ((one.item.location, number) for number, one in numbered)
    see_new(connection, [(where, number) for where, number in places if where is not None])
    filed = (Filed(number, bool(one.clients), one.body.sha256) for number, one in numbered)
    return list(zip(filed, events, strict=True))


def _file_new(connection: Connection, numbered: Sequence[tuple[int, Transaction]]) -> None:
    filings = [(client, number, one) for number, one in numbered for client in one.clients]
    weaving = Weaving(connection, [(client, one.item.facts, one.topic) for client, _, one in filings])
    threads = [weaving.thread_for(client, one.item.facts, one.topic) for client, _, one in filings]
    now = weaving.begun()
    rows = [one.filing(client, number, now(said)) for (client, number, one), said in zip(filings, threads, strict=True)]
    _FILE.together(connection, rows)


def _count(connection: Connection, ready: Sequence[Transaction], done: Sequence[Filed]) -> None:
    """What each mailbox brought, and how far its folders are read."""
    both = [(one.item.location, filed.new) for one, filed in zip(ready, done, strict=True)]
    for mailbox, number in Counter(where.mailbox for where, new in both if where is not None and new).items():
        count(connection, mailbox, filed=number)
    cursors = (one.item.cursor for one in ready)
    for cursor in {(to.mailbox, to.folder): to for to in cursors if to is not None}.values():
        move_cursor(connection, cursor)


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
