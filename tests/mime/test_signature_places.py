"""Where in a page and in a tree of parts the signature goes, and what stands around it byte for byte."""

from __future__ import annotations

import pytest

from gateway.mime.header import Header
from gateway.mime.render import Edits, SignatureBlock, render
from gateway.mime.tree import parts
from tests.mime.letters import HEAD, LOGO, PLAIN, SIGNATURE, left_alone, letter, multipart, part, read, signed, text_of

BLOCK = b"\r\n<div><br></div>\r\n<div><p><b>Ana Pop</b><br>Firm</p></div>\r\n"
AIR = b"<div><br></div>\r\n"
TEXT = part("text/plain; charset=utf-8", b"Hi\r\n")
PAGE = part("text/html; charset=utf-8", b"<p>Hi</p>")
PDF = part("application/pdf", b"JVBERg==\r\n", "base64", "Content-Disposition: attachment; filename=a.pdf")
PNG = part("image/png", b"iVBO\r\n", "base64", "Content-ID: <own>")

QUOTES = {  # the markup that programs put around what is quoted
    "gmail": '<br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">On Tue, 3 Mar 2026',
    "gmail, older": '<div class="gmail_extra"><br><div class="gmail_quote">On Tue, 3 Mar 2026 at 10:02, Al wrote:<br>',
    "outlook": '<div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in"><p><b>From:</b>',
    "outlook, older": '<div style="border:none;border-top:solid #B5C4DF 1.0pt"><p class="MsoNormal"><b>From:</b> Al',
    "owa": '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
    '<div id="divRplyFwdMsg" dir="ltr"><font><b>From:</b> Al',
    "new outlook": '<div id="mail-editor-reference-message-container"><div dir="ltr"><b>From:</b> Al',
    "outlook on a phone": '<div id="divRplyFwdMsg" dir="ltr"><strong>From:</strong> Al<br>',
    "outlook on a phone, newer": '<div class="ms-outlook-mobile-reference-message skipProofing"><hr><b>From:</b> Al',
    "apple mail": '<div><br><blockquote type="cite"><div>On 3 Mar 2026, at 10:02, Al &lt;al@b&gt; wrote:</div>',
    "iphone": '<div dir="ltr"><br><blockquote type="cite">On 3 Mar 2026, at 10:02, Al wrote:<br>',
    "thunderbird": '<div class="moz-cite-prefix">On 03/03/2026 10:02, Al wrote:<br></div><blockquote type="cite">',
    "thunderbird, forwarded": '<div class="moz-forward-container"><br>-------- Forwarded Message --------<table>',
    "yahoo": '<div id="ydp1yahoo_quoted_2" class="ydp1yahoo_quoted"><div>On Tuesday, Al wrote:</div>',
    "yahoo, older": '<div class="yahoo_quoted" id="yahoo_quoted_1"><div>On Tuesday, 3 March 2026, Al wrote:</div>',
    "proton": '<div class="protonmail_quote">On Tuesday, March 3rd, 2026 at 10:02, Al wrote:<br>',
    "zimbra": '<hr id="zwchr" data-marker="__DIVIDER__"><div><b>From: </b>"Al"<br><b>To: </b>Ana<br>',
    "samsung": "<div>-------- Original message --------</div><div>From: Al</div><div>Date: 03/03/2026</div>",
    "words alone, French": "<p>Le mar. 3 mars 2026 à 10:02, Al &lt;al@b.example&gt; a écrit&nbsp;:</p><p>Bonjour</p>",
    "words alone, German": "<div>Am 03.03.2026 um 10:02 schrieb Al Pacino:</div><div>&gt; Hallo</div>",
    "words alone, Polish": "<div>W dniu 03.03.2026 o&nbsp;10:02, Al <b>Pacino</b> pisze:</div><br>x",
    "header lines alone": "<p>De la: Al<br>Trimis: marți<br>Către: Ana<br>Subiect: x</p><p>Bună</p>",
}


