"""Steps: what one applied change does to the clients' record; told before it is made, kept so that it can be undone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from gateway.domain.record import Direction, HeaderFacts, Mark


class Doing(StrEnum):
    """What becomes of a stored message in one client's record."""

    FILED = "filed"  # it is in the record from now on
    LEFT = "left"  # it is in it no more, but kept aside
    DOUBTED = "ambiguous"  # it stays, and is others' as well: nobody can tell whose
    SETTLED = "certain"  # it stays, and is in doubt no more


@dataclass(frozen=True, slots=True)
class Refiling:
    """One message in one client's record; ``direction`` and ``marks`` are of what is filed."""

    message: int
    client: str
    does: Doing
    direction: Direction = Direction.INBOX
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A change that was made: the step's number, and what it did to the record."""

    step: int
    refilings: tuple[Refiling, ...] = ()


@dataclass(frozen=True, slots=True)
class Searched:
    """A mailbox on whose server mail of before will be looked for; how much there is, only its server knows."""

    mailbox: str  # key
    addresses: tuple[str, ...]  # and domains, with @ before them


@dataclass(frozen=True, slots=True)
class Tally:
    """In how many messages something becomes of a client's record; ``moved_here`` are not among ``filed``."""

    client: str
    filed: int = 0
    moved_here: int = 0  # out of another client's record
    left: int = 0
    ambiguous: int = 0
    certain: int = 0


@dataclass(frozen=True, slots=True)
class Refiled:
    """A message of which something became, as people know it; ``clients`` are those whose it is at this moment."""

    message: int
    facts: HeaderFacts
    clients: tuple[str, ...]
    refilings: tuple[Refiling, ...]


def moves(refilings: Iterable[Refiling]) -> dict[tuple[str, str], int]:
    """How many messages go from one client's record into another's, by both names."""
    found: Counter[tuple[str, str]] = Counter()
    for _, group in groupby(refilings, key=lambda one: one.message):
        some = list(group)
        came = [one.client for one in some if one.does is Doing.FILED]
        found.update((one.client, to) for one in some if one.does is Doing.LEFT for to in came)
    return dict(sorted(found.items()))


def tallies(refilings: Iterable[Refiling]) -> list[Tally]:
    """By client, in the order of their names; refilings of one message stand together."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, group in groupby(refilings, key=lambda one: one.message):
        some = list(group)
        moves_on = any(one.does is Doing.LEFT for one in some)
        for one in some:
            moved = moves_on and one.does is Doing.FILED
            counts[one.client]["moved_here" if moved else one.does.value] += 1
    return [Tally(client, **counts[client]) for client in sorted(counts)]


def summary(counts: Mapping[Doing, int]) -> str:
    """How many filings changed, in a line that names no client."""
    words = ((Doing.FILED, "filed"), (Doing.LEFT, "taken out"), (Doing.DOUBTED, "in doubt"), (Doing.SETTLED, "certain"))
    return ", ".join(f"{counts[does]} {word}" for does, word in words if counts.get(does)) or "no mail refiled"


@dataclass(frozen=True, slots=True)
class Step:
    """One change that was applied, or taken back."""

    number: int
    at: datetime
    who: str
    newest: int  # the newest message that was stored then
    undoes: int | None = None  # the step that it takes back
    undone_by: int | None = None  # the step that took it back
