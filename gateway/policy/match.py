"""Whose client a message is, why, and in which of the client's boxes it lies."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from gateway.domain.address import Address
from gateway.domain.firm import Client, Firm
from gateway.domain.record import Direction, Mark


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a message says of whose it is.

    The addresses are those that the strict parser gave: an ambiguous field gives none, and matches nobody.
    """

    senders: tuple[Address, ...] = ()
    recipients: tuple[Address, ...] = ()
    others: tuple[Address, ...] = ()  # Reply-To and who resent it
    tags: frozenset[str] = frozenset()  # what stands in brackets in the subject, without its case
    answered: frozenset[str] = frozenset()  # names of the clients in whose record lies what it answers
    sent: bool = False  # the mailbox's provider knows that it was written there, whatever address it names

    @property
    def people(self) -> tuple[Address, ...]:
        return (*self.senders, *self.recipients, *self.others)


@dataclass(frozen=True, slots=True)
class Match:
    """A client whose a message is."""

    client: str
    direction: Direction
    marks: tuple[Mark, ...] = ()

    @property
    def is_doubtful(self) -> bool:
        return Mark.AMBIGUOUS in self.marks


def clients_of(firm: Firm, evidence: Evidence, own: Collection[str]) -> tuple[Match, ...]:
    """Name the clients, in the firm's order, each once.

    ``own`` holds the keys of the firm's own addresses: what they wrote lies in Sent, and what the provider says was
    written in the mailbox; all else in Inbox. In this order:

    1. By address, or by the whole of a client's domain. One that several clients have is filed under each of them and
       marked, unless the tag or the thread says which.
    2. By the tag in the subject.
    3. By thread, where nothing else is known: a third party's answer to what is in a client's record. Never on top of
       the others: whoever names another client's message in their References must not get into that client's record.

    Neither tag nor thread counts where all are the firm's own: what members write to each other is no correspondence.
    """
    direction = Direction.SENT if evidence.sent else direction_of(evidence.senders, own)
    outside = any(address.key not in own for address in evidence.people)
    tagged = _tagged(firm, evidence.tags) if outside else set()
    certain, doubtful = _addressed(firm, evidence.people, tagged | evidence.answered)
    marks: dict[str, tuple[Mark, ...]] = dict.fromkeys(doubtful - certain, (Mark.AMBIGUOUS,))
    marks |= dict.fromkeys(tagged - certain, (Mark.BY_TAG,))
    marks |= dict.fromkeys(certain, ())
    if not marks and outside:
        marks = dict.fromkeys(evidence.answered, (Mark.BY_THREAD,))
    return tuple(Match(client.name, direction, marks[client.name]) for client in firm.clients if client.name in marks)


def direction_of(senders: Collection[Address], own: Collection[str]) -> Direction:
    """The box of what these wrote; ``own`` holds the keys of the firm's own addresses."""
    return Direction.SENT if senders and all(address.key in own for address in senders) else Direction.INBOX


def _addressed(firm: Firm, people: Collection[Address], decided: Collection[str]) -> tuple[set[str], set[str]]:
    """Names of those to whom an address leads for sure, and of those to whom it leads among others."""
    certain: set[str] = set()
    doubtful: set[str] = set()
    for address in people:
        hit = {client.name for client, synced in firm.clients_with(address) if synced}
        chosen = hit.intersection(decided) or hit
        (certain if len(hit) == 1 or chosen != hit else doubtful).update(chosen)
    return certain, doubtful


def _tagged(firm: Firm, tags: Collection[str]) -> set[str]:
    found = (firm.clients_by_tag.get(tag) for tag in tags)
    return {client.name for client in found if client is not None and is_followed(client)}


def is_followed(client: Client) -> bool:
    """Whether any mail of theirs is filed."""
    return bool(client.domains) or any(entry.email_sync for entry in client.addresses)
