"""hypothesis strategies for whole messages: any nesting, charset and transfer encoding, odd but sound by RFC 2046."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from hypothesis import strategies as st

from gateway.domain.firm import InlineImage
from gateway.mime.render import SignatureBlock

CRLF = b"\r\n"
SEED = "0123456789abcdef" * 2
_BOUNDARY = "abcXYZ019'()+_,-./:=?"
_SCRIPTS = {
    "us-ascii": "abc xyz. <&>=-_",
    "utf-8": "abc żłóćή中文😀 =",
    "iso-8859-1": "abc äöü ßé=",
    "iso-8859-2": "abc ăâîșț".replace("ș", "ş").replace("ț", "ţ"),
    "windows-1252": "abc “ä”—€",
    "windows-1251": "abc Привет",
    "koi8-r": "abc Привет",
    "iso-2022-jp": "abc 日本語テスト",
    "shift_jis": "abc 日本語テスト",
    "euc-kr": "abc 한국어",
    "gb18030": "abc 中文😀",
    "big5": "abc 繁體中文",
    "utf-16": "abc żłóć中",
    "x-unknown": "abc",
}
_PIECES = (
    "Dear Al,",
    "",
    "it is done. ",
    "> quoted words",
    "> > deeper",
    "On Mon, 2 Mar 2026 at 10:00, Al <al@pacino.example> wrote:",
    "-- ",
    "Ana",
    "--",
    "-----Original Message-----",
    "From: Al Pacino",
    " indented",
    "x" * 200,
    ".",
    "From here on",
)
_MARKUP = (
    "<p>Hello</p>",
    "<div><br></div>",
    "<blockquote type=cite>old</blockquote>",
    '<div class="gmail_quote">On Mon, 2 Mar 2026 at 10:00, Al wrote:<br></div>',
    "<!-- </body> -->",
    "text",
    "<b>",
    "<table><tr><td>x</td></tr></table>",
    '<img src="cid:own@x">',
)
_ODD_FIELDS = (
    b"X-Odd:   kept  as\r\n\t it is\r\n",
    b"X-Empty:\r\n",
    b"x-LOWER:no space\r\n",
    b"Subject: =?utf-8?q?J=C3=B6rg?=\r\n =?utf-8?b?xb0=?=\r\n",
    b'To: al@pacino.example,\r\n  (comment) "B, C" <b@c.example>\r\n',
    b"References: <1@x.example>\r\n <2@x.example>\r\n",
    b"Received: from a by b; Mon, 2 Mar 2026 10:00:00 +0000\r\n",
    b"Received: from c by d; Mon, 2 Mar 2026 10:00:01 +0000\r\n",
    b"X-Long: " + b"word " * 180 + b"\r\n",
    b"Bcc: hidden@else.example\r\n",
    b"bcc: hidden@else.example,\r\n hidden2@else.example\r\n",
    b"Date: Mon, 2 Mar 2026 10:00:00 +0000\r\n",
    b"Message-ID: <own@firm.example>\r\n",
)


@dataclass(frozen=True)
class Piece:
    """A part: its header lines and its body, and whether that holds eight bits."""

    head: bytes
    body: bytes
    wide: bool = False

    @property
    def raw(self) -> bytes:
        return self.head + CRLF + self.body


def _head(draw: st.DrawFn, kind: str, params: dict[str, str], encoding: str, *more: bytes) -> bytes:
    separator = draw(st.sampled_from(["; ", ";\r\n ", ";", ";\r\n\t"]))
    name = draw(st.sampled_from(["Content-Type", "content-type", "CONTENT-TYPE"]))
    value = separator.join([kind, *(f"{key}={_quoted(draw, text)}" for key, text in params.items())])
    fields = [f"{name}: {value}\r\n".encode(), *more]
    if encoding:
        written = draw(st.sampled_from([encoding, encoding.upper()]))
        fields.append(f"Content-Transfer-Encoding: {written}\r\n".encode())
    return b"".join(draw(st.permutations(fields)))


def _quoted(draw: st.DrawFn, text: str) -> str:
    plain = text and all(c.isalnum() or c in "-_.+'" for c in text)
    return text if plain and draw(st.booleans()) else f'"{text}"'


def _encoded(draw: st.DrawFn, octets: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        columns = draw(st.sampled_from([76, 72, 60, 4]))
        coded = base64.b64encode(octets)
        lines = [coded[at : at + columns] for at in range(0, len(coded), columns)]
        return CRLF.join(lines) + (CRLF if draw(st.booleans()) else b"")
    if encoding == "quoted-printable":
        return CRLF.join(_quoted_line(draw, line) for line in octets.split(CRLF))
    return octets


def _quoted_line(draw: st.DrawFn, line: bytes) -> bytes:
    """One line as the less careful encoders write it: any break, small letters, more escapes than needed."""
    small, greedy, columns = draw(st.booleans()), draw(st.booleans()), draw(st.sampled_from([76, 40, 9]))
    out, width = [], 0
    for index, octet in enumerate(line):
        last = index == len(line) - 1
        plain = 0x20 < octet < 0x7F and octet != 0x3D and not (greedy and octet in b".-F")
        token = bytes((octet,)) if plain or (octet == 0x20 and not last) else b"=%02X" % octet
        token = token.lower() if small and len(token) == 3 else token
        if width + len(token) >= columns:
            out.append(b"=\r\n")
            width = 0
        out.append(token)
        width += len(token)
    return b"".join(out)


def _encodings(charset: str, octets: bytes) -> list[str]:
    if charset.startswith("utf-16"):
        return ["base64"]
    if octets.isascii():
        return ["", "7bit", "8bit", "quoted-printable", "base64"]
    return ["8bit", "binary", "quoted-printable", "base64"]


@st.composite
def texts(draw: st.DrawFn) -> Piece:
    """Plain text or HTML, in any charset, in any encoding that can hold it."""
    html = draw(st.booleans())
    charset = draw(st.sampled_from(list(_SCRIPTS)))
    words = st.text(_SCRIPTS[charset], max_size=30)
    lines = draw(st.lists(st.one_of(st.sampled_from(_MARKUP if html else _PIECES), words), max_size=8))
    text = "\r\n".join(lines) + draw(st.sampled_from(["", "\r\n", "\r\n\r\n"]))
    if html and draw(st.booleans()):
        text = f"<html><body>{text}</body></html>\r\n"
    octets = text.encode("ascii" if charset == "x-unknown" else charset)
    encoding = draw(st.sampled_from(_encodings(charset, octets)))
    params = {"charset": charset} if not octets.isascii() or draw(st.booleans()) else {}
    if not html and draw(st.booleans()):
        params["format"] = "flowed"
        if draw(st.booleans()):
            params["delsp"] = "yes"
    extra = [b"Content-Disposition: inline\r\n"] if draw(st.booleans()) else []
    head = _head(draw, "text/html" if html else "text/plain", params, encoding, *extra)
    body = _encoded(draw, octets, encoding)
    return Piece(head, body, encoding in {"8bit", "binary"} and not body.isascii())


@st.composite
def files(draw: st.DrawFn) -> Piece:
    """What nobody may touch: files, pictures, forwarded messages, and parts without anything in them."""
    kind = draw(st.sampled_from(["application/pdf", "image/png", "text/plain", "text/html", "message/rfc822", "empty"]))
    if kind == "empty":
        return Piece(b"", b"")
    if kind == "message/rfc822":
        inner = b"From: c@d.example\r\nBcc: e@f.example\r\nSubject: old\r\n\r\n-- \r\nforwarded\r\n"
        return Piece(_head(draw, kind, {}, ""), inner)
    octets = draw(st.binary(max_size=120))
    disposition = draw(
        st.sampled_from(
            [
                b'Content-Disposition: attachment; filename="a b.pdf"\r\n',
                b"Content-Disposition: attachment\r\n",
                b"Content-Disposition: attachment;\r\n filename*=utf-8''%C4%83.pdf\r\n",
            ]
        )
    )
    identity = b"Content-ID: <own@x>\r\n" if kind == "image/png" else b""
    return Piece(_head(draw, kind, {}, "base64", disposition, identity), _encoded(draw, octets, "base64"))


@st.composite
def multiparts(draw: st.DrawFn, children: st.SearchStrategy[Piece]) -> Piece:
    """A multipart of any kind around some of them."""
    kind = draw(
        st.sampled_from(["mixed", "mixed", "alternative", "alternative", "related", "digest", "signed", "report"])
    )
    inside = draw(st.lists(children, min_size=1, max_size=4))
    lines = {line.rstrip(b" \t") for piece in inside for line in piece.raw.split(CRLF)}
    boundary = draw(st.text(_BOUNDARY, min_size=1, max_size=70))
    while {b"--" + boundary.encode(), b"--" + boundary.encode() + b"--"} & lines:
        boundary = f"{boundary[:60]}{len(boundary)}"
    mark, blanks = b"--" + boundary.encode(), draw(st.sampled_from([b"", b"", b" ", b" \t"]))
    out = draw(st.sampled_from([b"", b"", b"preamble\r\nof two lines\r\n", CRLF]))
    for piece in inside:
        out += mark + blanks + CRLF + piece.raw + CRLF
    out += (
        mark + b"--" + blanks + draw(st.sampled_from([CRLF, CRLF, b"", b"\r\nepilogue\r\n", b"\r\n-- \r\nlist foot"]))
    )
    wide = any(piece.wide for piece in inside)
    params = {"boundary": boundary}
    if kind == "signed":
        params |= {"protocol": "application/pgp-signature", "micalg": "pgp-sha256"}
    return Piece(_head(draw, f"multipart/{kind}", params, "8bit" if wide else ""), out, wide)


def bodies() -> st.SearchStrategy[Piece]:
    return st.recursive(st.one_of(texts(), texts(), files()), multiparts, max_leaves=8)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A whole message by our author, canonical, sound, with odd but lawful fields in any order."""
    piece = draw(bodies())
    odd = draw(st.lists(st.sampled_from(_ODD_FIELDS), max_size=6, unique=True))
    fields = [b"From: Ana Pop <ana@firm.example>\r\n", b"MIME-Version: 1.0\r\n", piece.head, *odd]
    return b"".join(draw(st.permutations(fields))) + CRLF + piece.body


@st.composite
def signatures(draw: st.DrawFn) -> SignatureBlock:
    """A signature that no generated text holds."""
    name = draw(st.sampled_from(["Maria Muster", "Ștefan Ωmega", "山田太郎"]))
    text = f"-- \n{name}\nPopescu & Asociații"
    html = draw(st.sampled_from(["", f"<p>{name}, Popescu</p>", f'<p>{name}, Popescu<img src="cid:logo"></p>']))
    return SignatureBlock(text, html, (InlineImage("logo", "image/png", bytes(range(256))),), SEED)
