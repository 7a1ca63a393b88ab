"""Templates fill in values and can do nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import Faulty
from gateway.policy.template import MAX_OUTPUT, MAX_TEMPLATE, MAX_VALUE, fill, template_fault

VALUES: dict[str, object] = {"member": {"name": "Ana <Pop> & Co", "login": "ana"}, "firm": {"name": "F", "phone": ""}}
HOSTILE = [
    "{{7*7}}",
    "${7*7}",
    "{0.__class__}",
    "%(x)s",
    "{client.__init__.__globals__}",
    "{% for x in y %}",
    "{# comment #}",
    "\\g<0>",
    "\\",
    "$1",
    "{{ member.name }}",
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("html", [False, True])
def test_I8_a_value_is_never_read_as_a_template(value: str, html: bool) -> None:
    filled = fill("<{{ member.name }}>", {"member": {"name": value}}, html=html)
    assert filled.replace("&lt;", "<").replace("&gt;", ">") == f"<{value}>"


@given(st.text(max_size=50))
def test_I8_any_value_comes_out_as_it_went_in(value: str) -> None:
    kept = re.sub("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+", " ", value.replace("\0", ""))
    assert fill("[{{ x }}]", {"x": value}) == f"[{kept}]"


@pytest.mark.parametrize("value", ["Ana\r\nBcc: x@else.example", "Ana\n--b\nContent-Type: text/html", "Ana\u2028Pop"])
@pytest.mark.parametrize("html", [False, True])
def test_P3_a_value_is_one_line(value: str, html: bool) -> None:
    assert len(fill("[{{ member.name }}]", {"member": {"name": value}}, html=html).splitlines()) == 1


@pytest.mark.parametrize(
    "template",
    [
        "{{ member.__class__ }}",
        "{{ member['__class__'].__mro__ }}",
        "{{ member.items }}",
        "{{ member.name.__class__ }}",
        "{{ member.name.format }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ member.password_hash }}",
        "{{ config }}",
        "{{ range }}",
        "{{ member.name[0] }}",
        "{{ nobody.at.all['x'] }}",
        "{{ 5 | default('x') if nobody else '' }}",
    ],
)
def test_I8_no_attribute_of_any_object_is_reachable(template: str) -> None:
    assert fill(template, VALUES) == ""


@pytest.mark.parametrize(
    "template",
    [
        "{% for x in 'abc' %}{{ x }}{% endfor %}",
        "{{ 'a' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 7 + 7 }}",
        "{{ range(9) }}",
        "{{ member.name.upper() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% extends 'x' %}",
        "{% block x %}{% endblock %}",
        "{% macro x() %}{% endmacro %}",
        "{% set x = 'y' %}",
        "{% filter upper %}x{% endfilter %}",
        "{% set x %}y{% endset %}",
        "{{ 'x' | center(1000000000) }}",
        "{{ 'x' | format }}",
        "{{ 'x' | safe }}",
        "{{ 'x' is callable }}",
        "{{ member['na':] }}",
        "{{ ['a'] }}",
        "{{ {'a': 1} }}",
        "{{ self }}",
        "{{ self.x }}",
    ],
)
def test_I8_what_could_run_or_grow_is_no_template(template: str) -> None:
    assert template_fault(template)
    with pytest.raises(Faulty):
        fill(template, VALUES)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ member.name }}", "Ana <Pop> & Co"),
        ("{{ member['name'] | upper }}", "ANA <POP> & CO"),
        ("{{ nothing | default('none') }}", "none"),
        ("{% if firm.phone %}Tel {{ firm.phone }}{% else %}no phone{% endif %}", "no phone"),
        ("{{ 'a' ~ member.login ~ 'b' }}", "aanab"),
        ("{{ 'yes' if member.login == 'ana' else 'no' }}", "yes"),
        ("{{ member.login | title }}\n", "Ana\n"),
        ("no variables { } %", "no variables { } %"),
        ("", ""),
    ],
)
def test_what_a_signature_needs_works(template: str, text: str) -> None:
    assert template_fault(template) is None
    assert fill(template, VALUES) == text


def test_half_a_character_is_no_text_in_a_value_and_a_fault_in_a_template() -> None:
    assert fill("{{ x }}", {"x": "a\udcffb"}) == "a\ufffdb"
    assert "half a character" in (template_fault("a\ud800") or "")


def test_values_are_escaped_in_html_and_the_template_is_not() -> None:
    assert fill("<b>{{ member.name }}</b>", VALUES, html=True) == "<b>Ana &lt;Pop&gt; &amp; Co</b>"


def test_a_line_of_nothing_but_empty_variables_is_dropped() -> None:
    template = "-- \n{{ member.login }}\n{{ firm.phone }}\n {{ firm.fax }} {{ none }}\n\nTel: {{ firm.phone }}\n"
    assert fill(template, VALUES) == "-- \nana\n\nTel: \n"


@pytest.mark.parametrize("template", ["{{ member.name", "{% if x %}", "{{ }}", "{% nonsense %}", "{{ x | nonsense }}"])
def test_a_wrong_template_is_told_with_its_line(template: str) -> None:
    assert "line 2" in (template_fault("first\n" + template) or "")


@pytest.mark.parametrize("template", ["x" * (MAX_TEMPLATE + 1), "a\0b", "{{ " + "(" * 5_000, "{% if x %}" * 3_000])
def test_a_template_that_is_too_long_or_too_deep_is_refused(template: str) -> None:
    assert template_fault(template)


def test_what_comes_out_is_bounded() -> None:
    assert len(fill("{{ x }}", {"x": "y" * 10_000})) == MAX_VALUE
    with pytest.raises(Faulty, match=str(MAX_OUTPUT)):
        fill("{{ x }}" * 300, {"x": "y" * MAX_VALUE})


@pytest.mark.parametrize("value", [object(), 5, None, ["x"], b"x"])
def test_only_text_is_taken(value: object) -> None:
    with pytest.raises(TypeError, match="takes text"):
        fill("{{ x }}", {"x": value})


@given(st.text(alphabet="{}%# .|'()[]abmemberna\n", max_size=40))
def test_no_template_fails_in_another_way(template: str) -> None:
    if template_fault(template) is None:
        assert isinstance(fill(template, VALUES), str)
