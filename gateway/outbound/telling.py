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


def named_in(raw: bytes, keys: Collection[str]) -> frozenset[str]:
    """Those of the addresses, by key, that stand in the header as they are written; of any others it is not sure."""
    end = raw.find(b"\r\n\r\n", 0, LOOKED_AT)
    header = raw[: end if end >= 0 else LOOKED_AT].lower()
    return frozenset(key for key in keys if key.encode() in header)


def say(entry: QueueEntry, attempt: Attempt, raw: bytes, picked_up: datetime) -> None:
    """One line for a transaction, with what was said to all or to whom it refused.

    ``delays``: seconds from acceptance until the attempt began, waiting for a connection, connecting, transmitting.
    ``blind``: how many recipients are not named because the message does not name them.
    """
    counts = dict.fromkeys((Delivery.DELIVERED, Delivery.PENDING, Delivery.FAILED), 0)
    for outcome in attempt.outcomes.values():
        counts[outcome.delivery] += 1
    queued = (picked_up - entry.accepted_at).total_seconds()
    spent = (queued, attempt.waiting, attempt.connecting, attempt.sending)
    named = named_in(raw, attempt.outcomes)
    log.info(
        "attempt",
        queue_id=entry.id,
        mailbox=entry.mailbox,
        upstream=attempt.upstream,
        delays="/".join(f"{seconds:.3g}" for seconds in spent),
        attempt=entry.attempts,
        **{state.value: count for state, count in counts.items() if count},
        **_words(attempt.outcomes, named),
    )


def _words(outcomes: Mapping[str, Outcome], named: Collection[str]) -> dict[str, object]:
    to: dict[str, object] = {"to": [key for key in outcomes if key in named]}
    hidden = [key for key in outcomes if key not in named]
    if hidden:
        to["blind"] = len(hidden)
    said = {(one.code, one.status, one.stage, one.text): one for one in outcomes.values()}
    if len(said) == 1:
        (one,) = said.values()
        text = _without(one.text, hidden)
        return {**to, "code": one.code, "status": one.status, "stage": one.stage, "text": text}
    refused: Sequence[str] = [
        f"{key if key in named else BLIND}: {one.code} {one.status} {_without(one.text, hidden)}"
        for key, one in outcomes.items()
        if one.delivery is not Delivery.DELIVERED
    ]
    return {**to, "not_taken": refused}


def _without(text: str, hidden: Sequence[str]) -> str:
    """A server's words, which often repeat the address, without those that are not to be told."""
    for key in hidden:
        text = re.sub(re.escape(key), BLIND, text, flags=re.IGNORECASE)
    return text