@pytest.mark.parametrize("program", QUOTES)
def test_above_the_quote_of_every_program(program: str) -> None:
    own, quote = "<html><body><div>Dear Al,</div><div>yes: at 10:00.</div>", QUOTES[program] + "</body></html>"
    raw = letter("text/html; charset=utf-8", (own + quote).encode(), "8bit")
    before, found, after = signed(raw).partition(BLOCK)
    assert found
    assert before + after.removeprefix(AIR) == raw
    assert before.endswith((b"at 10:00.</div>", b"<div><br>", b"<br>", b'<div dir="ltr">', b"10:00.</div><div>"))


def test_the_outermost_quote_counts_whatever_program_made_the_inner_ones() -> None:
    page = b"<p>Yes</p><div>-----Original Message-----<br>From: Al<br>Sent: x<br></div><div class=gmail_quote>old</div>"
    assert signed(letter("text/html", page)).partition(BLOCK)[0].endswith(b"<p>Yes</p>")


def test_below_an_answered_quote_with_older_quotes_inside() -> None:
    quote = (
        b'<div class="moz-cite-prefix">On 3 Mar 2026 Al wrote:</div><blockquote type="cite">a<blockquote type="cite">'
    )
    closed = quote + b"b</blockquote>c</blockquote>"
    assert signed(letter("text/html", b"<p>Hi</p>" + closed)).partition(BLOCK)[0].endswith(b"<p>Hi</p>")
    below = letter("text/html", b"<body>" + closed + b"<p>mine</p></body>")
    assert signed(below) == below.replace(b"</body>", BLOCK + b"</body>")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b" \r\n\t\r\n", b""),
        (b"Hi", b""),
        (b"<html><head><title></body></title></head><p>Hi", b"</html>"),
        (b"<body>Hi", b"</body></html>\r\n"),
        (b"<body>Hi</body><p>more", b"</body>"),
        (b"<body>Hi", b"</body><!-- </body> -->"),
        (b"<body>Hi", b"</body><script>'</body>'</script>"),
        (b"<body>Hi<!-- <div class=gmail_quote> --><style>.gmail_quote{}</style>", b"</BODY >"),
        (b"<body>a <blockquote>my own indentation</blockquote>", b"</body>"),
        (b"<body>\xc4\xb0<b>x</b>", b"</body>"),
        (b"<body><!--> Hi", b"</body>"),
    ],
)
def test_at_the_end_of_the_body_where_nothing_is_quoted(before: bytes, after: bytes) -> None:
    raw = letter("text/html; charset=utf-8", before + after, "8bit")
    assert signed(raw) == letter("text/html; charset=utf-8", before + BLOCK + after, "8bit")


def test_in_a_page_from_right_to_left_it_finds_its_own_direction() -> None:
    raw = letter("text/html; charset=utf-8", '<body dir="rtl">שלום</body>'.encode(), "8bit")
    out = signed(raw)
    assert b'<body dir="rtl">' in out
    assert b'<div dir="auto"><p><b>Ana Pop' in out


@pytest.mark.parametrize("delsp", ["", "; delsp=yes", "; DelSp=No"])
def test_flowed_text_stays_flowed_and_the_signature_is_fixed(delsp: str) -> None:
    body = b"Hello \r\nworld.\r\n\r\nOn 3 Mar 2026, Al wrote:\r\n> one \r\n> two\r\n"
    raw = letter("text/plain; format=flowed" + delsp, body)
    out = signed(raw, SignatureBlock("-- \nAna  \n> x\nFrom me\n y", ""))
    added = b"-- \r\nAna\r\n > x\r\n From me\r\n  y\r\n\r\n"
    assert out == raw.replace(b"On 3 Mar", added + b"On 3 Mar")


def test_a_byte_order_mark_stays_in_front() -> None:
    raw = letter("text/plain; charset=utf-8", b"\xef\xbb\xbf> quoted\r\n", "8bit")
    assert b"\r\n\r\n\xef\xbb\xbf" in signed(raw)


