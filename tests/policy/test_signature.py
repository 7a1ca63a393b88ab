"""A signature filled in for one message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.errors import Faulty
from gateway.domain.firm import InlineImage, Signature
from gateway.domain.mail import Decision
from gateway.policy.rules import decide
from gateway.policy.signature import signature_block
from tests.policy.firms import FIRM, authorised, submission

LOGO = InlineImage("logo", "image/png", b"png")


def decision(signature: Signature | None) -> Decision:
    decided = decide(FIRM, authorised(submission("From: support@firm.example", to=["al@pacino.example"])))
    return replace(decided, signature=signature)


def test_both_forms_are_filled_in_and_the_seed_and_pictures_go_along() -> None:
    signature = Signature("s", "-- \n{{ member.name }}\n{{ firm.name }}", "<b>{{ firm.name }}</b>", (LOGO,))
    block = signature_block(decision(signature), FIRM, "c0ffee")
    assert block
    assert block.text == "-- \nIon Ionescu\nPopescu & Co"
    assert block.html == "<b>Popescu &amp; Co</b>"
    assert block.images == (LOGO,)
    assert block.seed == "c0ffee"


def test_without_a_signature_there_is_no_block() -> None:
    assert signature_block(decision(None), FIRM, "c0ffee") is None


def test_without_html_the_text_is_shown_in_html_with_its_lines_and_nothing_of_it_is_markup() -> None:
    block = signature_block(
        decision(Signature("s", "-- \r\n{{ member.name }}\r\n<i> & {{ firm.name }}\r\n")), FIRM, "00"
    )
    assert block
    assert block.text == "-- \nIon Ionescu\n<i> & Popescu & Co"
    assert block.html == "<div>-- <br>\nIon Ionescu<br>\n&lt;i&gt; &amp; Popescu &amp; Co</div>"


def test_lines_that_became_empty_with_their_variable_are_dropped() -> None:
    block = signature_block(
        decision(Signature("s", "{{ member.name }}\n{{ member.phone }}\n\n{{ client.name }}")), FIRM, ""
    )
    assert block
    assert block.text == "Ion Ionescu\n\nAl Pacino"


def test_a_signature_of_which_nothing_is_left_is_none() -> None:
    assert signature_block(decision(Signature("s", "{{ member.phone }}\n")), FIRM, "00") is None


def test_a_template_that_does_not_work_is_a_fault() -> None:
    with pytest.raises(Faulty):
        signature_block(decision(Signature("s", "{{ 1 / 0 }}")), FIRM, "00")


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '" onload="x', "{{ firm.name }}"])
def test_I8_a_members_name_is_text_in_html(name: str) -> None:
    ion = replace(FIRM.member_by_login["ion"], name=name)
    given = replace(decision(Signature("s", "x", "<p>{{ member.name }}</p>")), member=ion)
    block = signature_block(given, FIRM, "00")
    assert block
    assert block.html.count("<") == 2
    assert '"' not in block.html
    assert "Popescu" not in block.html
