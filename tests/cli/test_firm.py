"""How rules are listed."""

from __future__ import annotations

import pytest

from gateway.cli.answer import Answer
from gateway.cli.firm import KINDS


@pytest.mark.parametrize(("kept", "said"), [(True, "in office hours"), (False, "at any hour"), (None, "")])
def test_a_rules_office_hours_are_listed(kept: bool | None, said: str) -> None:
    (rule,) = (noun for noun in KINDS if noun.name == "rule")
    assert rule.row(Answer({"name": "later", "bcc": [], "office_hours": kept})) == ("later", "always", said)
