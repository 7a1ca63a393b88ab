"""What attempts came to, recipient by recipient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, bindparam, select, update

from gateway.domain.errors import Conflict, NotFound
from gateway.domain.mail import Delivery, Outcome, Recipient
from gateway.store import sent
from gateway.store.compiled import Compiled
from gateway.store.queue_rows import OutcomeRow, outcome_row, read_recipient
from gateway.store.schema import recipient

_COLUMNS = recipient.c
_OF_ENTRY = select(recipient).where(_COLUMNS.entry == bindparam("entry")).order_by(_COLUMNS.position)
_ALL = Compiled(_OF_ENTRY)
_PENDING = Compiled(_OF_ENTRY.where(_COLUMNS.delivery == Delivery.PENDING.value).limit(1))
_UNREPORTED = _OF_ENTRY.where(_COLUMNS.delivery == Delivery.FAILED.value, _COLUMNS.reported.is_(False))
_ONE = update(recipient).where(_COLUMNS.entry == bindparam("of"), _COLUMNS.position == bindparam("at"))
_ATTEMPTED = Compiled(_ONE.values({name: bindparam(name) for name in ("delivery", *OutcomeRow.__annotations__)}))
_CANCEL = (
    update(recipient)
    .where(_COLUMNS.entry == bindparam("of"), _COLUMNS.delivery == Delivery.PENDING.value)
    .values(delivery=Delivery.CANCELLED.value)
)


def record(connection: Connection, entry: int, outcomes: Mapping[str, Outcome]) -> None:
    """By address key.

    A key that is no recipient's is the caller's mistake: `NotFound`, and nothing is kept.
    """
    known = [(row.position, read_recipient(row)) for row in _ALL.all(connection, {"entry": entry})]
    _ATTEMPTED.many(connection, list(_changes(entry, known, outcomes)))
    if any(outcome.delivery is Delivery.DELIVERED for outcome in outcomes.values()):
        sent.owe(connection, entry)


def _changes(
    entry: int, known: Sequence[tuple[int, Recipient]], outcomes: Mapping[str, Outcome]
) -> Iterator[Mapping[str, object]]:
    strangers = outcomes.keys() - {one.address.key for _, one in known}
    if strangers:
        raise NotFound("an outcome is for nobody of this entry", detail=", ".join(sorted(strangers)))
    for position, one in known:
        outcome = outcomes.get(one.address.key)
        if outcome is not None and _counts(one.delivery, outcome.delivery):
            yield {"of": entry, "at": position, "delivery": outcome.delivery.value, **outcome_row(outcome)}


def _counts(current: Delivery, outcome: Delivery) -> bool:
    """A delivery is a fact, whatever was decided meanwhile; everything else only tells about who is pending."""
    if current is Delivery.DELIVERED:
        return False
    return current is Delivery.PENDING or outcome is Delivery.DELIVERED


def unfinished(connection: Connection, entry: int) -> bool:
    """Whether somebody is still to be delivered to."""
    return _PENDING.first(connection, {"entry": entry}) is not None


def cancel(connection: Connection, entry: int) -> None:
    """Whoever was not reached will not be."""
    connection.execute(_CANCEL, {"of": entry})


def unreported(connection: Connection, entry: int) -> list[Recipient]:
    """Failed recipients whom the author was not told about."""
    return [read_recipient(row) for row in connection.execute(_UNREPORTED, {"entry": entry})]


def mark_reported(connection: Connection, entry: int, failed: Sequence[Recipient]) -> None:
    """`Conflict` unless each of them is one whom the author was not told about."""
    open_ones = {
        read_recipient(row).address.key: row.position for row in connection.execute(_UNREPORTED, {"entry": entry})
    }
    for one in failed:
        if one.address.key not in open_ones:
            raise Conflict(f"the failure for {one.address} was reported already")
        connection.execute(_ONE, {"of": entry, "at": open_ones[one.address.key], "reported": True})
