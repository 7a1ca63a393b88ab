"""A signature filled in for one message."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest

from gateway.domain.errors import Faulty
from gateway.domain.firm import InlineImage, Signature
from gateway.domain.mail import Decision
from gateway.mime.header import Header
from gateway.mime.render import Edits, render
from gateway.policy.rules import decide
from gateway.policy.signature import signature_block
from tests.policy.firms import FIRM, authorised, submission

LOGO = InlineImage("logo", "image/png", b"png")


def decision(signature: Signature | None, *, reply: bool = False) -> Decision:
    header = "From: support@firm.example" + "\nIn-Reply-To: <a@pacino.example>" * reply
    decided = decide(FIRM, authorised(submission(header, to=["al@pacino.example"])))
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


LONG, HTML, SHORT, SHORT_HTML = "long", "<p>long</p>", "short", "<p>short</p>"


@pytest.mark.parametrize(
    ("signature", "text", "html"),
    [
        (Signature("s", LONG, HTML, (), SHORT, SHORT_HTML), SHORT, SHORT_HTML),
        (Signature("s", LONG, HTML, (), SHORT), SHORT, "<div>short</div>"),
        (Signature("s", LONG, HTML, (), "", SHORT_HTML), LONG, SHORT_HTML),
        (Signature("s", LONG, HTML), LONG, HTML),
    ],
)
def test_a_reply_gets_the_shorter_signature_where_there_is_one(signature: Signature, text: str, html: str) -> None:
    reply = signature_block(decision(signature, reply=True), FIRM, "00")
    assert reply
    assert (reply.text, reply.html) == (text, html)
    first = signature_block(decision(signature), FIRM, "00")
    assert first
    assert (first.text, first.html) == (LONG, HTML)


I8 = [
    "{{7*7}}",
    "${7*7}",
    "{0.__class__}",
    "%(x)s",
    "{client.__init__.__globals__}",
    "{{ member.login }}",
    "{% raw %}",
    "{# gone #}",
    "\\",
    "$",
    "\\g<0>",
    "\\1",
]


@pytest.mark.parametrize("name", I8)
@pytest.mark.parametrize("source", ["member", "firm", "mailbox", "client"])
def test_I8_a_value_is_literal_wherever_it_comes_from(name: str, source: str) -> None:
    given = decision(Signature("s", f"[{{{{ {source}.name }}}}]", f"[{{{{ {source}.name }}}}]"))
    given = replace(
        given,
        member=replace(given.member, name=name),
        mailbox=replace(given.mailbox, name=name),
        clients=(replace(given.clients[0], name=name),),
    )
    block = signature_block(given, replace(FIRM, name=name), "00")
    assert block
    assert block.text == f"[{name}]"
    assert unescape(block.html) == f"[{name}]"


HOSTILE = "x\r\nBcc: a@b.example\r\n\r\nbody\u2028y\x85z" + "w" * 10_000


@pytest.mark.parametrize("reply", [False, True])
def test_P3_no_field_or_value_of_a_signature_makes_a_header_line(reply: bool) -> None:
    form = f"{{{{ member.name }}}}{HOSTILE}"
    given = decision(Signature("s", form, form, (LOGO,), form, form), reply=reply)
    given = replace(given, member=replace(given.member, name="\udcff" + HOSTILE))
    block = signature_block(given, FIRM, "c0ffee")
    raw = b"From: ion@firm.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello.\r\n"
    for body in (raw, raw.replace(b"plain", b"html")):
        rendered = render(body, Edits(signature=block)).raw
        names = {span.name.lower() for span in Header.read(rendered).fields}
        assert names <= {"from", "content-type", "content-transfer-encoding", "mime-version"}


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '" onload="x', "{{ firm.name }}"])
def test_I8_a_members_name_is_text_in_html(name: str) -> None:
    ion = replace(FIRM.member_by_login["ion"], name=name)
    given = replace(decision(Signature("s", "x", "<p>{{ member.name }}</p>")), member=ion)
    block = signature_block(given, FIRM, "00")
    assert block
    assert block.html.count("<") == 2
    assert '"' not in block.html
    assert "Popescu" not in block.html
