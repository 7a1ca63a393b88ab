"""Says of every rule of the firm whether it matches a submission, what it does to it, and why no more than that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.domain.firm import Firm, Rule
from gateway.policy.authorise import Authorised
from gateway.policy.conditions import failing
from gateway.policy.rules import matching, settled


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """One rule's part; ``why`` is for a person, empty where the rule does all that it says."""

    name: str
    matched: bool
    why: str
    acted: tuple[str, ...]  # the actions that it decides, by their names in the firm's file


def explain(firm: Firm, authorised: Authorised) -> tuple[RuleVerdict, ...]:
    """The verdict on every rule, in the firm's order."""
    chosen = settled(matching(firm, authorised))
    return tuple(_verdict(rule, failing(rule.when, authorised), chosen) for rule in firm.rules)


def _verdict(rule: Rule, failed: str | None, chosen: Mapping[str, Rule]) -> RuleVerdict:
    if failed is not None:
        return RuleVerdict(rule.name, matched=False, why=failed, acted=())
    actions = rule.actions
    acted = tuple(action for action in actions if chosen[action] is rule)
    taken = [f'{action} is settled by "{chosen[action].name}"' for action in actions if chosen[action] is not rule]
    why = "; ".join(taken) if actions else "it has no action"
    return RuleVerdict(rule.name, matched=True, why=why, acted=acted)
