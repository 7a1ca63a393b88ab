"""Which message of ours a bounce is about, if any: a bounce comes from anybody, and most of it is not believed.

It is tied by what only somebody who had the message can know: its Message-ID, or the ENVID it travelled with. Even then
it can only speak about recipients that we sent it to, and nothing is sent again because of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.mail import Delivery, Outcome, QueueEntry, Recipient
from gateway.mime.bounce import ReportedAction, Returned, ReturnedRecipient
from gateway.mime.xtext import decode_xtext

MIN_ENVID = 16  # characters: authors choose their ENVIDs, and a short one is guessed
STAGE = "returned"  # of an outcome that came by mail, after the upstream had accepted

_DELIVERY = {
    ReportedAction.FAILED: Delivery.FAILED,
    ReportedAction.DELAYED: Delivery.PENDING,
    ReportedAction.DELIVERED: Delivery.DELIVERED,
    ReportedAction.RELAYED: Delivery.DELIVERED,
    ReportedAction.EXPANDED: Delivery.DELIVERED,
}
_GRAVEST = {action: rank for rank, action in enumerate(ReportedAction)}  # failed first


@dataclass(frozen=True, slots=True)
class Tie:
    """What a bounce says about one recipient of an entry. PENDING: somebody behind the upstream still tries."""

    recipient: Recipient  # the entry's
    action: ReportedAction
    outcome: Outcome


def is_about(returned: Returned, entry: QueueEntry) -> bool:
    """Whether it names this message; never so for a report of ours, whose bounces interest nobody (RFC 5321, 4.5.5)."""
    if entry.sender is None:
        return False
    if returned.message_id and returned.message_id == entry.message_id:
        return True
    return len(entry.envid) >= MIN_ENVID and entry.envid in {returned.envid, _decoded(returned.envid)}


def ties(returned: Returned, entry: QueueEntry) -> tuple[Tie, ...]:
    """What the bounce says about recipients that we delivered this message to, in the entry's order; often nothing.

    A recipient that the entry does not have, or that it was not sent to yet, is left out. Where the bounce names
    nobody at all, it means the one recipient that there is. Of several things said about one, the gravest counts.
    """
    if not is_about(returned, entry):
        return ()
    found = []
    for recipient in entry.recipients:
        said = [one for one in returned.recipients if _means(one, recipient, entry)]
        if said and recipient.delivery is Delivery.DELIVERED:
            found.append(_tie(recipient, min(said, key=lambda one: _GRAVEST[one.action])))
    return tuple(found)


def _means(said: ReturnedRecipient, recipient: Recipient, entry: QueueEntry) -> bool:
    if said.keys:
        return recipient.address.key in said.keys
    return len(entry.recipients) == 1


def _tie(recipient: Recipient, said: ReturnedRecipient) -> Tie:
    outcome = Outcome(_DELIVERY[said.action], said.code, said.status, said.text, STAGE)
    return Tie(recipient, said.action, outcome)


def _decoded(envid: str) -> str:
    """Some servers write the ENVID as it travelled, not as it was meant."""
    try:
        return decode_xtext(envid)
    except ValueError:
        return envid