TREES = {  # how often it is signed as text and as HTML, and the message
    "mixed(text, pdf)": (1, 0, multipart("mixed", "a", TEXT, PDF)),
    "mixed(pdf, text)": (1, 0, multipart("mixed", "a", PDF, TEXT)),
    "mixed(text, pdf, text)": (1, 0, multipart("mixed", "a", TEXT, PDF, TEXT)),
    "mixed(html, pdf, html)": (0, 1, multipart("mixed", "a", PAGE, PDF, PAGE)),
    "alternative(text, mixed(html, pdf, html))": (
        *(1, 1),
        multipart("alternative", "a", TEXT, multipart("mixed", "aa", PAGE, PDF, PAGE)),
    ),
    "mixed(alternative(text, html), pdf)": (
        1,
        1,
        multipart("mixed", "a", multipart("alternative", "b", TEXT, PAGE), PDF),
    ),
    "alternative(text, related(html, png))": (
        *(1, 1),
        multipart("alternative", "a", TEXT, multipart("related", "b", PAGE, PNG)),
    ),
    "related(alternative(text, html), png)": (
        *(1, 1),
        multipart("related", "a", multipart("alternative", "b", TEXT, PAGE), PNG),
    ),
    "related(png, html) with start": (
        *(0, 1),
        multipart("related", "a", PNG, b"Content-ID: <r>\r\n" + PAGE, more='; start="<r>"'),
    ),
    "mixed(mixed(mixed(text)), pdf)": (
        *(1, 0),
        multipart("mixed", "a", multipart("mixed", "aa", multipart("mixed", "aaa", TEXT)), PDF),
    ),
    "mixed(related(alternative(text, related(html, png)), png), pdf)": (
        *(1, 1),
        multipart(
            "mixed",
            "m",
            multipart("related", "r", multipart("alternative", "b", TEXT, multipart("related", "i", PAGE, PNG)), PNG),
            PDF,
        ),
    ),
    "mixed(text, message)": (1, 0, multipart("mixed", "a", TEXT, part("message/rfc822", HEAD + TEXT))),
}


@pytest.mark.parametrize("block", [PLAIN, LOGO], ids=["html", "logo"])
@pytest.mark.parametrize("tree", TREES)
def test_in_any_nesting_the_body_is_signed_once_and_the_rest_is_the_same_bytes(
    tree: str, block: SignatureBlock
) -> None:
    texts, pages, raw = TREES[tree]
    out = signed(HEAD + raw, block)
    leaves = [part for part in read(out).walk() if part.get_content_maintype() == "text"]
    found = [leaf.get_content_subtype() for leaf in leaves if "Ana Pop" in leaf.get_content()]
    assert sorted(found) == sorted(["plain"] * texts + ["html"] * pages)
    assert out.count(PDF) == raw.count(PDF)
    assert out.count(PNG) == raw.count(PNG)
    assert sum(part.get_content_type() == "image/png" for part in read(out).walk()) == raw.count(PNG) + (
        pages if block is LOGO else 0
    )
    assert not [part for part in read(out).walk() if part.defects]


ODD = {
    "no last delimiter": b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nHi\r\n--b\r\n' + PDF,
    "preamble and epilogue": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"pre\xe9\r\n--b\r\n\r\nHi\r\n--b--\r\nepi\xe9\r\n",
    "white space behind": b"Content-Type: multipart/mixed; boundary=b  \r\n\r\n--b \t\r\n\r\nHi\r\n--b-- \r\n",
    "quoted with a space": b'Content-Type: multipart/mixed; boundary="b (x"\r\n\r\n--b (x\r\n\r\nHi\r\n--b (x--\r\n',
    "unclosed quote": b'Content-Type: multipart/mixed; boundary="b\r\n\r\n--b\r\n\r\nHi\r\n--b--\r\n',
    "200 letters": b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n--%b\r\n\r\nHi\r\n--%b--\r\n"
    % ((b"b" * 200,) * 3),
    "in pieces": b"Content-Type: multipart/mixed; boundary*0=b; boundary*1=c\r\n\r\n--bc\r\n\r\nHi\r\n--bc--\r\n",
    "one the beginning of the other": multipart("mixed", "b", multipart("mixed", "b-", part("", b"Hi\r\n")), PDF),
    "one the beginning of the other, turned": multipart("mixed", "b-", multipart("mixed", "b", part("", b"Hi")), PDF),
    "at once": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHi",
}


