"""Attempts are booked and ended: few statements for however many entries, and no look at what nobody may take now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, func, select, update

from gateway.domain.errors import Conflict, NotFound
from gateway.domain.mail import Delivery, Outcome, QueueEntry, QueueState
from gateway.policy.queue import QueueAction, after
from gateway.store import attempts
from gateway.store.queue_rows import read_entries
from gateway.store.schema import queue_entry, recipient

_ENDS = {
    QueueState.QUEUED: QueueAction.DEFER,
    QueueState.HELD: QueueAction.REFUSED,
    QueueState.DONE: QueueAction.FINISH,
}
_CLAIMED_AS = after(QueueState.QUEUED, QueueAction.CLAIM)

_ENTRY = queue_entry.c
_QUEUED = _ENTRY.state == QueueState.QUEUED.value
# From one mailbox to the next by the index: however many entries wait, a mailbox is two looks.
_FIRST = select(func.min(_ENTRY.mailbox).label("mailbox")).where(_QUEUED).cte("waiting", recursive=True)
_WAITING = _FIRST.union_all(
    select(select(func.min(_ENTRY.mailbox)).where(_QUEUED, _ENTRY.mailbox > _FIRST.c.mailbox).scalar_subquery()).where(
        _FIRST.c.mailbox.is_not(None)
    )
)
_DUE_AT = select(func.min(_ENTRY.next_attempt)).where(_QUEUED, _ENTRY.mailbox == _WAITING.c.mailbox).scalar_subquery()
_MAILBOXES = select(_WAITING.c.mailbox, _DUE_AT.label("due")).where(_WAITING.c.mailbox.is_not(None))
_DUE = (
    select(_ENTRY.next_attempt, _ENTRY.number)
    .where(_QUEUED, _ENTRY.mailbox == bindparam("mailbox"), _ENTRY.next_attempt <= bindparam("now"))
    .order_by(_ENTRY.next_attempt, _ENTRY.number)
    .limit(bindparam("most"))
)
_NUMBERS = _ENTRY.number.in_(bindparam("numbers", expanding=True))
_CLAIM = update(queue_entry).where(_NUMBERS).values(state=_CLAIMED_AS.value, attempts=_ENTRY.attempts + 1)
_CLAIMED = select(queue_entry).where(_NUMBERS).order_by(_ENTRY.next_attempt, _ENTRY.number)
_STATES = select(_ENTRY.id, _ENTRY.number, _ENTRY.state).where(_ENTRY.id.in_(bindparam("ids", expanding=True)))
_END = (
    update(queue_entry)
    .where(_ENTRY.number == bindparam("entry"))
    .values({name: bindparam(f"new_{name}") for name in ("state", "next_attempt", "hold_reason")})
)
_UNREACHED = exists().where(
    recipient.c.entry == _ENTRY.number,
    recipient.c.delivery == Delivery.PENDING.value,
    recipient.c.stage == "connect",
)
_HASTEN = (
    update(queue_entry)
    .where(_QUEUED, _ENTRY.mailbox == bindparam("of"), _ENTRY.next_attempt > bindparam("now"), _UNREACHED)
    .values(next_attempt=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an attempt ended, with what is not recorded yet."""

    id: str
    state: QueueState
    next_attempt: datetime
    hold_reason: str
    outcomes: Mapping[str, Outcome]


def due(connection: Connection) -> dict[str, datetime]:
    """When the first entry of each mailbox that has any waiting is due."""
    return {row.mailbox: row.due for row in connection.execute(_MAILBOXES)}


def claim(connection: Connection, now: datetime, limit: int, rooms: Mapping[str, int], each: int) -> list[QueueEntry]:
    """See `Queue.claim`."""
    found: list[tuple[datetime, int]] = []
    for mailbox, first in due(connection).items():
        most = min(limit, rooms.get(mailbox, each))
        if most > 0 and first <= now:
            rows = connection.execute(_DUE, {"mailbox": mailbox, "now": now, "most": most})
            found.extend((row.next_attempt, row.number) for row in rows)
    numbers = [number for _, number in sorted(found)[:limit]]
    if not numbers:
        return []
    connection.execute(_CLAIM, {"numbers": numbers})
    return read_entries(connection, _CLAIMED.params(numbers=numbers))


def settle(connection: Connection, ends: Sequence[Settlement]) -> None:
    """See `Queue.settle`; of one entry only once in a call that is to count as one."""
    if len({end.id for end in ends}) < len(ends):
        for end in ends:
            settle(connection, [end])
        return
    found = {row.id: row for row in connection.execute(_STATES, {"ids": [end.id for end in ends]})}
    for end in ends:
        if end.id not in found:
            raise NotFound(f"there is no queue entry {end.id}: `postern queue list` shows those that there are")
        after(QueueState(found[end.id].state), _ENDS[end.state])
    results = {found[end.id].number: end.outcomes for end in ends if end.outcomes}
    if results:
        attempts.record(connection, results)
    done = {found[end.id].number: end.id for end in ends if end.state is QueueState.DONE}
    for number in attempts.unfinished(connection, list(done)) if done else ():
        raise Conflict(f"{done[number]} still has recipients to deliver to")
    connection.execute(_END, [_ended(found[end.id].number, end) for end in ends])


def _ended(number: int, end: Settlement) -> Mapping[str, object]:
    return {
        "entry": number,
        "new_state": end.state.value,
        "new_next_attempt": end.next_attempt,
        "new_hold_reason": end.hold_reason,
    }


def hasten(connection: Connection, mailbox: str, now: datetime) -> int:
    """See `Queue.hasten`."""
    return connection.execute(_HASTEN, {"of": mailbox, "now": now}).rowcount
