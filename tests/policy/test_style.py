"""A designer's style sheet becomes style attributes, and nothing is fetched for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.domain.firm import Signature
from gateway.policy.signature import signature_block
from gateway.policy.style import FILLED, inlined
from tests.policy.firms import FIRM
from tests.policy.test_signature import decision


def test_the_sheet_is_written_into_the_elements_and_gone() -> None:
    html = '<style>p { color: red } .a { margin: 0 }</style><p class="a">Ana &amp; Co<br><img src="cid:logo"></p>'
    style = 'style="color: red;margin: 0;"'
    assert inlined(html) == f'<p class="a" {style}>Ana &amp; Co<br><img src="cid:logo"></p>'


@pytest.mark.parametrize("html", ["", "<p>x", "<P STYLE='a'>&nbsp;<B>y</b>", "<styles>", "a < b"])
def test_markup_without_a_sheet_keeps_every_character(html: str) -> None:
    assert inlined(html) is html


def test_rules_for_other_screens_stay_in_one_sheet() -> None:
    html = "<STYLE>p{color:red}@media (max-width:9px){p{color:blue}}</STYLE><p>x</p><style>b{top:0}</style><b>y</b>"
    done = inlined(html)
    assert done.startswith("<style>@media (max-width:9px)")
    assert done.endswith('</style><p style="color: red;">x</p><b style="top: 0;">y</b>')
    assert done.count("<style>") == 1


def test_an_at_rule_of_another_kind_does_not_stay() -> None:
    done = inlined("<style>@import url(https://x.example/y.css); @font-face{font-family:z} p{top:0}</style><p>x</p>")
    assert done == '<p style="top: 0;">x</p>'


def test_X5_no_sheet_is_read_from_a_file_or_a_server(tmp_path: Path) -> None:
    (tmp_path / "secret.css").write_text("p{color:green}")
    places = (f"file://{tmp_path}/secret.css", f"{tmp_path}/secret.css", "http://127.0.0.1:9/x.css")
    for place in places:
        html = f'<link rel="stylesheet" href="{place}"><style>@import "{place}"; p{{top:0}}</style><p>x</p>'
        assert "green" not in inlined(html)
        assert '<p style="top: 0;">x</p>' in inlined(html)


@pytest.mark.parametrize(
    "sheet", ["p{color:", "}}}{{{", "@media", "<!--", "a " * 20_000 + "{top:0}", "p{top:0}" * 9_000]
)
def test_a_sheet_that_is_none_or_huge_does_no_harm(sheet: str) -> None:
    assert "<p" in inlined(f"<style>{sheet}</style><p>x</p>")


def test_what_was_filled_in_is_inlined_once_and_the_memory_of_it_bounded() -> None:
    inlined.cache_clear()
    for number in range(FILLED + 10):
        inlined(f"<style>p{{top:0}}</style><p>{number % (FILLED + 5)}</p>")
    assert inlined.cache_info().currsize == FILLED
    inlined("<style>p{top:0}</style><p>4</p>")
    assert inlined.cache_info().hits == 1


def test_a_signature_is_inlined_behind_its_values() -> None:
    block = signature_block(
        decision(Signature("s", "x", "<style>b{color:red}</style><b>{{ member.name }}</b>")), FIRM, "00"
    )
    assert block
    assert block.html == '<b style="color: red;">Ion Ionescu</b>'
