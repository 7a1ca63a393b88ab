"""Whose client a message is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.domain.address import Address, Same
from gateway.domain.firm import Firm
from gateway.domain.record import Direction, Mark
from gateway.mime.address import find_mailboxes
from gateway.policy.match import Evidence, Match, clients_of
from gateway.policy.publicmail import is_public
from tests.policy.firms import FIRM, address, client

OWN = frozenset(FIRM.mailbox_by_key)
AL = address("al@pacino.example")
ANA = address("ana@firm.example")
STRANGER = address("x@else.example")


def found(firm: Firm, senders: Sequence[Address], recipients: Sequence[Address]) -> tuple[tuple[str, Direction], ...]:
    matches = clients_of(firm, Evidence(tuple(senders), tuple(recipients)), OWN)
    assert all(match.marks == () for match in matches)
    return tuple((match.client, match.direction) for match in matches)


def test_mail_from_a_client_lies_in_the_inbox() -> None:
    assert found(FIRM, [AL], [ANA]) == (("Al Pacino", Direction.INBOX),)


def test_mail_of_the_firms_own_lies_in_sent() -> None:
    assert found(FIRM, [ANA], [AL, STRANGER]) == (("Al Pacino", Direction.SENT),)


def test_a_strangers_mail_to_a_client_and_us_is_filed_too() -> None:
    assert found(FIRM, [STRANGER], [ANA, AL]) == (("Al Pacino", Direction.INBOX),)


def test_mail_that_is_no_clients_is_nobodys() -> None:
    assert found(FIRM, [STRANGER], [ANA]) == ()
    assert found(FIRM, [], []) == ()


def test_an_address_without_email_sync_matches_nobody() -> None:
    assert found(FIRM, [address("off@unsynced.example")], [ANA]) == ()


def test_the_toggle_counts_for_each_client_of_a_shared_address() -> None:
    both = (client("On", "x@both.example"), client("Off", "x@both.example", sync=False))
    assert found(replace(FIRM, clients=both), [address("x@both.example")], []) == (("On", Direction.INBOX),)


def test_several_clients_come_once_each_in_the_firms_order() -> None:
    boss = address("boss@secret.example")
    assert [name for name, _ in found(FIRM, [boss], [AL, AL])] == ["Al Pacino", "Secret Corp"]


def test_I2_case_does_not_matter_and_a_tag_does() -> None:
    assert found(FIRM, [address("AL@PACINO.EXAMPLE")], [])
    assert not found(FIRM, [address("al+x@pacino.example")], [])


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
    assert found(FIRM, senders, [ANA]) == ()


# What says of which of several clients a message is.

JOINT = "joint@both.example"
BOTH = replace(FIRM, clients=(replace(client("One", JOINT), tag="C001"), replace(client("Two", JOINT), tag="C-2/x")))
KANZLEI = replace(client("Kanzlei", "boss@kanzlei.example", "off@kanzlei.example"), domains=("kanzlei.example",))


def whose(firm: Firm, **said: object) -> tuple[Match, ...]:
    return clients_of(firm, Evidence(**({"senders": (STRANGER,), "recipients": (ANA,)} | said)), OWN)  # type: ignore[arg-type]


def test_an_address_of_two_clients_is_filed_under_both_and_marked() -> None:
    for match, name in zip(whose(BOTH, senders=(address(JOINT),)), ("One", "Two"), strict=True):
        assert (match.client, match.marks, match.is_doubtful) == (name, (Mark.AMBIGUOUS,), True)


@pytest.mark.parametrize("said", [{"tags": frozenset({"c001"})}, {"answered": frozenset({"One"})}])
def test_the_tag_or_the_thread_decides_whose_a_shared_address_is(said: dict[str, object]) -> None:
    assert whose(BOTH, senders=(address(JOINT),), **said) == (Match("One", Direction.INBOX),)


def test_an_address_of_its_own_makes_one_of_two_certain_and_leaves_the_other_in_doubt() -> None:
    firm = replace(BOTH, clients=(*BOTH.clients[:1], client("Two", JOINT, "two@two.example")))
    matches = whose(firm, senders=(address(JOINT),), recipients=(address("two@two.example"),))
    assert [(match.client, match.is_doubtful) for match in matches] == [("One", True), ("Two", False)]


def test_a_tag_names_the_client_of_a_strangers_mail() -> None:
    assert whose(BOTH, tags=frozenset({"c-2/x", "urgent"})) == (Match("Two", Direction.INBOX, (Mark.BY_TAG,)),)
    assert whose(BOTH, tags=frozenset({"c"})) == ()


def test_a_tag_of_a_client_whose_mail_is_not_filed_names_nobody() -> None:
    off = replace(client("Off", "x@off.example", sync=False), tag="OFF")
    assert whose(replace(FIRM, clients=(off,)), tags=frozenset({"off"})) == ()


def test_a_third_partys_answer_goes_where_the_thread_is() -> None:
    assert whose(FIRM, answered=frozenset({"Al Pacino"})) == (Match("Al Pacino", Direction.INBOX, (Mark.BY_THREAD,)),)


def test_I10_a_client_that_names_another_clients_message_does_not_get_into_that_record() -> None:
    matches = whose(FIRM, senders=(AL,), answered=frozenset({"Secret Corp"}))
    assert matches == (Match("Al Pacino", Direction.INBOX),)


@pytest.mark.parametrize("said", [{"tags": frozenset({"c001"})}, {"answered": frozenset({"One"})}])
def test_what_members_write_to_each_other_is_nobodys_whatever_it_names(said: dict[str, object]) -> None:
    assert whose(BOTH, senders=(ANA,), recipients=(address("support@firm.example"),), **said) == ()


def test_who_answers_are_to_go_to_and_who_passed_it_on_count() -> None:
    assert [match.client for match in whose(FIRM, others=(AL,))] == ["Al Pacino"]


def test_a_whole_domain_is_the_clients_but_for_an_address_that_is_turned_off() -> None:
    firm = replace(FIRM, clients=(KANZLEI,))
    assert whose(firm, senders=(address("new@kanzlei.example"),)) == (Match("Kanzlei", Direction.INBOX),)
    assert whose(firm, senders=(address("new@sub.kanzlei.example"),)) == ()
    contacts = tuple(
        replace(one, addresses=tuple(replace(a, email_sync=a.address.local != "off") for a in one.addresses))
        for one in KANZLEI.contacts
    )
    firm = replace(FIRM, clients=(replace(KANZLEI, contacts=contacts),))
    assert whose(firm, senders=(address("off@kanzlei.example"),)) == ()


def test_a_domain_of_two_clients_is_as_doubtful_as_an_address() -> None:
    firm = replace(FIRM, clients=(KANZLEI, replace(KANZLEI, name="Sister", contacts=())))
    assert [match.is_doubtful for match in whose(firm, senders=(address("new@kanzlei.example"),))] == [True, True]


def test_spellings_are_one_address_only_where_the_firm_says_so() -> None:
    firm = replace(FIRM, clients=(client("Al", "a.l+home@gmail.com"),))
    spelled = address("al+tax@googlemail.com")
    for same, hit in (((), False), ((Same.PLUS,), False), ((Same.GMAIL_DOTS,), False), (tuple(Same), True)):
        assert bool(whose(replace(firm, same_address=same), senders=(spelled,))) is hit
    plus = replace(firm, same_address=(Same.PLUS,))
    assert whose(plus, senders=(address("a.l@gmail.com"),))
    assert not whose(plus, senders=(address("al@gmail.com"),))


@pytest.mark.parametrize(
    ("domain", "public"),
    [
        ("gmail.com", True),
        ("yahoo.co.uk", True),
        ("hotmail.fr", True),
        ("outlook.firm.co.uk", False),
        ("yahoo", False),
        ("pacino.example", False),
        ("notgmail.com", False),
    ],
)
def test_domains_where_strangers_have_mailboxes_are_known(domain: str, public: bool) -> None:
    assert is_public(domain) is public
