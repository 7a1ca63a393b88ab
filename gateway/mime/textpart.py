"""A signature into one text part: above what is quoted, unless it stands there already; the rest byte for byte."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gateway.mime.charset import WIDE, codec_of, is_ascii_superset
from gateway.mime.encoding import IDENTITY, decode_base64, decode_quoted
from gateway.mime.htmlquote import html_quote
from gateway.mime.page import Page, text_lines
from gateway.mime.quote import text_quote_start
from gateway.mime.standing import Known
from gateway.mime.tree import Part
from gateway.mime.unquoted import plain_end

_LINE_END = re.compile(r"\r\n|\r|\n")
_BOMS = ("\ufeff", "\ufffe")
_WIDE_BOMS = {"utf-16": (b"\xff\xfe", b"\xfe\xff"), "utf-32": (b"\xff\xfe\0\0", b"\0\0\xfe\xff")}
_STUFFED = ("From ", " ", ">")
_RTL = re.compile(r"\bdir\s*=\s*[\"']?rtl|\bdirection\s*:\s*rtl")
WINDOW = 2_000  # characters behind the own text in which a signature may end that itself looks like a quote


class LeftAlone(ValueError):
    """The part can't take a signature; it says why."""


class TextBody(NamedTuple):
    """A text part with its decoded octets and its text; ``eight``: whether more eight-bit octets may appear in it.

    ``delimiters``: what no line of it may begin with, because it would end the part; of one that is not encoded.
    """

    raw: bytes
    part: Part
    codec: str
    octets: bytes
    text: str
    eight: bool
    is_html: bool
    delimiters: tuple[bytes, ...]

    @classmethod
    def read(cls, raw: bytes, part: Part, tree: Sequence[Part], decoded: bytes | None = None) -> TextBody:
        """Decode strictly; raises LeftAlone where that can't be done. ``decoded``: its octets, where they are known."""
        if part.is_unclear:
            raise LeftAlone("its header can be read in two ways")
        octets = _octets(part.body(raw), part.encoding) if decoded is None else decoded
        codec = _codec(part, octets)
        try:
            text = octets.decode(codec)
        except UnicodeDecodeError as error:
            raise LeftAlone(f"it is not really {part.charset[:40]}") from error
        if "\0" in text:
            raise LeftAlone("it holds NUL characters")
        delimiters = _delimiters(part, tree) if part.encoding in IDENTITY else ()
        is_html = part.content_type == "text/html"
        return cls(raw, part, codec, octets, text, _takes_eight_bits(part, octets, tree), is_html, delimiters)

    @property
    def is_flowed(self) -> bool:
        return self.part.params.get("format", "").lower() == "flowed"


class Place(NamedTuple):
    """Where the signature belongs in a body's text, and the own and the following lines, for comparing."""

    at: int
    own: Sequence[str]
    below: Sequence[str]
    page: Page | None = None

    @classmethod
    def free(cls, body: TextBody, known: Known) -> Place | None:
        """Find it; None where that signature stands in the body already."""
        end = plain_end(body.octets, body.codec, known, is_html=body.is_html)
        if end is not None:
            behind = len(body.octets) - end  # octets, and characters too: ASCII in what may have others
            return cls(len(body.text) - behind, (), ())
        place = cls.of(body)
        return None if place.has(known) else place

    @classmethod
    def of(cls, body: TextBody) -> Place:
        """Find it: above the quote, else at the end of the text or of the HTML's body."""
        if not body.is_html:
            at = max(text_quote_start(body.text), body.text.startswith(_BOMS))
            return cls(at, body.text[:at].split("\n"), body.text[at : at + WINDOW].split("\n"))
        page = Page.read(body.text)
        at, own = html_quote(page)
        at = max(at, body.text.startswith(_BOMS))
        if "<blockquote" in page.lowered[:at]:
            own = [line for low, high in page.without_quotations(at) for line in text_lines(page, low, high)]
        ended = at == len(body.text) or body.text.startswith("</", at)
        return cls(at, own, () if ended else text_lines(page, at, min(at + WINDOW * 4, len(body.text))), page)

    def has(self, known: Known) -> bool:
        """Whether that signature stands in the own text; what is quoted between answers is not own."""
        if self.page is not None or known.like_a_quote:
            return known.stands(self.own, self.below)
        return known.stands([line for line in self.own if not line.startswith(">")], ())


