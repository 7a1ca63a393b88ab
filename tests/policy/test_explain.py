"""Why each rule did what it did."""

from __future__ import annotations

from gateway.domain.firm import Rule, When
from gateway.policy.explain import RuleVerdict, explain
from gateway.policy.rules import decide
from tests.policy.firms import address, authorised, submission, with_rules


def test_every_rule_has_a_verdict_in_the_firms_order() -> None:
    firm = with_rules(
        Rule("for ana", When(member=("ana",)), display_name="never"),
        Rule("name", display_name="first", sender=False),
        Rule("idle"),
        Rule("late", display_name="second", signature="", bcc=(address("a@x.example"),)),
        Rule("too late", sender=True),
    )
    mail = authorised(submission(), firm)
    verdicts = explain(firm, mail)
    assert verdicts == (
        RuleVerdict("for ana", matched=False, why='the member is ion, not "ana"', acted=()),
        RuleVerdict("name", matched=True, why="", acted=("display_name", "sender")),
        RuleVerdict("idle", matched=True, why="it has no action", acted=()),
        RuleVerdict("late", matched=True, why='display_name is settled by "name"', acted=("signature", "bcc")),
        RuleVerdict("too late", matched=True, why='sender is settled by "name"', acted=()),
    )
    assert decide(firm, mail).rules == tuple(one.name for one in verdicts if one.acted)
