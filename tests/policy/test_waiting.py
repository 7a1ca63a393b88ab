"""A queue entry's standing in a sentence: what it waits for, until when, and what is done then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.address import Address
from gateway.domain.mail import Delivery, Outcome, QueueEntry, QueueState, Recipient
from gateway.policy.waiting import standing

ZONE = ZoneInfo("Europe/Bucharest")
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)  # 10:00 there
DAY = timedelta(days=1)
AL = Address("al", "pacino.example")
ENTRY = QueueEntry(
    id="K7",
    login="ana",
    mailbox="support@firm.example",
    sender=Address("support", "firm.example"),
    recipients=(Recipient(AL),),
    sha256="0" * 64,
    size=1,
    message_id="<1@firm.example>",
    subject="Return",
    accepted_at=NOW,
    next_attempt=NOW,
)


def says(entry: QueueEntry) -> str:
    return standing(entry, NOW, ZONE, 5 * DAY)


def after_answer(code: int, text: str, stage: str, attempts: int = 3) -> QueueEntry:
    last = Outcome(Delivery.PENDING, code, "4.2.1", text, stage)
    waiting = replace(ENTRY, attempts=attempts, next_attempt=NOW + timedelta(minutes=15))
    return replace(waiting, recipients=(Recipient(AL, last=last),))


def test_a_scheduled_message_names_its_time_on_the_firms_clock() -> None:
    leaves = datetime(2026, 12, 1, 7, 0, tzinfo=UTC)
    assert says(replace(ENTRY, next_attempt=leaves, not_before=leaves)) == "waits for its time, 2026-12-01 09:00"


def test_a_message_in_the_undo_window_can_be_taken_back_until_it_leaves() -> None:
    inside = replace(ENTRY, next_attempt=NOW + timedelta(seconds=10))
    assert says(inside) == "leaves at 2026-11-22 10:00:10, and can be taken back until then"


def test_a_message_that_is_due_waits_for_its_turn() -> None:
    assert says(ENTRY).startswith("due since 2026-11-22 10:00; waits for its turn")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            after_answer(0, "connection refused", "connect"),
            "the server did not answer (connection refused); tried 3 times",
        ),
        (after_answer(0, "it hung up", "data"), "the attempt broke off (it hung up); tried 3 times"),
        (after_answer(450, "busy", "rcpt", 1), "the server said: 450 4.2.1 busy; tried once"),
    ],
)
def test_what_was_tried_says_what_went_wrong_when_it_is_tried_again_and_when_given_up(
    entry: QueueEntry, said: str
) -> None:
    assert says(entry) == f"{said}; next at 2026-11-22 10:15, given up on 2026-11-27 10:00"
    assert "; next now, given up" in says(replace(entry, next_attempt=NOW))


def test_a_held_message_says_why_and_how_to_let_it_go() -> None:
    held = replace(ENTRY, state=QueueState.HELD)
    assert says(held) == "held: by a person; `postern queue release K7` lets it go"
    assert says(replace(held, hold_reason="the password is wrong.")).startswith("held: the password is wrong; ")


def test_what_is_over_says_what_became_of_the_recipients() -> None:
    kinds = (Delivery.FAILED, Delivery.DELIVERED, Delivery.DELIVERED)
    done = replace(ENTRY, state=QueueState.DONE, recipients=tuple(Recipient(AL, kind) for kind in kinds))
    assert says(done) == "over: 2 delivered, 1 failed"
    later = standing(done, NOW, ZONE, 5 * DAY, came_back=1)
    assert later == "over: 2 delivered, 1 failed; 1 of the delivered came back later"
    assert says(replace(ENTRY, state=QueueState.ACTIVE, attempts=2)) == "is being delivered right now, attempt 2"
