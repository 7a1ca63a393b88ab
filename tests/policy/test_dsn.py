"""Who is told what, when, and how the next server learns of it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.address import Address
from gateway.domain.mail import Delivery, Notify, QueueEntry, Recipient, Wish
from gateway.mime.report_status import Action
from gateway.policy.dsn import DELAY_AFTER, overdue, parameters, to_report

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
AL = Address("al", "client.example")
SUCCESS, FAILURE, DELAY = (frozenset({kind}) for kind in (Notify.SUCCESS, Notify.FAILURE, Notify.DELAY))
NEVER: frozenset[Notify] = frozenset()


def recipient(delivery: Delivery = Delivery.PENDING, notify: frozenset[Notify] = Wish().notify) -> Recipient:
    return Recipient(AL, delivery, wish=Wish(notify))


def entry(*recipients: Recipient) -> QueueEntry:
    return QueueEntry(
        id="Q",
        login="ana",
        mailbox="ana@firm.example",
        sender=Address("ana", "firm.example"),
        recipients=recipients or (recipient(),),
        sha256="0" * 64,
        size=1,
        message_id="",
        subject="",
        accepted_at=NOW,
        next_attempt=NOW,
    )


@pytest.mark.parametrize(
    ("delivery", "notify", "action"),
    [
        (Delivery.FAILED, Wish().notify, Action.FAILED),
        (Delivery.FAILED, FAILURE, Action.FAILED),
        (Delivery.FAILED, SUCCESS | DELAY, None),
        (Delivery.FAILED, NEVER, None),
        (Delivery.PENDING, Wish().notify, Action.DELAYED),
        (Delivery.PENDING, DELAY, Action.DELAYED),
        (Delivery.PENDING, FAILURE, None),
        (Delivery.PENDING, NEVER, None),
        (Delivery.DELIVERED, Wish().notify, None),
        (Delivery.DELIVERED, SUCCESS, Action.RELAYED),
        (Delivery.DELIVERED, NEVER, None),
        (Delivery.CANCELLED, frozenset(Notify), None),
    ],
)
def test_an_author_is_told_what_they_wished(
    delivery: Delivery, notify: frozenset[Notify], action: Action | None
) -> None:
    assert to_report(recipient(delivery, notify)) is action


@pytest.mark.parametrize("delivery", list(Delivery))
def test_a_server_that_took_the_wish_over_is_left_to_tell_of_success_only(delivery: Delivery) -> None:
    one = recipient(delivery, frozenset(Notify))
    alone, helped = to_report(one), to_report(one, taken_over=True)
    assert helped is (None if delivery is Delivery.DELIVERED else alone)


def test_a_message_is_overdue_after_four_hours_and_only_for_who_waits_and_wishes_it() -> None:
    waiting = recipient()
    both = entry(waiting, recipient(Delivery.DELIVERED, frozenset(Notify)), recipient(notify=FAILURE))
    assert overdue(both, NOW + DELAY_AFTER - timedelta(seconds=1)) == ()
    assert overdue(both, NOW + DELAY_AFTER) == (waiting,)


def test_the_time_that_an_author_had_it_wait_is_no_delay() -> None:
    release = NOW + timedelta(days=3)
    assert overdue(entry(), release + timedelta(hours=1), since=release) == ()
    assert overdue(entry(), release + DELAY_AFTER, since=release)


def test_C7_a_report_is_never_overdue() -> None:
    assert overdue(replace(entry(), sender=None), NOW + timedelta(days=4)) == ()


def test_a_server_without_dsn_is_told_nothing() -> None:
    one = Recipient(AL, wish=Wish(frozenset(Notify), "rfc822;a@b.example"))
    assert parameters(replace(entry(one), envid="x", return_full=True), one, upstream_has_dsn=False) == ((), ())


def test_nothing_is_said_for_who_asked_for_nothing() -> None:
    assert parameters(entry(), recipient(), upstream_has_dsn=True) == ((), ())


def test_wishes_travel_on_as_they_came() -> None:
    one = Recipient(AL, wish=Wish(frozenset(Notify), "rfc822;Al+x@client.example"))
    asked = replace(entry(one), envid="QQ+1 =2", return_full=True)
    assert parameters(asked, one, upstream_has_dsn=True) == (
        ("RET=FULL", "ENVID=QQ+2B1+20+3D2"),
        ("NOTIFY=SUCCESS,FAILURE,DELAY", "ORCPT=rfc822;Al+2Bx@client.example"),
    )
    never = Recipient(AL, wish=Wish(NEVER, "utf-8;ș@client.example"))
    assert parameters(entry(never), never, upstream_has_dsn=True) == (
        (),
        ("NOTIFY=NEVER", "ORCPT=utf-8;\\x{219}@client.example"),
    )


@given(
    notify=st.frozensets(st.sampled_from(list(Notify))),
    address=st.text(min_size=1).filter(str.isprintable),
    envid=st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E)),
)
def test_S11_no_wish_adds_a_word_of_its_own(notify: frozenset[Notify], address: str, envid: str) -> None:
    one = Recipient(AL, wish=Wish(notify, f"utf-8;{address}"))
    for words in parameters(replace(entry(one), envid=envid), one, upstream_has_dsn=True):
        assert all(re.fullmatch(r"[A-Z]+=[!-<>-~]+", word) for word in words)
