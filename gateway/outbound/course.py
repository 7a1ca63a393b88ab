"""The course of one attempt: its transactions, what each came to, and what that makes of the entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto

from gateway.domain.mail import Asked, Delivery, Notify, Outcome, QueueEntry, Recipient, Wish
from gateway.outbound.telling import say
from gateway.outbound.ways import came_to_the_message
from gateway.policy.dsn import parameters
from gateway.upstream.smtp import Attempt, Envelope

MAX_RECIPIENTS = 100  # of one transaction: what every server takes, RFC 5321 section 4.5.3.1.8

Outcomes = Mapping[str, Outcome]

_NOTHING_ASKED = Asked()
_USUAL = Wish()


class Verdict(Enum):
    """What an attempt says about the account that it was made through."""

    DELIVERED = auto()  # it took the message for everybody, and nothing is left to do
    WORKED = auto()  # it took the message, or refused it
    TROUBLE = auto()  # it did not come as far as the message
    NO_ANSWER = auto()  # nobody took the connection
    NOTHING = auto()


@dataclass(slots=True, eq=False)
class Course:
    """``keep`` is called with what a transaction came to that is not the last one."""

    entry: QueueEntry
    raw: bytes
    picked_up: datetime
    keep: Callable[[Outcomes], None]
    made: list[Attempt] = field(default_factory=list)
    unkept: Outcomes = field(default_factory=dict)  # to be kept with how the attempt ends
    batches: list[list[Recipient]] = field(init=False)

    def __post_init__(self) -> None:
        self.batches = list(transactions(self.entry))

    def envelopes(self) -> list[Envelope]:
        """In their order; none where everybody has the message."""
        entry = self.entry
        return [
            Envelope(entry.sender, [one.address for one in batch], entry.smtputf8, asked(entry, batch))
            for batch in self.batches
        ]

    def told(self, attempt: Attempt) -> None:
        """A transaction is over: what it came to is on its way to the disk while the next is made."""
        self.made.append(attempt)
        self.unkept = attempt.outcomes
        if len(self.made) < len(self.batches) and came_to_the_message(attempt):
            self.keep(attempt.outcomes)
            self.unkept = {}
        say(self.entry, attempt, self.raw, self.picked_up)

    @property
    def verdict(self) -> Verdict:
        """By the last transaction; where the account is in trouble, no other was made."""
        return judged(self.made[-1]) if self.made else Verdict.NOTHING

    @property
    def is_done(self) -> bool:
        """Everybody has it at the first attempt, and nobody wants to be told: as nearly all mail goes."""
        found = [one.delivery for attempt in self.made for one in attempt.outcomes.values()]
        people = self.entry.recipients
        return (
            self.entry.attempts <= 1
            and found.count(Delivery.DELIVERED) == len(found) == len(people)
            and not any(wants_success(one) for one in people)
        )

    def ended(self) -> QueueEntry:
        """The entry as the queue will have it."""
        outcomes = {key: outcome for attempt in self.made for key, outcome in attempt.outcomes.items()}
        return after(self.entry, outcomes)

    def handed(self) -> frozenset[str]:
        """The keys of those whose success nobody but we will tell, where it was wished."""
        batches = (batch for batch, attempt in zip(self.batches, self.made, strict=False) if not attempt.reports)
        return frozenset(one.address.key for batch in batches for one in batch if wants_success(one))


def transactions(entry: QueueEntry) -> Iterator[list[Recipient]]:
    """Those that everybody may see together; each rule's copy in one of its own, so that no trace joins them."""
    pending = [one for one in entry.recipients if one.delivery is Delivery.PENDING]
    seen = [one for one in pending if not one.bcc]
    for at in range(0, len(seen), MAX_RECIPIENTS):
        yield seen[at : at + MAX_RECIPIENTS]
    for one in pending:
        if one.bcc:
            yield [one]


def asked(entry: QueueEntry, batch: Sequence[Recipient]) -> Asked:
    """What the next server is told of the author's wishes."""
    if not (entry.return_full or entry.envid) and all(one.wish == _USUAL for one in batch):
        return _NOTHING_ASKED
    words = {one.address.key: parameters(entry, one, upstream_has_dsn=True) for one in batch}
    mail = next((" ".join(of_mail) for of_mail, _ in words.values()), "")
    return Asked(mail, {key: " ".join(of_rcpt) for key, (_, of_rcpt) in words.items() if of_rcpt})


def wants_success(recipient: Recipient) -> bool:
    return recipient.wish is not _USUAL and Notify.SUCCESS in recipient.wish.notify


def after(entry: QueueEntry, outcomes: Outcomes) -> QueueEntry:
    """The entry as the queue will have it; only who is pending is ever tried."""

    def heard(one: Recipient) -> Recipient:
        outcome = outcomes.get(one.address.key)
        return one if outcome is None else Recipient(one.address, outcome.delivery, one.bcc, outcome, one.wish)

    return replace(entry, recipients=tuple(heard(one) for one in entry.recipients))


def judged(attempt: Attempt) -> Verdict:
    if came_to_the_message(attempt):
        return Verdict.WORKED
    return Verdict.TROUBLE if attempt.answered else Verdict.NO_ANSWER


def expired(recipient: Recipient) -> Outcome:
    """Given up, with the last thing the peer said (RFC 3463: 4.4.7, delivery time expired)."""
    said = recipient.last.text if recipient.last else "no attempt could be made"
    return Outcome(Delivery.FAILED, 0, "5.4.7", f"given up after trying for too long; last answer: {said}", "final")
