"""Which message of ours a bounce is about, if any: a bounce comes from anybody, and most of it is not believed.

It is tied by what only somebody who had the message can know: its Message-ID, or the ENVID it travelled with. Even then
it can only speak about recipients that we sent it to, and nothing is sent again because of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.address import Address
from gateway.domain.mail import Delivery, Outcome, QueueEntry, QueueState, Recipient
from gateway.domain.record import Message
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
_ASK = "Reach them another way, and ask whether the address is still right."
_ADVICE = {
    "1": "Check the address, correct it in the client's contacts, and send the message again.",
    "1.8": "The address that it was sent from is not known there: ask who runs your mail.",
    "2.1": "The mailbox is closed: ask them for another address.",
    "2.2": "Their mailbox is full: call them, and send it again when there is room.",
    "2.3": "It is too large for them: send it in parts, or hand the files over another way.",
    "3.4": "It is too large for them: send it in parts, or hand the files over another way.",
    "4": "Their server could not be reached for long: send it again later, or reach them another way.",
    "7": "Their server does not want it: reach them another way, and show this to who runs your mail.",
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


def envids(returned: Returned) -> frozenset[str]:
    """The names under which its envelope may be known to us, where they are long enough to be believed."""
    return frozenset(name for name in (returned.envid, _decoded(returned.envid)) if len(name) >= MIN_ENVID)


def as_sent(message: Message, sender: Address, recipients: Sequence[Address]) -> QueueEntry:
    """The entry of a filed message as far as the record remembers it, for bounces that come after the queue forgot it.

    ``recipients`` are To and Cc; whoever got it besides is not known any more.
    """
    return QueueEntry(
        id="",
        login=message.author_login,
        mailbox=sender.key,
        sender=sender,
        recipients=tuple(Recipient(one, Delivery.DELIVERED) for one in recipients),
        sha256=message.sha256,
        size=message.size,
        message_id=message.facts.message_id,
        subject=message.facts.subject,
        accepted_at=message.filed_at,
        next_attempt=message.filed_at,
        state=QueueState.DONE,
    )


def sentence(entry: QueueEntry, failed: Sequence[Tie]) -> str:
    """What a person is told of recipients whom a message did not reach after all, and what to do about it."""
    names = ", ".join(str(tie.recipient.address) for tie in failed)
    said = failed[0].outcome
    return f"“{entry.subject}” was sent, but it came back from {names}: {_words(said)}. {_advice(said.status)}"


def _words(said: Outcome) -> str:
    """Most servers repeat the codes in their words."""
    codes = [code for code in (str(said.code or ""), said.status) if code not in said.text]
    return " ".join((*codes, said.text)).strip().rstrip(".")


def _advice(status: str) -> str:
    """By the detail of the enhanced status code (RFC 3463 section 3), the nearest that is known."""
    known = (".".join(status.split(".")[1:]), status.split(".")[1])
    return next((_ADVICE[key] for key in known if key in _ADVICE), _ASK)


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
