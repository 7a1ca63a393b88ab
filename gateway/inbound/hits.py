"""Which of the messages that a folder shows are clients', and which of those are taken together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gateway.domain.firm import Firm
from gateway.domain.record import Cursor, Location
from gateway.inbound.filing import whose
from gateway.upstream.imap.session import HeaderRow

TOGETHER = 50  # messages of one FETCH and one transaction: more gain little, and new mail waits for them
OCTETS = 4 * 1024 * 1024  # of them
SMALL = 1024 * 1024  # octets; larger ones are taken alone


@dataclass(frozen=True, slots=True)
class Hit:
    """A client's message as its header shows it; ``cursor`` is where the folder is read to once it is dealt with."""

    row: HeaderRow
    location: Location
    clients: frozenset[str]
    cursor: Cursor | None
    announce: bool


def hits(
    firm: Firm, rows: Sequence[HeaderRow], place: Callable[[int], Location], *, to: Cursor | None, announce: bool
) -> list[Hit]:
    """Those of the rows that are clients', in their order; ``to``: the folder's cursor, where they are new mail."""
    found = []
    for row in rows:
        clients = frozenset(name for name, _ in whose(firm, row.header))
        if clients:
            cursor = None if to is None else Cursor(to.mailbox, to.folder, to.uidvalidity, row.uid + 1)
            found.append(Hit(row, place(row.uid), clients, cursor, announce))
    return found


def cut(found: Sequence[Hit], alone: Callable[[Hit], bool]) -> Iterator[list[Hit]]:
    """In their order, as many together as may be; what is to be taken alone comes as one."""
    batch: list[Hit] = []
    octets = 0
    for hit in found:
        by_itself = not 0 < hit.row.size <= SMALL or alone(hit)
        if batch and (by_itself or len(batch) == TOGETHER or octets + hit.row.size > OCTETS):
            yield batch
            batch, octets = [], 0
        batch.append(hit)
        octets += hit.row.size
        if by_itself:
            yield batch
            batch, octets = [], 0
    if batch:
        yield batch
