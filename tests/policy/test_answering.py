"""A reply leaves from the address that the client wrote to, if the member may use it and no rule says otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.errors import GrantMissing
from gateway.domain.firm import Grant, Rule, When
from gateway.policy.rules import decide
from tests.policy.firms import FIRM, TODAY, Decided, address, authorised, mailbox, submission, with_rules


def answering(*answered: str, header: str = "From: Ion <ion@firm.example>", login: str = "ion") -> Decided:
    passed = authorised(submission(header, login=login), answered=answered)
    return passed, decide(FIRM, passed)


def test_what_the_client_wrote_to_becomes_the_identity() -> None:
    passed, decision = answering("support@firm.example")
    assert (decision.mailbox.key, decision.identity, decision.grant) == ("support@firm.example", "answered", "attached")
    assert passed.asked.key == "ion@firm.example"


def test_the_grant_recorded_is_that_of_the_mailbox_it_leaves_from() -> None:
    firm = replace(FIRM, mailboxes=(*FIRM.mailboxes, mailbox("eva@firm.example", "eva")))
    passed = authorised(
        submission("From: eva@firm.example", login="eva"), firm, answered=["support@firm.example", "x@y.example"]
    )
    assert (passed.mailbox.key, passed.grant) == ("support@firm.example", "allow_others_to_send")
    assert passed.asked_grant == "attached"


def test_from_stays_where_it_is_among_what_the_client_wrote_to() -> None:
    _, decision = answering("support@firm.example", "ION@firm.example")
    assert (decision.mailbox.key, decision.identity) == ("ion@firm.example", "asked")


def test_the_first_that_the_member_may_use_is_taken() -> None:
    _, decision = answering("office@firm.example", "gone@firm.example", "support@firm.example", "ion@firm.example.org")
    assert decision.mailbox.key == "support@firm.example"


@pytest.mark.parametrize("answered", [(), ("office@firm.example",), ("gone@firm.example",)])
def test_from_stays_where_the_member_may_use_none(answered: tuple[str, ...]) -> None:
    _, decision = answering(*answered)
    assert (decision.mailbox.key, decision.identity, decision.grant) == ("ion@firm.example", "asked", "attached")


def test_P1_what_was_asked_for_must_be_allowed_whatever_is_answered() -> None:
    with pytest.raises(GrantMissing, match=r"office@firm\.example"):
        answering("support@firm.example", header="From: office@firm.example")


def test_a_rule_wins_and_sees_the_from_that_was_asked_for() -> None:
    rule = Rule("r", When(sender=("ion@firm.example",)), send_as=address("office@firm.example"))
    firm = with_rules(rule)
    decision = decide(firm, authorised(submission(), firm, answered=["support@firm.example"]))
    assert (decision.mailbox.key, decision.identity, decision.grant) == ("office@firm.example", "rule", "attached")
    other = with_rules(replace(rule, when=When(sender=("support@firm.example",))))
    assert decide(other, authorised(submission(), other, answered=["support@firm.example"])).identity == "answered"


def test_a_rule_that_gives_the_identity_keeps_the_grant_of_what_was_asked_for() -> None:
    box = mailbox("boss@firm.example", "ana", grants=[Grant("ion", TODAY, TODAY)])
    firm = replace(with_rules(Rule("r", send_as=address("office@firm.example"))), mailboxes=(*FIRM.mailboxes, box))
    passed = authorised(submission("From: boss@firm.example"), firm, answered=["support@firm.example"])
    assert decide(firm, passed).grant == f"granted from {TODAY} to {TODAY}"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("From: ion@firm.example", "Popescu Support"),
        ("From: Ion <ion@firm.example>", None),
        ('From: "ion@firm.example" <ion@firm.example>', "Popescu Support"),
    ],
)
def test_P2_the_authors_name_does_not_show_the_address_that_was_left(header: str, name: str | None) -> None:
    _, decision = answering("support@firm.example", header=header)
    assert decision.display_name == name


def test_the_signature_is_that_of_the_mailbox_it_leaves_from() -> None:
    _, decision = answering("support@firm.example")
    assert decision.signature is FIRM.signature_by_name["support"]
