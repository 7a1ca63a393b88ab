"""All transitions of a queue entry, in one table."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from gateway.domain.errors import Conflict
from gateway.domain.mail import Delivery, QueueState


class QueueAction(StrEnum):
    """What happens to an entry; the last four are what a person may do."""

    CLAIM = "claim"  # an attempt is booked
    DEFER = "defer"  # the attempt is over, some recipients wait for the next
    FINISH = "finish"  # nothing is left to try
    REFUSED = "refused"  # the mailbox's sign-in was refused: wait until a person has put it right
    RECOVER = "recover"  # the daemon started and found an attempt that it can't have under way
    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"  # now
    CANCEL = "cancel"


PERSONS = (QueueAction.HOLD, QueueAction.RELEASE, QueueAction.RETRY, QueueAction.CANCEL)

TRANSITIONS: dict[tuple[QueueState, QueueAction], QueueState] = {
    (QueueState.QUEUED, QueueAction.CLAIM): QueueState.ACTIVE,
    (QueueState.QUEUED, QueueAction.REFUSED): QueueState.HELD,
    (QueueState.QUEUED, QueueAction.FINISH): QueueState.DONE,
    (QueueState.QUEUED, QueueAction.HOLD): QueueState.HELD,
    (QueueState.QUEUED, QueueAction.RETRY): QueueState.QUEUED,
    (QueueState.QUEUED, QueueAction.CANCEL): QueueState.DONE,
    (QueueState.ACTIVE, QueueAction.DEFER): QueueState.QUEUED,
    (QueueState.ACTIVE, QueueAction.FINISH): QueueState.DONE,
    (QueueState.ACTIVE, QueueAction.REFUSED): QueueState.HELD,
    (QueueState.ACTIVE, QueueAction.RECOVER): QueueState.QUEUED,
    (QueueState.HELD, QueueAction.REFUSED): QueueState.HELD,
    (QueueState.HELD, QueueAction.HOLD): QueueState.HELD,
    (QueueState.HELD, QueueAction.RELEASE): QueueState.QUEUED,
    (QueueState.HELD, QueueAction.RETRY): QueueState.QUEUED,
    (QueueState.HELD, QueueAction.CANCEL): QueueState.DONE,
}

_WHY_NOT = {
    QueueState.QUEUED: "it is waiting in the queue",
    QueueState.ACTIVE: "it is being delivered right now; try again in a moment",
    QueueState.HELD: "it is held; release it first",
    QueueState.DONE: "its delivery is over",
}


def after(state: QueueState, action: QueueAction) -> QueueState:
    """The state that the action leads to; Conflict where it can't be done."""
    try:
        return TRANSITIONS[state, action]
    except KeyError:
        raise Conflict(f"{action.value} is not possible for this message: {_WHY_NOT[state]}.") from None


def require_unsent(state: QueueState, attempts: int) -> None:
    """Conflict unless the message may still be moved or taken back whole: it is queued, and was never tried."""
    if state is not QueueState.QUEUED:
        raise Conflict(f"It can't be moved or taken back any more: {_WHY_NOT[state]}.")
    if attempts:
        raise Conflict(
            "It was tried already, and the next server may have it: `postern queue show` says where it stands, and "
            "`postern queue cancel` gives up whom it did not reach."
        )


def summary(deliveries: Iterable[Delivery]) -> QueueAction:
    """What an attempt came to as a whole: FINISH when no recipient is left to try, else DEFER."""
    return QueueAction.DEFER if Delivery.PENDING in set(deliveries) else QueueAction.FINISH
