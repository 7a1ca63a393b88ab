"""What is told of a text from its octets is what a close look finds; and most letters need no close look."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.mime.body import body_parts
from gateway.mime.standing import Known
from gateway.mime.textpart import Place, TextBody
from gateway.mime.tree import parts
from gateway.mime.unquoted import CODECS, plain_end
from tests.mime.letters import letter

KNOWN = [
    Known.by("-- \nAna Pop\nFirm & Co", "<p><b>Ana Pop</b><br>Firm &amp; Co</p>"),
    Known.by("Ana", ""),
    Known.by("签名", "<hr>"),
    Known.by("", "<p>wrote&nbsp;Ana</p>"),
]
_SEEN = (
    "Hello",
    "Ana Pop",
    "Firm & Co",
    "Firm &amp; Co",
    "Ana",
    " ",
    "\r\n",
    "\u00a0",
    "-",
    "--",
    "-- \r\n",
    "*",
    "é",
    "—",
)
_SIGNS = (
    ":",
    "：",
    ">",
    "<",
    "[",
    "&gt;",
    "&#58;",
    "&am",
    "p;",
    "&nbsp;",
    "&rsquo;",
    "&quot;",
    "wrote",
    "wr",
    "ote",
    "---",
)
_TAGS = (
    "<p>",
    "</p>",
    "<br>",
    "<b>",
    "</b>",
    "<DIV>",
    "<pre>",
    "<!-- ",
    " -->",
    "<style>",
    "</style>",
    "<title>",
    "</title>",
)
_MARKS = ("<hr>", "<blockquote>", "<div class=gmail_quote>", "<div dir=rtl>", "<styleé>", "<\u212a>", "<\u0130>")
_ENDS = ("</body>", "</BODY>", "</html>", "<body", "\ufeff", "On 1.1.2026 al@pacino.example wrote:\r\n> yes\r\n")
pieces = st.lists(st.sampled_from(_SEEN + _TAGS) | st.sampled_from(_SIGNS + _MARKS + _ENDS), max_size=12)
USUAL = {
    "text/plain": "Dear Al,\r\n\r\nthe return is ready - as always.\r\n\r\nAna\r\n",
    "text/html": (
        '<html><head><meta charset="utf-8"><title>Letter</title><style><!-- p { margin: 0 } --></style></head>\r\n'
        '<body lang="EN" link="blue"><div class="WordSection1"><p class="MsoNormal">Dear Al,<o:p></o:p></p>\r\n'
        "<p>the return&nbsp;is ready &amp; filed — as always.</p></div></body></html>\r\n"
    ),
}


def body_of(kind: str, text: str, codec: str = "utf-8") -> TextBody:
    raw = letter(f"{kind}; charset={codec}", text.encode(codec, "replace"), "8bit")
    tree = parts(raw)
    return TextBody.read(raw, body_parts(tree)[0], tree)


@settings(max_examples=1500, deadline=None)
@given(pieces.map("".join), st.sampled_from(sorted(USUAL)), st.sampled_from(sorted(CODECS)), st.sampled_from(KNOWN))
def test_where_the_octets_tell_a_close_look_finds_the_same(text: str, kind: str, codec: str, known: Known) -> None:
    body = body_of(kind, text, codec)
    end = plain_end(body.octets, body.codec, known, is_html=body.is_html)
    if end is not None:
        place = Place.of(body)
        assert len(body.text[: place.at].encode(body.codec)) == end
        assert not place.has(known)
        free = Place.free(body, known)
        assert free is not None
        assert free.at == place.at


@pytest.mark.parametrize("kind", USUAL)
@pytest.mark.parametrize("codec", ["utf-8", "cp1252"])
def test_a_usual_letter_needs_no_close_look(kind: str, codec: str) -> None:
    body = body_of(kind, USUAL[kind], codec)
    end = plain_end(body.octets, body.codec, KNOWN[0], is_html=body.is_html)
    assert end is not None
    assert body.octets[end:] in {b"", b"</body></html>\r\n"}


@pytest.mark.parametrize("kind", USUAL)
def test_one_that_may_hold_the_signature_or_a_quote_does(kind: str) -> None:
    for more in (
        "Ana Pop\r\n<br>Firm & Co",
        "On 1.1.2026 al@pacino.example wrote:",
        "&gt; yes" * (kind == "text/html"),
    ):
        body = body_of(kind, f"Hello {more}")
        assert not more or plain_end(body.octets, body.codec, KNOWN[0], is_html=body.is_html) is None


def test_beyond_the_charsets_whose_ascii_is_ascii_everything_does() -> None:
    body = body_of("text/plain", "Hello", "gb18030")
    assert plain_end(body.octets, body.codec, KNOWN[0], is_html=False) is None
