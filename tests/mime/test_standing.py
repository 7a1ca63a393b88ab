"""A signature that stands in the author's own words is not added again; one that is only quoted is."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.page import Page, lines_of
from gateway.mime.render import Edits, SignatureBlock, render
from gateway.mime.standing import Known
from tests.mime.letters import HEAD, LOGO, PLAIN, SIGNATURE, letter, multipart, part, signed, text_of

QUOTE = "\r\nOn 3 Mar 2026, Al wrote:\r\n> Hello\r\n"


@pytest.mark.parametrize(
    "written",
    [
        "-- \r\nAna Pop\r\nFirm\r\n",
        "Ana Pop\r\nFirm\r\n",
        "--\r\n\r\n  Ana\tPop \r\n\r\nFirm\r\n",
        "*Ana Pop*\r\n_Firm_<https://firm.example/>\r\n",
        "[cid:image001.png@01D9]\r\nAna Pop\r\nFirm\r\n",
        "Ana Pop Firm\r\n",
    ],
)
@pytest.mark.parametrize("quote", ["", QUOTE])
def test_a_text_that_has_it_stays_as_it_came(written: str, quote: str) -> None:
    raw = letter("text/plain", f"Hello\r\n\r\n{written}{quote}".encode())
    assert signed(raw) == raw


@pytest.mark.parametrize(
    "text",
    [
        "Hello\r\n" + QUOTE + "> -- \r\n> Ana Pop\r\n> Firm\r\n",
        "Hello\r\n\r\nFrom: Al\r\nSent: today\r\nTo: x\r\nSubject: y\r\n\r\nAna Pop\r\nFirm\r\n",
        "Ask Ana Pop\r\nFirmly\r\n",
        "I am not Ana Pop\r\nFirm\r\n",
        "> Ana Pop\r\n> Firm\r\n\r\nmy answer\r\n",
        "Ana Pop\r\nOther\r\nFirm\r\n",
    ],
)
def test_a_text_that_has_it_in_its_quote_or_not_as_lines_of_its_own_gets_it(text: str) -> None:
    raw = letter("text/plain", text.encode())
    assert len(signed(raw)) > len(raw)


@pytest.mark.parametrize(
    "written",
    [
        "<p><b>Ana Pop</b><br>Firm</p>",
        "<table><tr><td>Ana&nbsp;Pop</td></tr><tr><td><img src='cid:x'>Firm</td></tr></table>",
        "<div>-- </div><div><span style='x'>Ana</span> <i>P</i>op</div>\r\n<div>F&#105;rm<br></div>",
        "<pre>Ana Pop\r\nFirm</pre>",
    ],
)
def test_a_page_that_has_it_stays_as_it_came(written: str) -> None:
    for quote in ("", '<div class="gmail_quote">On 3 Mar 2026 Al wrote:</div>'):
        raw = letter("text/html", f"<body><p>Hello</p>{written}{quote}</body>".encode())
        assert signed(raw) == raw


@pytest.mark.parametrize(
    "page",
    [
        '<p>Hello</p><div class="gmail_quote">On 3 Mar 2026 Al wrote:<p>Ana Pop</p><p>Firm</p></div>',
        "<p>Hello</p><!-- <p>Ana Pop</p><p>Firm</p> -->",
        "<title>Ana Pop<br>Firm</title><p>Hello</p>",
        '<div class="moz-cite-prefix">Al wrote:</div><blockquote type="cite"><p>Ana Pop</p>Firm</blockquote>me',
        "<p>Ana Pop</p><p>Firmly</p>",
    ],
)
def test_a_page_that_has_it_quoted_or_hidden_gets_it(page: str) -> None:
    raw = letter("text/html", page.encode())
    assert len(signed(raw)) > len(raw)


def test_each_alternative_is_judged_on_its_own_and_they_agree_afterwards() -> None:
    text, bare = part("text/plain", b"Hi\r\n\r\n-- \r\nAna Pop\r\nFirm\r\n"), part("text/plain", b"Hi\r\n")
    page, bald = part("text/html", b"<p>Hi</p><p>Ana Pop</p><p>Firm</p>"), part("text/html", b"<p>Hi</p>")
    both = signed(HEAD + multipart("alternative", "b", text, page))
    assert both == HEAD + multipart("alternative", "b", text, page)
    for children in ((text, bald), (bare, page)):
        out = signed(HEAD + multipart("alternative", "b", *children))
        assert text_of(out).count("Ana Pop") == 1
        assert text_of(out, "html").count("Ana Pop") == 1


BODIES = {
    "plain": letter("text/plain; charset=utf-8", b"Hello\r\n"),
    "reply": letter("text/plain; charset=utf-8", f"Hello\r\n{QUOTE}".encode()),
    "answered below": letter("text/plain; charset=utf-8", b"> one?\r\nyes\r\n> two?\r\nno\r\n"),
    "empty": letter("text/plain", b""),
    "no header": HEAD,
    "flowed": letter("text/plain; format=flowed; delsp=yes", b"Hello \r\nworld \r\n"),
    "latin": letter("text/plain; charset=iso-8859-1", b"Caf=E9\r\n", "quoted-printable"),
    "base64": letter(
        "text/plain; charset=utf-8", base64.encodebytes(b"Hello\nyou\n").replace(b"\n", b"\r\n"), "base64"
    ),
    "utf-16": letter("text/plain; charset=utf-16", base64.b64encode("Hé\r\n".encode("utf-16")), "base64"),
    "html": letter("text/html", b"<html><body>Hi</body></html>"),
    "html reply": letter("text/html", b"<p>Hi</p><div id=divRplyFwdMsg>From:</div>"),
    "rtl": letter("text/html", b"<body dir=rtl>Hi</body>"),
    "alternative": HEAD
    + multipart("alternative", "b", part("text/plain", b"Hi"), part("text/html; charset=utf-8", b"Hi", "8bit")),
    "related": HEAD
    + multipart("related", "b", part("text/html", b"Hi"), part("image/png", b"x", "", "Content-ID: <own>")),
}
BLOCKS = {
    "text": PLAIN,
    "letters": SIGNATURE,
    "logo": LOGO,
    "only text": SignatureBlock("-- \nAna & <Co>\n> stuffed\n From here", ""),
    "only a picture": SignatureBlock("", '<img src="cid:logo">', LOGO.images, LOGO.seed),
    "like a quote": SignatureBlock("On 3 Mar 2026, Ana wrote:\nFirm", '<hr tabindex="-1"><p>Ana</p><blockquote>x'),
}


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("body", BODIES)
def test_rendered_again_nothing_is_added(body: str, block: str) -> None:
    again = SignatureBlock(BLOCKS[block].text, BLOCKS[block].html, BLOCKS[block].images, "0f" * 16)
    once = signed(BODIES[body], BLOCKS[block])
    assert render(once, Edits(signature=again)).raw == once


def test_another_picture_of_the_same_name_is_another_signature() -> None:
    only = BLOCKS["only a picture"]
    other = SignatureBlock("", only.html, (type(only.images[0])("logo", "image/png", b"other"),), "0f" * 16)
    once = signed(BODIES["html"], only)
    assert len(signed(once, other)) > len(once)


WORDS = st.lists(st.sampled_from(["Ana", "Pop", "a", "ă", "&", "<", "1"]), min_size=1, max_size=3).map(" ".join)


@given(st.lists(WORDS, min_size=1, max_size=4), st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4))
def test_what_was_put_between_any_lines_is_found(sign: list[str], before: list[str], behind: list[str]) -> None:
    assert Known.by("\n".join(sign), "").stands([*before, *sign, *behind], ())


def test_a_page_is_read_in_lines_with_their_places() -> None:
    html = "<body><p>a&amp;b</p><div><p>c <b>d</b>\r\n e</p></div><pre>f\r\n  g</pre>h<!-- x --><br>i"
    lines, begins = lines_of(Page.read(html), 0, len(html))
    assert [line for line in lines if line] == ["a&b", "c d e", "f", "g", "h", "i"]
    assert next(html[at:][:6] for line, at in zip(lines, begins, strict=True) if line) == "<body>"
    assert html[begins[lines.index("c d e")] :].startswith("<div><p>c")
    assert html[begins[lines.index("i")] :] == "i"
