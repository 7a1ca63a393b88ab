"""Rules: the first match decides per action, and templates can do nothing but fill in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.errors import Faulty
from gateway.domain.firm import Firm, Rule, When
from gateway.domain.mail import Decision
from gateway.policy.rules import MAX_DISPLAY_NAME, decide
from tests.policy.firms import FIRM, address, authorised, client, submission, with_rules

CLIENTS = ("al@pacino.example",)


def decided(
    *rules: Rule,
    header: str = "From: Ion Ionescu <ion@firm.example>",
    to: tuple[str, ...] = CLIENTS,
    login: str = "ion",
) -> Decision:
    firm = with_rules(*rules)
    return decide(firm, authorised(submission(header, to=to), firm))


def test_without_rules_the_message_leaves_as_asked() -> None:
    decision = decided()
    assert decision.mailbox.key == "ion@firm.example"
    assert decision.member.login == "ion"
    assert decision.grant == "attached"
    assert decision.display_name is None
    assert decision.reply_to is None
    assert not decision.show_sender
    assert decision.signature is None
    assert decision.bcc == ()
    assert [one.name for one in decision.clients] == ["Al Pacino"]
    assert decision.rules == ()


def test_the_rule_of_the_contract_does_what_it_says() -> None:
    rule = Rule(
        name="everything to clients leaves as support",
        when=When(member=("ion",), to_client=True),
        send_as=address("support@firm.example"),
        display_name="{{ member.name }} ({{ firm.name }})",
        reply_to="support@firm.example",
        bcc=(address("archive@firm.example"),),
    )
    decision = decided(rule)
    assert decision.mailbox.key == "support@firm.example"
    assert decision.display_name == "Ion Ionescu (Popescu & Co)"
    assert decision.reply_to == address("support@firm.example")
    assert decision.bcc == (address("archive@firm.example"),)
    assert decision.signature is FIRM.signature_by_name["support"]
    assert decision.rules == (rule.name,)
    assert decided(rule, to=("x@else.example",)).rules == ()


def test_a_rule_needs_no_grant_for_the_identity_that_it_gives() -> None:
    assert decided(Rule("r", send_as=address("office@firm.example"))).mailbox.key == "office@firm.example"


def test_the_first_match_decides_per_action_in_the_order_of_the_file() -> None:
    decision = decided(
        Rule("other", When(member=("ana",)), display_name="never"),
        Rule("name", display_name="first"),
        Rule("idle"),
        Rule("more", display_name="second", sender=False, bcc=(address("one@x.example"),)),
        Rule("late", sender=True, bcc=(address("two@x.example"),), signature="plain"),
    )
    assert decision.display_name == "first"
    assert not decision.show_sender
    assert decision.bcc == (address("one@x.example"),)
    assert decision.signature is FIRM.signature_by_name["plain"]
    assert decision.rules == ("name", "more", "late")


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        (When(), True),
        (When(member=("ana", "ion")), True),
        (When(member=("ana",)), False),
        (When(sender=("ion@firm.example",)), True),
        (When(sender=("ION@FIRM.EXAMPLE",)), True),
        (When(sender=("@firm.example",)), True),
        (When(sender=("@irm.example",)), False),
        (When(sender=("support@firm.example",)), False),
        (When(recipient=("al@pacino.example",)), True),
        (When(recipient=("@pacino.example",)), True),
        (When(recipient=("@example",)), False),
        (When(recipient=("x@y.example", "@pacino.example")), True),
        (When(to_client=True), True),
        (When(to_client=False), False),
        (When(member=("ion",), recipient=("@y.example",)), False),
    ],
)
def test_all_conditions_must_hold_and_any_of_a_list(when: When, holds: bool) -> None:
    assert (decided(Rule("r", when, sender=True)).rules == ("r",)) is holds


def test_to_client_false_is_for_mail_to_nobody_of_the_clients() -> None:
    assert decided(Rule("r", When(to_client=False), sender=True), to=("x@y.example",)).show_sender


@pytest.mark.parametrize(
    ("header", "rule", "name"),
    [
        ("From: ion@firm.example", None, None),
        ("From: support@firm.example", None, "Popescu Support"),
        ("From: Ion <support@firm.example>", None, None),
        ("From: ion@firm.example", "office@firm.example", "Office"),
        ("From: Ion <ion@firm.example>", "office@firm.example", None),
        ('From: "ion@firm.example" <ion@firm.example>', "office@firm.example", "Office"),
    ],
)
def test_the_mailboxs_name_stands_where_the_author_wrote_none_or_one_that_would_lie(
    header: str, rule: str | None, name: str | None
) -> None:
    rules = () if rule is None else (Rule("r", send_as=address(rule)),)
    assert decided(*rules, header=header).display_name == name


def test_a_signature_is_the_rules_else_the_mailboxs_and_an_empty_one_is_none() -> None:
    header = "From: support@firm.example"
    support = FIRM.signature_by_name["support"]
    assert decided(header=header).signature is support
    assert decided(Rule("r", signature="plain"), header=header).signature is FIRM.signature_by_name["plain"]
    assert decided(Rule("r", signature=""), Rule("s", signature="plain"), header=header).signature is None
    assert decided(Rule("r", send_as=address("support@firm.example"))).signature is support


def test_a_copy_goes_to_nobody_who_gets_the_message_anyway() -> None:
    copies = (address("AL@pacino.example"), address("a@x.example"), address("A@x.example"))
    assert decided(Rule("r", bcc=copies)).bcc == (address("a@x.example"),)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{{ client.name }} desk", "Al Pacino desk"),
        ("{{ mailbox.name }}", "Ion Ionescu"),
        ("{{ nobody.knows.this }}", "Ion Ionescu"),
        ("  a\tb\r\nBcc: x@y.example \x00".replace("\x00", ""), "a b Bcc: x@y.example"),
        ("a\u2028b\u202ec\u200bd", "a bcd"),
        ("x" * 500, "x" * MAX_DISPLAY_NAME),
    ],
)
def test_P3_a_display_name_is_one_line_without_controls(template: str, name: str) -> None:
    assert decided(Rule("r", display_name=template)).display_name == name


def test_two_clients_do_not_read_each_others_names() -> None:
    firm = replace(
        with_rules(Rule("r", display_name="for {{ client.name }}!")),
        clients=(client("One", "a@one.example"), client("Two", "b@two.example")),
    )
    decision = decide(firm, authorised(submission(to=("a@one.example", "b@two.example")), firm))
    assert decision.display_name == "for !"


@pytest.mark.parametrize("template", ["{{ member.login }}@firm.example", " ion@firm.example\n"])
def test_reply_to_is_a_template_that_gives_an_address(template: str) -> None:
    assert decided(Rule("r", reply_to=template)).reply_to == address("ion@firm.example")


def test_an_empty_reply_to_leaves_the_authors() -> None:
    assert decided(Rule("r", reply_to="{{ client.nothing }}")).reply_to is None


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        (Rule("r", reply_to="{{ member.name }}"), "reply_to"),
        (Rule("r", reply_to="a@b.example\nBcc: c@d.example"), "reply_to"),
        (Rule("r", send_as=address("gone@firm.example")), "send_as"),
        (Rule("r", signature="gone"), "signature"),
    ],
)
def test_a_rule_that_does_not_work_is_a_fault_of_the_firm(rule: Rule, path: str) -> None:
    with pytest.raises(Faulty) as refused:
        decided(rule)
    assert [fault.path for fault in refused.value.faults] == [path]


def test_a_hostile_member_name_stays_a_name() -> None:
    members = tuple(replace(one, name="{{ 7*7 }} {% raw %}") for one in FIRM.members)
    firm: Firm = replace(with_rules(Rule("r", display_name="{{ member.name }}")), members=members)
    assert decide(firm, authorised(submission(), firm)).display_name == "{{ 7*7 }} {% raw %}"


@pytest.mark.parametrize(
    ("header", "by_rule", "own", "expected"),
    [
        ("From: ion@firm.example", None, "plain", "plain"),
        ("From: ion@firm.example", None, None, None),
        ("From: support@firm.example", None, "plain", "support"),
        ("From: support@firm.example", "plain", "support", "plain"),
        ("From: support@firm.example", "", "plain", None),
    ],
)
def test_the_rules_signature_comes_before_the_mailboxs_and_that_before_the_members(
    header: str, by_rule: str | None, own: str | None, expected: str | None
) -> None:
    members = tuple(replace(one, signature=own) for one in FIRM.members)
    firm = replace(with_rules(Rule("r", signature=by_rule)), members=members)
    signature = decide(firm, authorised(submission(header), firm)).signature
    assert (signature and signature.name) == expected


def test_a_reply_is_known_as_one() -> None:
    assert not decided().is_reply
    assert decided(header="From: ion@firm.example\nReferences: <a@b.example>").is_reply


I8 = ["{{7*7}}", "${7*7}", "{0.__class__}", "%(x)s", "{client.__init__.__globals__}", "\\", "$", "\\g<0>"]


@pytest.mark.parametrize("value", I8)
def test_I8_values_in_a_display_name_are_literal(value: str) -> None:
    firm = replace(with_rules(Rule("r", display_name="{{ firm.name }}")), name=value)
    assert decide(firm, authorised(submission(), firm)).display_name == value


def reply_to(template: str, value: str) -> str | None:
    """What the template comes to with the firm of that name; the faulty path in brackets where it comes to nothing."""
    firm = replace(with_rules(Rule("r", reply_to=template)), name=value)
    try:
        given = decide(firm, authorised(submission(), firm)).reply_to
    except Faulty as error:
        return f"[{error.faults[0].path}]"
    return None if given is None else f"{given.local}@{given.domain}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{7*7}}", "{{7*7}}@firm.example"),
        ("${7*7}", "${7*7}@firm.example"),
        ("$", "$@firm.example"),
        ("{0.__class__}", "{0.__class__}@firm.example"),
        ("%(x)s", "[reply_to]"),
        ("\\g<0>", "[reply_to]"),
    ],
)
def test_I8_values_in_a_reply_to_are_literal_or_no_address(value: str, expected: str) -> None:
    assert reply_to("{{ firm.name }}@firm.example", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b.example\r\nBcc: c@d.example", "[reply_to]"),
        ("a@b.example, c@d.example", "[reply_to]"),
        ("a@b.example\u2028", "a@b.example"),
        ("\x00", None),
    ],
)
def test_P3_a_value_in_a_reply_to_adds_no_line_and_no_address(value: str, expected: str | None) -> None:
    assert reply_to("{{ firm.name }}", value) == expected