def _octets(body: bytes, encoding: str) -> bytes:
    if encoding in IDENTITY:
        return body
    if encoding == "quoted-printable":
        return decode_quoted(body)
    octets, sound = decode_base64(body) if encoding == "base64" else (b"", False)
    letters = body.translate(None, b" \t\r\n")
    if not sound or b"=" in letters.rstrip(b"=") or len(letters) % 4:  # others stop at padding, or drop what lacks it
        raise LeftAlone("its transfer encoding is unknown or damaged")
    return octets


def _codec(part: Part, octets: bytes) -> str:
    codec = codec_of(part.charset)
    if codec == "ascii" and "charset" not in part.params and not octets.isascii():
        return "utf-8"  # nobody said what it is, and today it is that
    if codec in WIDE and part.encoding == "base64" and octets.startswith(_WIDE_BOMS.get(codec, b"")):
        return codec  # without a mark the byte order of a plain "utf-16" would be a guess
    if codec is None or not is_ascii_superset(codec):
        raise LeftAlone(f"its charset {part.charset[:40]!r} is not one that text can be added to")
    return codec


def _delimiters(part: Part, tree: Sequence[Part]) -> tuple[bytes, ...]:
    """Of every multipart around the part."""
    found: list[bytes] = []
    while part.parent is not None:
        part = tree[part.parent]
        boundary = part.params.get("boundary", "").rstrip()
        if boundary:
            found.append(b"--" + boundary.encode("utf-8", "surrogateescape"))
    return tuple(found)


def _takes_eight_bits(part: Part, octets: bytes, tree: Sequence[Part]) -> bool:
    """RFC 2045 section 6.4: what surrounds an eight-bit part has to announce it; most do not, for none was there."""
    if part.encoding not in {"8bit", "binary"}:
        return False
    around = part.parent
    while octets.isascii() and around is not None:
        if tree[around].encoding not in {"8bit", "binary"}:
            return False
        around = tree[around].parent
    return True


def block_of(body: TextBody, place: Place, signature: str) -> str:
    """Write the signature with the line ends and the air around it that its place needs."""
    return _html_block(body, place, signature) if body.is_html else _text_block(body, place.at, signature)


def _text_block(body: TextBody, at: int, signature: str) -> str:
    newline = "\n" if "\n" in body.text and "\r\n" not in body.text and body.part.encoding == "base64" else "\r\n"
    lines = _LINE_END.split(signature.strip("\r\n"))
    if body.is_flowed:  # RFC 3676: no flowed lines, stuffed where need be
        lines = [_fixed(line) for line in lines]
    above = body.text[:at]
    if not above.strip("\ufeff\ufffe"):
        lead = newline
    elif not above.endswith("\n"):
        lead = newline * 2
    else:
        lead = "" if above.endswith(("\n\n", "\n\r\n")) else newline
    tail = newline * 2 if at < len(body.text) else newline
    return lead + newline.join(lines) + tail


def _fixed(line: str) -> str:
    if line != "-- ":
        line = line.rstrip(" ")
    return " " + line if line.startswith(_STUFFED) else line


def _html_block(body: TextBody, place: Place, signature: str) -> str:
    at = place.at
    tail = "<div><br></div>\r\n" if at < len(body.text) and not body.text.startswith("</", at) else ""
    leftward = place.page is not None and "rtl" in place.page.lowered and _RTL.search(place.page.lowered)
    opening = '<div dir="auto">' if leftward else "<div>"  # in a page from right to left it finds its own direction
    return "\r\n<div><br></div>\r\n" + opening + _LINE_END.sub("\r\n", signature.strip()) + "</div>\r\n" + tail
