"""A bounce is tied to what we really sent, and to nothing that its author only claims."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.address import Address
from gateway.domain.mail import Delivery, QueueEntry, Recipient
from gateway.mime.bounce import ReportedAction, Returned, ReturnedRecipient
from gateway.policy.returned import STAGE, envids, is_about, sentence, ties
from tests.policy.firms import NOON

ANA, AL, BO = Address("ana", "firm.example"), Address("al", "client.example"), Address("bo", "client.example")
ENVID = "postern-8c2f6f0a9b1d"


def entry(*to: Address, delivery: Delivery = Delivery.DELIVERED) -> QueueEntry:
    return QueueEntry(
        id="q1",
        login="ana",
        mailbox=ANA.key,
        sender=ANA,
        recipients=tuple(Recipient(one, delivery) for one in to or (AL, BO)),
        sha256="0" * 64,
        size=1,
        message_id="<1@firm.example>",
        subject="Offer",
        accepted_at=NOON,
        next_attempt=NOON,
        envid=ENVID,
    )


def said(
    address: Address | None, action: ReportedAction = ReportedAction.FAILED, *, also: tuple[Address, ...] = ()
) -> ReturnedRecipient:
    return ReturnedRecipient(address, action, "5.1.1", 550, "no such user", also)


def bounce(*recipients: ReturnedRecipient, message_id: str = "<1@firm.example>", envid: str = "") -> Returned:
    return Returned(recipients or (said(AL),), message_id, envid, None, of_bounce=False)


def test_a_bounce_speaks_about_the_recipient_that_it_names() -> None:
    (tie,) = ties(bounce(said(Address("AL", "client.example"))), entry())
    assert tie.recipient.address == AL
    assert (tie.action, tie.outcome.delivery, tie.outcome.code) == ("failed", Delivery.FAILED, 550)
    assert (tie.outcome.status, tie.outcome.text, tie.outcome.stage) == ("5.1.1", "no such user", STAGE)


@pytest.mark.parametrize(
    ("action", "delivery"),
    [
        (ReportedAction.FAILED, Delivery.FAILED),
        (ReportedAction.DELAYED, Delivery.PENDING),
        (ReportedAction.DELIVERED, Delivery.DELIVERED),
        (ReportedAction.RELAYED, Delivery.DELIVERED),
        (ReportedAction.EXPANDED, Delivery.DELIVERED),
    ],
)
def test_only_a_failure_fails(action: ReportedAction, delivery: Delivery) -> None:
    (tie,) = ties(bounce(said(AL, action)), entry())
    assert tie.outcome.delivery is delivery


def test_a_recipient_that_we_did_not_send_to_is_not_believed() -> None:
    assert ties(bounce(said(Address("eve", "elsewhere.example"))), entry()) == ()


@pytest.mark.parametrize("delivery", [Delivery.PENDING, Delivery.FAILED, Delivery.CANCELLED])
def test_a_recipient_that_the_message_never_left_for_is_not_believed(delivery: Delivery) -> None:
    assert ties(bounce(said(AL)), entry(delivery=delivery)) == ()


@pytest.mark.parametrize("message_id", ["", "<2@firm.example>", "<1@FIRM.example>", "1@firm.example"])
def test_another_message_is_not_meant(message_id: str) -> None:
    assert not is_about(bounce(message_id=message_id), entry())
    assert ties(bounce(message_id=message_id), entry()) == ()


def test_two_messages_without_a_message_id_are_not_the_same() -> None:
    assert not is_about(bounce(message_id=""), replace(entry(), message_id="", envid=""))


@pytest.mark.parametrize(("ours", "theirs"), [(ENVID, ENVID), ("a+b=c-0123456789", "a+2Bb+3Dc-0123456789")])
def test_the_envid_is_enough_written_plainly_or_as_it_travelled(ours: str, theirs: str) -> None:
    assert is_about(bounce(message_id="<rewritten@provider.example>", envid=theirs), replace(entry(), envid=ours))


def test_an_envid_that_can_be_guessed_is_not_enough() -> None:
    assert not is_about(bounce(message_id="", envid="1"), replace(entry(), envid="1"))


def test_a_forwarded_recipient_is_known_by_the_address_that_we_sent_to() -> None:
    (tie,) = ties(bounce(said(AL, also=(Address("al", "new.example"),))), entry())
    assert tie.recipient.address == AL
    (tie,) = ties(bounce(said(Address("al", "new.example"), also=(AL,))), entry())
    assert tie.recipient.address == AL


def test_a_bounce_that_names_nobody_means_the_only_recipient() -> None:
    assert [tie.recipient.address for tie in ties(bounce(said(None)), entry(AL))] == [AL]
    assert ties(bounce(said(None)), entry(AL, BO)) == ()


def test_the_gravest_of_several_words_about_one_counts() -> None:
    found = ties(bounce(said(AL, ReportedAction.DELIVERED), said(AL), said(AL, ReportedAction.DELAYED)), entry())
    assert [(tie.recipient.address, tie.action) for tie in found] == [(AL, ReportedAction.FAILED)]


def test_C7_a_bounce_of_our_own_report_changes_nothing() -> None:
    assert ties(bounce(said(AL)), replace(entry(), sender=None)) == ()


ADDRESSES = st.sampled_from([AL, BO, ANA, Address("eve", "elsewhere.example"), Address("Al", "client.example")])
SAID = st.builds(said, st.none() | ADDRESSES, st.sampled_from(ReportedAction), also=st.tuples(ADDRESSES))
ENTRIES = st.lists(ADDRESSES, min_size=1, max_size=4, unique_by=lambda one: one.key)


@given(st.lists(SAID, min_size=1, max_size=5), ENTRIES, st.sampled_from(Delivery))
def test_whatever_a_bounce_says_only_delivered_recipients_of_the_entry_change_each_once(
    names: list[ReturnedRecipient], to: list[Address], delivery: Delivery
) -> None:
    sent = entry(*to, delivery=delivery)
    found = ties(bounce(*names), sent)
    assert [tie.recipient for tie in found] == [one for one in sent.recipients if one in {t.recipient for t in found}]
    assert all(tie.recipient.delivery is Delivery.DELIVERED for tie in found)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("5.1.1", "Check the address"),
        ("5.1.8", "who runs your mail"),
        ("5.2.2", "mailbox is full"),
        ("5.2.3", "too large"),
        ("4.4.7", "could not be reached"),
        ("5.7.26", "does not want it"),
        ("5.2.0", "another way"),
        ("5.0.0", "another way"),
    ],
)
def test_a_person_is_told_what_to_do_about_it(status: str, advice: str) -> None:
    told = ReturnedRecipient(AL, ReportedAction.FAILED, status, 0, "it went wrong.")
    words = sentence(entry(), ties(bounce(told), entry()))
    assert words.startswith(f"“Offer” was sent, but it came back from al@client.example: {status} it went wrong. ")
    assert advice in words


def test_codes_that_the_servers_words_repeat_are_not_said_twice() -> None:
    told = ReturnedRecipient(AL, ReportedAction.FAILED, "5.1.1", 550, "550-5.1.1 no such user")
    assert "client.example: 550-5.1.1 no such user. Check" in sentence(entry(), ties(bounce(told), entry()))


def test_an_envelope_is_looked_for_under_both_spellings_and_never_under_a_short_one() -> None:
    assert envids(bounce(envid="a+2Bb+3Dc-0123456789")) == {"a+2Bb+3Dc-0123456789", "a+b=c-0123456789"}
    assert envids(bounce(envid="1")) == envids(bounce()) == frozenset()
