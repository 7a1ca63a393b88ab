"""What the log is told of an attempt: a line for each transaction, and nobody's name whom the message does not name.

A blind copy's address is for the author and for those who may see the queue; the log is read, shipped and kept by
others. Who stands in the header is no secret to anybody who got the message.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import structlog

from gateway.domain.mail import Delivery, Outcome, QueueEntry
from gateway.upstream.smtp import Attempt

log = structlog.get_logger()

LOOKED_AT = 64 * 1024  # octets of a header; whoever is named behind them is told of as a blind copy
BLIND = "(blind copy)"

_STATES = tuple((state, state.value) for state in (Delivery.DELIVERED, Delivery.PENDING, Delivery.FAILED))


def named_in(raw: bytes, keys: Collection[str]) -> frozenset[str]:
    """Those of the addresses, by key, that stand in the header as they are written; of any others it is not sure."""
    end = raw.find(b"\r\n\r\n", 0, LOOKED_AT)
    header = raw[: end if end >= 0 else LOOKED_AT].lower()
    return frozenset([key for key in keys if key.encode() in header])


def say(entry: QueueEntry, attempt: Attempt, raw: bytes, picked_up: datetime) -> None:
    """One line for a transaction, with what was said to all or to whom it refused.

    ``delays``: seconds from acceptance until the attempt began, waiting for a connection, connecting, transmitting.
    ``blind``: how many recipients are not named because the message does not name them.
    """
    outcomes = attempt.outcomes
    queued = (picked_up - entry.accepted_at).total_seconds()
    log.info(
        "attempt",
        queue_id=entry.id,
        mailbox=entry.mailbox,
        upstream=attempt.upstream,
        delays=f"{queued:.3g}/{attempt.waiting:.3g}/{attempt.connecting:.3g}/{attempt.sending:.3g}",
        attempt=entry.attempts,
        **_counts(outcomes),
        **_words(outcomes, named_in(raw, outcomes)),
    )


def _counts(outcomes: Mapping[str, Outcome]) -> dict[str, int]:
    found = [one.delivery for one in outcomes.values()]
    return {name: count for state, name in _STATES if (count := found.count(state))}


def _words(outcomes: Mapping[str, Outcome], named: Collection[str]) -> dict[str, object]:
    hidden = [key for key in outcomes if key not in named]
    to: dict[str, object] = {"to": [key for key in outcomes if key in named]}
    if hidden:
        to["blind"] = len(hidden)
    one, *others = outcomes.values()
    if all(_is_the_same(one, other) for other in others):
        to |= {"code": one.code, "status": one.status, "stage": one.stage, "text": _without(one.text, hidden)}
        return to
    refused: Sequence[str] = [
        f"{key if key in named else BLIND}: {one.code} {one.status} {_without(one.text, hidden)}"
        for key, one in outcomes.items()
        if one.delivery is not Delivery.DELIVERED
    ]
    return {**to, "not_taken": refused}


def _is_the_same(one: Outcome, other: Outcome) -> bool:
    """Whether one line tells both: transactions give the same object to all whom it concerns."""
    return one is other or (one.code, one.status, one.stage, one.text) == (
        other.code,
        other.status,
        other.stage,
        other.text,
    )


def _without(text: str, hidden: Sequence[str]) -> str:
    """A server's words, which often repeat the address, without those that are not to be told."""
    if "@" not in text:  # no address
        return text
    for key in hidden:
        text = re.sub(re.escape(key), BLIND, text, flags=re.IGNORECASE)
    return text