@pytest.mark.parametrize("block", [PLAIN, LOGO], ids=["text", "logo"])
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_boundary_changes_nothing_but_the_signed_text(odd: str, block: SignatureBlock) -> None:
    raw = HEAD + ODD[odd]
    out = signed(raw, block)
    cut = raw.index(b"Hi") + 2
    assert out.startswith(raw[:cut])
    tail = raw[cut:].removeprefix(b"\r\n")
    assert out.endswith(tail)
    assert out[cut : len(out) - len(tail)].strip().startswith(b"-- \r\nAna Pop")


def test_a_missing_boundary_leaves_nothing_to_sign() -> None:
    assert "no text" in left_alone(HEAD + b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nHi\r\n--b--\r\n")


def test_a_part_that_is_all_header_gets_its_empty_line_first() -> None:
    for fields in ("Content-Type: text/plain", "Content-Type: text/html", "Content-Transfer-Encoding: base64", "X: y"):
        raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + fields.encode() + b"\r\n--b--\r\n"
        for block in (PLAIN, SIGNATURE, LOGO):
            found = [leaf for leaf in read(signed(raw, block)).walk() if leaf.get_content_maintype() == "text"]
            assert "Pop" in found[0].get_content()
            assert found[0]["X"] in {None, "y"}
    for block in (PLAIN, SIGNATURE, LOGO):
        assert read(signed(b"Subject: x", block))["Subject"] == "x"
        assert "Pop" in text_of(signed(b"Subject: x", block))


def test_an_alternative_with_a_page_that_is_left_alone_signs_the_text_and_says_so() -> None:
    raw = HEAD + multipart("alternative", "b", TEXT, part("text/html; charset=x-unknown", b"Hi"))
    rendered = render(raw, Edits(signature=PLAIN))
    assert "Ana Pop" in text_of(rendered.raw)
    assert rendered.raw.endswith(b"x-unknown\r\n\r\nHi\r\n--b--")
    assert len(rendered.notes) == 1


def test_a_report_behind_a_file_is_no_body() -> None:
    report = multipart("report", "b", TEXT, part("message/delivery-status", b"x: y\r\n"))
    assert "no text" in left_alone(HEAD + multipart("mixed", "m", PDF, report))
    out = signed(HEAD + multipart("mixed", "m", PDF, report, TEXT))
    assert out.index(report) < out.index(b"Ana Pop")


# --- pictures


def test_the_page_inside_an_alternative_gets_a_related_of_its_own() -> None:
    out = signed(HEAD + TREES["related(alternative(text, html), png)"][2], LOGO)
    outer = read(out)
    alternative, png = outer.iter_parts()
    _, inner = alternative.iter_parts()
    assert inner.get_content_type() == "multipart/related"
    assert inner.get_param("type") == "text/html"
    assert png["Content-ID"] == "<own>"


def test_a_related_with_a_start_keeps_its_root_and_gets_the_picture() -> None:
    raw = HEAD + TREES["related(png, html) with start"][2]
    out = signed(raw, LOGO)
    assert Header.read(out).first("Content-Type") == Header.read(raw).first("Content-Type")
    assert [part.content_type for part in parts(out)] == [
        *("multipart/related", "image/png", "text/html", "image/png"),
    ]


# --- what nobody touches

ARMOUR = b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n-----END PGP MESSAGE-----\r\n"
SMIME = part("application/octet-stream", b"MIIB\r\n", "base64", "Content-Disposition: attachment; filename=smime.p7m")
SIGNED = multipart("signed", "s", TEXT, part("application/pgp-signature", b"x\r\n"))
ITIP = part("text/calendar; method=REQUEST", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
SEALED = {
    "S/MIME by its name": SMIME,
    "S/MIME under a list's foot": multipart("mixed", "m", SMIME, TEXT),
    "S/MIME, the new type": part("application/pkcs7-mime; smime-type=authEnveloped-data", b"x"),
    "signed under a list's head and foot": multipart("mixed", "m", TEXT, SIGNED, TEXT),
    "signed two deep": multipart("mixed", "m", multipart("mixed", "n", TEXT, SIGNED), TEXT),
    "encrypted under a list's head": multipart("mixed", "m", TEXT, multipart("encrypted", "e", TEXT)),
    "armour": part("text/plain", ARMOUR),
    "armour in parts": part("text/plain", b"-----BEGIN PGP MESSAGE, PART 1/2-----\r\n\r\nx\r\n"),
    "armour below words": part("text/plain", b"Read this:\r\n\r\n" + ARMOUR),
    "armour in quoted-printable": part("text/plain", b"=2D----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n", "quoted-printable"),
    "armour in soft breaks": part("text/plain", b"-----BEGIN PGP=\r\n MESSAGE-----\r\n\r\nx\r\n", "quoted-printable"),
    "armour in a page": part("text/html", b"<body><pre>-----BEGIN PGP SIGNED MESSAGE-----<br>Hash: x</pre>"),
    "armour behind other words": multipart("mixed", "m", TEXT, part("text/plain", ARMOUR)),
    "an invitation": multipart("alternative", "b", TEXT, PAGE, ITIP),
    "an invitation beside its file": multipart("mixed", "m", multipart("alternative", "b", TEXT, ITIP), PDF),
    "an answer without a method": multipart("alternative", "b", TEXT, part("text/calendar", b"METHOD:REPLY\r\n")),
    "a read receipt": multipart("report", "b", TEXT, part("message/disposition-notification", b"x: y\r\n"),
        more="; report-type=disposition-notification"),
    "a bounce": multipart("report", "b", TEXT, part("message/delivery-status", b"x: y\r\n")),
    "a message": part("message/rfc822", HEAD + TEXT),
}  # fmt: skip


@pytest.mark.parametrize("kind", SEALED)
def test_D2_what_is_sealed_leaves_as_it_came_below_its_own_header(kind: str) -> None:
    raw = HEAD + SEALED[kind]
    assert left_alone(raw, LOGO).startswith("No signature added: The message is ")


OPEN = {
    "a calendar as a file": multipart("mixed", "m", TEXT, part("application/ics; name=a.ics", b"x")),
    "a calendar file that is shown": multipart("mixed", "m", TEXT, part("text/calendar; name=a.ics", b"x")),
    "a signed mail as a file": multipart("mixed", "m", TEXT, SMIME),
    "armour that is quoted": part("text/plain", b"I can't read it.\r\n\r\n> " + ARMOUR),
    "words about armour": part("text/plain", b"Look for -----BEGIN PGP MESSAGE----- in it.\r\n"),
    "a forwarded bounce": multipart("mixed", "m", TEXT, part("message/rfc822", HEAD + SEALED["a bounce"])),
    "a key": part("text/plain", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n\r\nx\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", OPEN)
def test_what_only_carries_such_things_is_signed_and_they_stay(kind: str) -> None:
    out = signed(HEAD + OPEN[kind])
    assert out.count(b"Ana Pop") == 1
    start = OPEN[kind].find(b"--m\r\n", OPEN[kind].find(b"--m\r\n") + 1)
    assert start == -1 or out.endswith(OPEN[kind][start:])


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "quoted-printable"])
@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_a_signature_with_a_line_like_a_delimiter_opens_no_part(kind: str, encoding: str) -> None:
    inner = part(f"{kind}; charset=utf-8", b"Hi\r\n", encoding)
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=Ana\r\n\r\n--Ana\r\n" + inner + b"\r\n--Ana--\r\n"
    block = SignatureBlock("-- \nx\n--Ana\nPop", "x\r\n--Ana\r\nPop", seed="ab")
    out = render(raw, Edits(signature=block)).raw
    assert len(parts(out)) == len(parts(raw)) == 2
    assert "--Ana" in text_of(out, kind.removeprefix("text/"))
