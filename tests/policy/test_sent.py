"""Who puts the copy into Sent: how long others are waited for, and what else a delivered message makes to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.address import Address
from gateway.domain.firm import Endpoint, Firm, Mailbox, Secret, Security
from gateway.domain.mail import Delivery, Errand, ErrandKind, QueueEntry, QueueState, Recipient
from gateway.policy.sent import PROVIDER_LOOKS, errands, must_look, next_look, provider_files, upload_over
from tests.policy.firms import NOON

WHERE = Endpoint("mail.firm.example", 993, Security.TLS)
LIMIT = sum(PROVIDER_LOOKS, timedelta(0))
SUPPORT, ANA = Address("support", "firm.example"), Address("ana", "firm.example")
ENTRY = QueueEntry(
    id="K7",
    login="ana",
    mailbox=SUPPORT.key,
    sender=SUPPORT,
    recipients=(Recipient(Address("al", "pacino.example"), Delivery.DELIVERED),),
    sha256="0" * 64,
    size=2_000,
    message_id="<K7.abc@firm.example>",
    subject="Return",
    accepted_at=NOON,
    next_attempt=NOON,
    state=QueueState.DONE,
)
COMPOSED = replace(ENTRY, message_id="<composed@laptop.example>")


def box(address: Address, *members: str, **changes: object) -> Mailbox:
    plain = Mailbox(address, address.local, members, str(address), Secret("x"), WHERE, WHERE)
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_program_is_given_time_by_the_size_of_what_it_saves_and_none_where_we_named_the_message() -> None:
    assert upload_over(ENTRY) == NOON
    assert timedelta(seconds=5) <= upload_over(COMPOSED) - NOON < timedelta(seconds=6)
    large = replace(COMPOSED, size=25 * 1024 * 1024)
    assert timedelta(minutes=3) < upload_over(large) - NOON < timedelta(minutes=4)


@pytest.mark.parametrize(
    ("entry", "attempts", "files", "look"),
    [(ENTRY, 1, False, False), (ENTRY, 2, False, True), (ENTRY, 1, True, True), (COMPOSED, 1, False, True)],
)
def test_a_copy_is_looked_for_where_there_may_be_one(entry: QueueEntry, attempts: int, files: bool, look: bool) -> None:
    assert must_look(entry, attempts, provider_files=files) is look


def test_another_messages_id_that_begins_alike_is_not_ours() -> None:
    assert must_look(replace(ENTRY, message_id="<K77.abc@firm.example>"), 1, provider_files=False)


def test_a_provider_is_given_a_quarter_of_an_hour() -> None:
    now, looks = NOON, 0
    while (again := next_look(ENTRY, looks + 1, now)) is not None:
        now, looks = again, looks + 1
    assert looks == len(PROVIDER_LOOKS)
    assert now - NOON == LIMIT < timedelta(minutes=20)


@given(st.integers(1, 1000), st.timedeltas(timedelta(0), LIMIT - timedelta(seconds=1)))
def test_crashes_that_use_up_looks_do_not_shorten_its_time(attempts: int, since: timedelta) -> None:
    again = next_look(ENTRY, attempts, NOON + since)
    assert again is not None
    assert again > NOON + since


def test_a_clock_that_was_set_back_does_not_make_us_wait_for_ever() -> None:
    assert next_look(ENTRY, len(PROVIDER_LOOKS) + 1, NOON - timedelta(days=400)) is None


def test_the_author_gets_a_copy_where_the_mailbox_says_so_and_it_is_not_theirs_already() -> None:
    own = box(ANA, "ana")
    shared = box(SUPPORT, "ana", "ion", sent_copy_to_author=True)
    assert errands(Firm(mailboxes=(shared, own)), ENTRY) == (Errand("K7", ErrandKind.AUTHOR_COPY, ANA.key),)
    assert errands(Firm(mailboxes=(shared,)), ENTRY) == ()
    assert errands(Firm(mailboxes=(box(SUPPORT, "ana", "ion"), own)), ENTRY) == ()
    assert errands(Firm(mailboxes=(box(SUPPORT, "ana", sent_copy_to_author=True),)), ENTRY) == ()


def test_a_mark_is_for_the_mailbox_of_the_answer_and_the_authors_own_once_each() -> None:
    answer = replace(ENTRY, in_reply_to="<1@pacino.example>")
    own, shared = box(ANA, "ana"), box(SUPPORT, "ana", "ion")
    both = (Errand("K7", ErrandKind.ANSWERED, SUPPORT.key), Errand("K7", ErrandKind.ANSWERED, ANA.key))
    assert errands(Firm(mailboxes=(shared, own)), answer) == both
    assert errands(Firm(mailboxes=(replace(shared, mark_answered=False), own)), answer) == both[1:]
    assert errands(Firm(mailboxes=(box(SUPPORT, "ana"),)), answer) == both[:1]
    assert errands(Firm(), answer) == ()


@pytest.mark.parametrize(("said", "known", "files"), [(None, True, True), (None, False, False), (False, True, False)])
def test_the_firm_knows_its_provider_best(said: bool | None, known: bool, files: bool) -> None:
    assert provider_files(box(SUPPORT, files_sent_mail=said), known=known) is files
