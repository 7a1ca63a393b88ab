"""Keeps what attempts came to: three statements for however many, and one by one what is out of the ordinary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, select, update

from gateway.domain.errors import Conflict
from gateway.domain.mail import Delivery, Outcome, QueueState, Recipient
from gateway.policy.queue import QueueAction, after
from gateway.store import attempts, sent
from gateway.store.clock import on_the_wall
from gateway.store.compiled import Compiled
from gateway.store.queue_rows import OutcomeRow, outcome_row, unknown
from gateway.store.schema import queue_entry, recipient

_ENDS = {
    QueueState.QUEUED: QueueAction.DEFER,
    QueueState.HELD: QueueAction.REFUSED,
    QueueState.DONE: QueueAction.FINISH,
}

_ENTRY = queue_entry.c
_STATE = Compiled(select(_ENTRY.number, _ENTRY.state).where(_ENTRY.id == bindparam("of")))
_END = Compiled(
    update(queue_entry)
    .where(_ENTRY.number == bindparam("entry"))
    .values({name: bindparam(f"new_{name}") for name in ("state", "next_attempt", "hold_reason")})
)
_NUMBER = select(_ENTRY.number).where(_ENTRY.id == bindparam("of")).scalar_subquery()
_HEARD = Compiled(
    update(recipient)
    .where(
        recipient.c.entry == _NUMBER,
        recipient.c.position == bindparam("at"),
        recipient.c.delivery == Delivery.PENDING.value,
    )
    .values({name: bindparam(name) for name in ("delivery", *OutcomeRow.__annotations__)})
)
_FINISH = Compiled(
    update(queue_entry)
    .where(
        _ENTRY.id == bindparam("of"),
        _ENTRY.state == QueueState.ACTIVE.value,
        ~exists().where(recipient.c.entry == _ENTRY.number, recipient.c.delivery == Delivery.PENDING.value),
    )
    .values(
        state=after(QueueState.ACTIVE, QueueAction.FINISH).value,
        next_attempt=bindparam("ended_at"),
        hold_reason="",
    )
)


@dataclass(frozen=True, slots=True)
class Progress:
    """What an attempt that goes on came to so far, by address key.

    ``recipients``: the entry's, all of them in their order, as its attempt was booked; empty where they are not known.
    ``is_owed``: its sent copy is a duty already, from a delivery that was kept before.
    """

    id: str
    outcomes: Mapping[str, Outcome]
    recipients: Sequence[Recipient] = ()
    is_owed: bool = False


@dataclass(frozen=True, slots=True)
class Settlement(Progress):
    """How an attempt ended, with what is not recorded yet."""

    state: QueueState = QueueState.DONE
    next_attempt: datetime | None = None  # QUEUED: by the queue's own clock
    hold_reason: str = ""


class _OutOfOrder(Exception):
    """Somebody else had a hand in one of them: the writer undoes this, and has each done with care."""


def keep(connection: Connection, results: Sequence[Progress]) -> None:
    """See `Queue.settle` and `Queue.record`: what attempts came to, in the order in which it did."""
    rows: list[Mapping[str, object]] = []
    if all(_add_ordinary(one, rows) for one in results):
        if _kept_at_once(connection, results, rows):
            return
        if len(results) > 1:
            raise _OutOfOrder
    for one in results:
        _keep_with_care(connection, one)


def _add_ordinary(result: Progress, rows: list[Mapping[str, object]]) -> bool:
    """Whether it tells of recipients that it knows the places of, and of no end but the usual one; their rows then."""
    if isinstance(result, Settlement) and (result.state is not QueueState.DONE or result.hold_reason):
        return False
    outcomes, before = result.outcomes, len(rows)
    for position, one in enumerate(result.recipients):
        outcome = outcomes.get(one.address.key)
        if outcome is not None:
            rows.append({"of": result.id, "at": position, "delivery": outcome.delivery.value, **outcome_row(outcome)})
    return bool(result.recipients) and len(rows) - before == len(outcomes)


def _kept_at_once(connection: Connection, results: Sequence[Progress], rows: Sequence[Mapping[str, object]]) -> bool:
    """False where some recipient was not pending, or some entry was not ours to end: then more has to be looked at."""
    if _HEARD.many(connection, rows) != len(rows):
        return False
    sent.owe_all(connection, [one.id for one in results if not one.is_owed and _brings_a_delivery(one)])
    ends = [{"of": one.id, "ended_at": one.next_attempt} for one in results if isinstance(one, Settlement)]
    return _FINISH.many(connection, ends) == len(ends)


def _brings_a_delivery(result: Progress) -> bool:
    return any(outcome.delivery is Delivery.DELIVERED for outcome in result.outcomes.values())


def _keep_with_care(connection: Connection, result: Progress) -> None:
    row = _STATE.first(connection, {"of": result.id})
    if row is None:
        raise unknown(result.id)
    if isinstance(result, Settlement):
        after(QueueState(row.state), _ENDS[result.state])
    if result.outcomes:
        attempts.record(connection, row.number, result.outcomes)
    if isinstance(result, Settlement):
        _settle(connection, row.number, result)


def _settle(connection: Connection, number: int, end: Settlement) -> None:
    if end.state is QueueState.DONE and attempts.unfinished(connection, number):
        raise Conflict(f"{end.id} still has recipients to deliver to")
    moment = end.next_attempt
    if moment is not None and end.state is QueueState.QUEUED:
        moment = on_the_wall(connection, moment)
    _END.run(connection, _ended(number, end, moment))


def _ended(number: int, end: Settlement, moment: datetime | None) -> Mapping[str, object]:
    return {
        "entry": number,
        "new_state": end.state.value,
        "new_next_attempt": moment,
        "new_hold_reason": end.hold_reason,
    }
