"""Whose client a message is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.record import Direction
from gateway.mime.address import find_mailboxes
from gateway.policy.match import clients_of
from tests.policy.firms import FIRM, address, client

OWN = frozenset(FIRM.mailbox_by_key)
AL = address("al@pacino.example")
ANA = address("ana@firm.example")
STRANGER = address("x@else.example")


def test_mail_from_a_client_lies_in_the_inbox() -> None:
    assert clients_of(FIRM, [AL], [ANA], OWN) == (("Al Pacino", Direction.INBOX),)


def test_mail_of_the_firms_own_lies_in_sent() -> None:
    assert clients_of(FIRM, [ANA], [AL, STRANGER], OWN) == (("Al Pacino", Direction.SENT),)


def test_a_strangers_mail_to_a_client_and_us_is_filed_too() -> None:
    assert clients_of(FIRM, [STRANGER], [ANA, AL], OWN) == (("Al Pacino", Direction.INBOX),)


def test_mail_that_is_no_clients_is_nobodys() -> None:
    assert clients_of(FIRM, [STRANGER], [ANA], OWN) == ()
    assert clients_of(FIRM, [], [], OWN) == ()


def test_an_address_without_email_sync_matches_nobody() -> None:
    assert clients_of(FIRM, [address("off@unsynced.example")], [ANA], OWN) == ()


def test_the_toggle_counts_for_each_client_of_a_shared_address() -> None:
    both = (client("On", "x@both.example"), client("Off", "x@both.example", sync=False))
    assert clients_of(replace(FIRM, clients=both), [address("x@both.example")], [], OWN) == (("On", Direction.INBOX),)


def test_several_clients_come_once_each_in_the_firms_order() -> None:
    boss = address("boss@secret.example")
    assert [name for name, _ in clients_of(FIRM, [boss], [AL, AL], OWN)] == ["Al Pacino", "Secret Corp"]


def test_I2_case_does_not_matter_and_a_tag_does() -> None:
    assert clients_of(FIRM, [address("AL@PACINO.EXAMPLE")], [], OWN)
    assert not clients_of(FIRM, [address("al+x@pacino.example")], [], OWN)


@pytest.mark.parametrize(
    "value",
    [
        "al@pacino.example(<x@else.example>",
        "al@pacino.example(x)else.example",
        "<@pacino.example:x@else.example>",
        '"al@pacino.example" <x@else.example>',
        "=?x?q?al=40pacino.example=3E=00?=foo@else.example",
        "al@p\u0430cino.example",
        "al\uff20pacino.example",
        "x@else.example <al@pacino.example> y",
        "al@pacino.example.",
    ],
)
def test_I2_what_can_be_read_in_two_ways_matches_nobody(value: str) -> None:
    senders = [found.address for found in find_mailboxes(value)]
    assert clients_of(FIRM, senders, [ANA], OWN) == ()
