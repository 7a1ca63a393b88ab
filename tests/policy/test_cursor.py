"""What a folder's numbers mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.record import Cursor
from gateway.policy.cursor import FolderPlan, PlanKind, reconcile

KNOWN = Cursor("a@firm.example", "INBOX", uidvalidity=7, uidnext=100, highestmodseq=5)


def plan(cursor: Cursor | None, uidvalidity: int, uidnext: int) -> FolderPlan:
    return reconcile(cursor, KNOWN.mailbox, KNOWN.folder, uidvalidity, uidnext, 9)


def here(uidvalidity: int, uidnext: int) -> Cursor:
    return Cursor(KNOWN.mailbox, KNOWN.folder, uidvalidity, uidnext, 9)


@pytest.mark.parametrize(
    ("cursor", "uidvalidity", "uidnext", "expected"),
    [
        (None, 7, 100, FolderPlan(PlanKind.FRESH, here(7, 100))),
        (None, 7, 0, FolderPlan(PlanKind.FRESH, here(7, 1))),
        (KNOWN, 7, 100, FolderPlan(PlanKind.CONTINUE, KNOWN)),
        (KNOWN, 7, 150, FolderPlan(PlanKind.CONTINUE, KNOWN)),
        (KNOWN, 7, 0, FolderPlan(PlanKind.CONTINUE, KNOWN)),
        (KNOWN, 8, 100, FolderPlan(PlanKind.RENEWED, here(8, 100))),
        (KNOWN, 6, 3, FolderPlan(PlanKind.RENEWED, here(6, 3))),
        (KNOWN, 7, 99, FolderPlan(PlanKind.WENT_BACK, here(7, 99))),
        (KNOWN, 7, 1, FolderPlan(PlanKind.WENT_BACK, here(7, 1))),
    ],
)
def test_D2_a_folder_goes_on_begins_anew_or_is_looked_through_again(
    cursor: Cursor | None, uidvalidity: int, uidnext: int, expected: FolderPlan
) -> None:
    assert plan(cursor, uidvalidity, uidnext) == expected


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 50)), min_size=1, max_size=20))
def test_D2_a_cursor_never_lies_beyond_what_the_server_has(looks: list[tuple[int, int]]) -> None:
    cursor: Cursor | None = None
    for uidvalidity, uidnext in looks:
        planned = plan(cursor, uidvalidity, uidnext)
        assert planned.cursor.uidvalidity == uidvalidity
        assert uidnext == 0 or planned.cursor.uidnext <= uidnext
        assert (planned.kind is PlanKind.CONTINUE) == (planned.cursor is cursor)
        cursor = planned.cursor
