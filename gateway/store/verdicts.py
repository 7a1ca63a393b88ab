"""The verdicts on messages: kept with the filing, looked up by the message's bytes, and approved by a person."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, Row, bindparam, select, text, update
from sqlalchemy.dialects.sqlite import insert as insert_new

from gateway.domain.errors import Conflict
from gateway.domain.record import EventKind, Filing, NewFiling
from gateway.domain.verdict import Check, Result, Source, Standing, Verdict, Weighed
from gateway.store.activity import Entry, book
from gateway.store.columns import clean, to_ticks
from gateway.store.compiled import Compiled
from gateway.store.feed import Bell, add_event
from gateway.store.reader import Reader
from gateway.store.schema import message, verdict
from gateway.store.writer import Writer

COLUMNS = [column for column in verdict.c if column.name != "message"]

# Those that wait for a person; in the words of the index, so that it is used, and not all of a client's mail looked at.
WAITING = select(verdict.c.message).where(text("standing = 'unverified' AND approved_at IS NULL"))

_WAITS = Compiled(WAITING.where(verdict.c.message == bindparam("number")))
_KNOWN = (
    select(message.c.sha256, *COLUMNS)
    .join(verdict, verdict.c.message == message.c.id)
    .where(message.c.sha256.in_(bindparam("hashes", expanding=True)))
)
_KEEP = Compiled(insert_new(verdict).on_conflict_do_nothing(index_elements=["message"]), kept=True)
_WITHHOLD = Compiled(
    update(verdict)
    .where(verdict.c.message == bindparam("number"), verdict.c.approved_at.is_(None))
    .values(withheld=bindparam("waits"))
)
_APPROVE = (
    update(verdict)
    .where(verdict.c.message == bindparam("number"), verdict.c.approved_at.is_(None))
    .values(approved_by=bindparam("by"), approved_at=bindparam("at"), withheld=False)
)


class Verdicts:
    """Raises what the store raises."""

    def __init__(self, writer: Writer, reader: Reader, bell: Bell) -> None:
        self._writer = writer
        self._reader = reader
        self._bell = bell

    async def known(self, hashes: Sequence[str]) -> Mapping[str, Weighed]:
        """By SHA-256, of the messages that were weighed before."""

        def look(connection: Connection) -> dict[str, Weighed]:
            found = {}
            for row in connection.execute(_KNOWN, {"hashes": list(hashes)}).all():
                weighed = read_weighed(row)
                assert weighed is not None
                found[str(row.sha256)] = weighed
            return found

        return await self._reader.run(look) if hashes else {}

    async def approve(self, filings: Sequence[Filing], saved: int, *, by: str, at: datetime) -> None:
        """For the message of these filings: it counts as the client's, is announced, and the trail says who said so.

        One transaction. Conflict where somebody approved it already.
        """
        number = filings[0].message.id
        # What it says of the client is for those who may read the message, not for all who may read the trail.
        documents = f"{saved} document{'s' * (saved != 1)} saved"

        def work(connection: Connection) -> int:
            if not connection.execute(_APPROVE, {"number": number, "by": by, "at": at}).rowcount:
                raise Conflict(f"Message {number} does not wait for an approval.")
            book(connection, [Entry("message", str(number), "approved", f"unverified mail, {documents}")], by, at)
            last = 0
            for one in filings:
                subject = one.message.facts.subject or "(no subject)"
                text = f"{by} approved mail from {one.message.facts.sender or 'an unnamed sender'}: {subject}"
                last = add_event(connection, EventKind.CLIENT_MAIL, at, text, client=one.client, message=number)
            return last

        await self._writer.run(work, self._bell.ring)


def keep(connection: Connection, number: int, item: NewFiling) -> None:
    """With the filing of a message; one that has a verdict keeps it, and waits once there is something to wait for."""
    if item.verdict is not None and not keep_new(connection, [(number, item)]) and item.withheld:
        _WITHHOLD.run(connection, {"number": number, "waits": True})


def keep_new(connection: Connection, filed: Iterable[tuple[int, NewFiling]]) -> int:
    """With the filings of messages by their numbers; how many verdicts are new."""
    rows = [_row(number, item, item.verdict) for number, item in filed if item.verdict is not None]
    return _KEEP.together(connection, rows)


def _row(number: int, item: NewFiling, found: Verdict) -> dict[str, object]:
    """As the database keeps it."""
    by, at = item.approved or ("", None)
    return {
        "message": number,
        "standing": found.standing.value,
        "reason": clean(found.reason),
        "source": found.source.value,
        "authserv_id": clean(found.authserv_id),
        "checks": _checked(found.checks),
        "withheld": item.withheld,
        "approved_by": clean(by),
        "approved_at": None if at is None else to_ticks(at),
    }


@lru_cache(maxsize=256)  # mail of one house is found the same again and again
def _checked(checks: tuple[Check, ...]) -> str:
    return json.dumps([[one.method, one.result.value, clean(one.domain), clean(one.detail)] for one in checks])


def is_waiting(connection: Connection, number: int) -> bool:
    """Whether the message is unverified, and nobody has approved it."""
    return _WAITS.first(connection, {"number": number}) is not None


def read_weighed(row: Row[tuple[object, ...]]) -> Weighed | None:
    """Of a row that has COLUMNS; None where they are empty, for a message that nobody weighed."""
    if row.standing is None:
        return None
    checks = tuple(Check(method, Result(result), domain, detail) for method, result, domain, detail in row.checks)
    told = Verdict(Standing(row.standing), row.reason, Source(row.source), row.authserv_id, checks)
    return Weighed(told, row.withheld, row.approved_by, row.approved_at)
