"""What a change of addresses, domains, tags or toggles does to a message that is stored already.

1. It is filed under every client whose it becomes by the change, unless a person took it out of that record.
2. It leaves a client's record where all that led it there leads to others now: an address that is handed on takes its
   mail along. An address that is only taken away, or not synced any more, leaves what was filed.
3. Whether it is in doubt is said anew.
4. It leaves no record where it would then lie in none: who took it out of the only other one did not ask for that.

What a person filed stays. The rules are those of `gateway.policy.match`, asked once with the firm of before and once
with the one of after: what does not differ is left alone, so that mail which was filed for another reason stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from gateway.domain.address import GMAIL, Address, Same
from gateway.domain.firm import Client, Firm
from gateway.domain.record import Mark
from gateway.domain.step import Doing, Refiling, Searched
from gateway.policy.match import Evidence, Match, clients_of, is_followed


@dataclass(frozen=True, slots=True)
class Lying:
    """A stored message: what it says of whose it is, and where it lies."""

    message: int
    evidence: Evidence  # ``answered`` as before the change
    answered: frozenset[str]  # the same as after it
    flags: Mapping[str, tuple[str, ...]]  # by the client in whose record it lies
    taken: frozenset[str]  # clients out of whose record a person took it


@dataclass(frozen=True, slots=True)
class Touched:
    """Where to look for messages of which something may become; ``domains`` None: everywhere."""

    domains: frozenset[str] | None
    tags: frozenset[str]  # without their case

    @property
    def is_nothing(self) -> bool:
        return self.domains is not None and not self.domains and not self.tags


def touched(old: Firm, new: Firm) -> Touched:
    """The domains and tags of everything by which a client is known otherwise than before."""
    tags = frozenset(tag for tag, _ in _tags(old) ^ _tags(new))
    if old.same_address != new.same_address:
        return Touched(None, tags)
    domains = {domain for _, domain, _, _ in _known(old) ^ _known(new)}
    if Same.GMAIL_DOTS in new.same_address and domains & GMAIL:
        domains |= GMAIL
    return Touched(frozenset(domains), tags)


def searched(old: Firm, new: Firm) -> tuple[Searched, ...]:
    """Where history is looked for once the firm is ``new``: of new addresses; in new mailboxes, of all."""
    added = sorted(new.sought.keys() - old.sought.keys())
    everything = sorted(new.sought)
    found = [Searched(box.key, tuple(added if box.key in old.mailbox_by_key else everything)) for box in new.mailboxes]
    return tuple(one for one in found if one.addresses)


def leads(firm: Firm, address: Address) -> frozenset[tuple[str, bool]]:
    """The names of the clients to whom an address leads, each with whether its mail is filed."""
    return frozenset((client.name, synced) for client, synced in firm.clients_with(address))


def refilings(lying: Lying, old: Firm, new: Firm, *, since: bool = False) -> tuple[Refiling, ...]:
    """What becomes of it, by client. ``since``: it came after a change that is now taken back, and goes with it."""
    before = _matches(old, lying.evidence)
    after = _matches(new, replace(lying.evidence, answered=lying.answered))
    filed, left = list(_filed(lying, before, after)), list(_left(lying, before, after, (old, new), since=since))
    if not since and not filed and len(left) == len(lying.flags):
        left = []
    return tuple(sorted([*filed, *left, *_weighed(lying, before, after)], key=lambda one: (one.client, one.does)))


def taken_back(lying: Lying, new: Firm, done: Mapping[str, Doing], aside: Mapping[str, Refiling]) -> Iterator[Refiling]:
    """What is to be done so that it lies as before a step that did ``done``, by client; ``new`` is the firm again.

    ``aside`` has what that step took out and nobody touched since. What a person did since stays, and so does what lies
    in a record for another reason by now.
    """
    after = _matches(new, replace(lying.evidence, answered=lying.answered))
    for name, does in done.items():
        flags = lying.flags.get(name)
        if does is Doing.LEFT and flags is None and name in aside:
            yield aside[name]
        if flags is None or Mark.BY_HAND in flags:
            continue
        if does is Doing.FILED and name not in after:
            yield Refiling(lying.message, name, Doing.LEFT)
        if does is Doing.DOUBTED and Mark.AMBIGUOUS in flags:
            yield Refiling(lying.message, name, Doing.SETTLED)
        if does is Doing.SETTLED and Mark.AMBIGUOUS not in flags:
            yield Refiling(lying.message, name, Doing.DOUBTED)


def _matches(firm: Firm, evidence: Evidence) -> dict[str, Match]:
    return {match.client: match for match in clients_of(firm, evidence, firm.mailbox_by_key.keys())}


def _filed(lying: Lying, before: Mapping[str, Match], after: Mapping[str, Match]) -> Iterator[Refiling]:
    for name in after.keys() - before.keys() - lying.flags.keys() - lying.taken:
        match = after[name]
        yield Refiling(lying.message, name, Doing.FILED, match.direction, match.marks)


def _left(
    lying: Lying, before: Mapping[str, Match], after: Mapping[str, Match], firms: tuple[Firm, Firm], *, since: bool
) -> Iterator[Refiling]:
    for name in (lying.flags.keys() & before.keys()) - after.keys():
        by_hand = Mark.BY_HAND in lying.flags[name]
        if not by_hand and (since or _is_handed_on(name, lying, *firms)):
            yield Refiling(lying.message, name, Doing.LEFT)


def _weighed(lying: Lying, before: Mapping[str, Match], after: Mapping[str, Match]) -> Iterator[Refiling]:
    for name in lying.flags.keys() & before.keys() & after.keys():
        marked, doubtful = Mark.AMBIGUOUS in lying.flags[name], after[name].is_doubtful
        if before[name].is_doubtful == doubtful or marked == doubtful or Mark.BY_HAND in lying.flags[name]:
            continue
        yield Refiling(lying.message, name, Doing.DOUBTED if doubtful else Doing.SETTLED)


def _is_handed_on(name: str, lying: Lying, old: Firm, new: Firm) -> bool:
    """Whether each thing that led the message to this client leads to others, and to this one no more."""
    ways = [*_by_address(name, lying.evidence, old, new), *_by_tag(name, lying.evidence, old, new)]
    if not ways and name in lying.evidence.answered:
        ways = [bool(lying.answered) and name not in lying.answered]
    return bool(ways) and all(ways)


def _by_address(name: str, evidence: Evidence, old: Firm, new: Firm) -> Iterator[bool]:
    for address in evidence.people:
        if (name, True) in leads(old, address):
            now = dict(leads(new, address))
            yield name not in now and any(now.values())


def _by_tag(name: str, evidence: Evidence, old: Firm, new: Firm) -> Iterator[bool]:
    for tag in evidence.tags:
        was, now = old.clients_by_tag.get(tag), new.clients_by_tag.get(tag)
        if was is not None and was.name == name and is_followed(was):
            yield now is not None and now.name != name and is_followed(now)


def _tags(firm: Firm) -> set[tuple[str, str]]:
    return {(client.tag.casefold(), client.name) for client in firm.clients if client.tag and is_followed(client)}


def _known(firm: Firm) -> set[tuple[str, str, str, bool]]:
    """Client, domain, the address's key (empty for the whole domain) and whether mail of it is filed."""
    return {known for client in firm.clients for known in _known_of(client, firm)}


def _known_of(client: Client, firm: Firm) -> Iterator[tuple[str, str, str, bool]]:
    for domain in client.domains:
        yield client.name, domain, "", True
    for entry in client.addresses:
        yield client.name, entry.address.domain, entry.address.key_as(firm.same_address), entry.email_sync
