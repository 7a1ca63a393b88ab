"""What a folder's numbers mean for the place that we had reached in it (RFC 9051 section 2.3.1.1)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.record import Cursor


class PlanKind(StrEnum):
    """What to do about a folder."""

    FRESH = "fresh"  # never seen: backfill what lies there, tail from here
    CONTINUE = "continue"  # go on where we were
    RENEWED = "renewed"  # its UIDs mean other messages now: forget the old places, find what is known again
    WENT_BACK = "went_back"  # UIDNEXT fell under the same UIDVALIDITY, which no honest server does: look again at all


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """``cursor`` is where to read on; for all kinds but CONTINUE what lies below it is for the backfill."""

    kind: PlanKind
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Sight:
    """What a folder says of itself without a look at any message; equal ones hold the same messages."""

    uidvalidity: int
    uidnext: int
    messages: int


def reconcile(  # noqa: PLR0917 - three facts of ours, three of the server's
    cursor: Cursor | None, mailbox: str, folder: str, uidvalidity: int, uidnext: int, highestmodseq: int
) -> FolderPlan:
    """Compare what we know of the folder with what its server says; ``uidnext`` 0: the server did not say."""
    here = Cursor(mailbox, folder, uidvalidity, max(uidnext, 1), highestmodseq)
    if cursor is None:
        return FolderPlan(PlanKind.FRESH, here)
    if cursor.uidvalidity != uidvalidity:
        return FolderPlan(PlanKind.RENEWED, here)
    if 0 < uidnext < cursor.uidnext:
        return FolderPlan(PlanKind.WENT_BACK, here)
    return FolderPlan(PlanKind.CONTINUE, cursor)


def may_have_lost(before: Sight | None, now: Sight) -> bool:
    """Whether a message that lay in the folder ``before`` may be gone ``now``.

    A UID is given once and new ones start at UIDNEXT: where as many messages were added as UIDs were given, none is
    gone. So the three numbers that every server tells decide it, and CONDSTORE is not needed.
    """
    if before is None or before.uidvalidity != now.uidvalidity:
        return True
    return now.messages - before.messages != now.uidnext - before.uidnext


def within(uids: Iterable[int], runs: Iterable[tuple[int, int]]) -> set[int]:
    """Those of the UIDs that lie in any of the runs of first and last, which may overlap and may be huge."""
    ordered, found = sorted(uids), set[int]()
    at = 0  # below it all are looked at: what lies in many runs costs no more than what lies in one
    for first, last in sorted(runs):
        start, end = max(at, bisect_left(ordered, first)), bisect_right(ordered, last)
        found.update(ordered[start:end])
        at = max(at, end)
    return found
