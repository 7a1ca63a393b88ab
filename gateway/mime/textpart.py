"""A signature into one text part: in the part's own charset and transfer encoding, the rest byte for byte."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.mime.charset import codec_of, is_ascii_superset
from gateway.mime.encoding import (
    IDENTITY,
    decode_base64,
    decode_quoted,
    encode_base64,
    encode_quoted,
    quoted_offset,
)
from gateway.mime.header import MAX_LINE, Header
from gateway.mime.quote import html_quote_start, text_quote_start
from gateway.mime.splice import Splice
from gateway.mime.tree import Part

_LINE_END = re.compile(r"\r\n|\r|\n")
_CHARSET = re.compile(rb";\s*charset\*?[0-9*]*\s*=\s*(?:\"[^\"]*\"|[^\s;]*)", re.IGNORECASE)
_STUFFED = ("From ", " ", ">")


class LeftAlone(ValueError):
    """The part can't take a signature; it says why."""


@dataclass(frozen=True, slots=True)
class TextBody:
    """A text part with its decoded octets and its text."""

    raw: bytes
    part: Part
    codec: str
    octets: bytes
    text: str

    @classmethod
    def read(cls, raw: bytes, part: Part) -> TextBody:
        """Decode strictly; raises LeftAlone where that can't be done."""
        if any(len(part.header.spans(name)) > 1 for name in ("Content-Type", "Content-Transfer-Encoding")):
            raise LeftAlone("its type is given twice")
        octets = _octets(part.body(raw), part.encoding)
        codec = codec_of(part.charset)
        if codec == "ascii" and "charset" not in part.params and not octets.isascii():
            codec = "utf-8"  # nobody said what it is, and today it is that
        if codec is None or not is_ascii_superset(codec):
            raise LeftAlone(f"its charset {part.charset[:40]!r} is not one that text can be added to")
        try:
            return cls(raw, part, codec, octets, octets.decode(codec))
        except UnicodeDecodeError as error:
            raise LeftAlone(f"it is not really {part.charset[:40]}") from error

    @property
    def is_html(self) -> bool:
        return self.part.content_type == "text/html"


def with_signature(body: TextBody, signature: str) -> list[Splice]:
    """Place the signature (HTML for an HTML part) above the quoted text, else at the end; raises LeftAlone."""
    at = html_quote_start(body.text) if body.is_html else text_quote_start(body.text)
    block = _html_block(body, at, signature) if body.is_html else _text_block(body, at, signature)
    octets = _representable(body, block)
    if octets is None:
        return _raised(body, at, block)
    before = body.text[:at].encode(body.codec)
    if body.octets[: len(before)] != before:
        raise LeftAlone("its characters can't be told from its octets")
    if body.part.encoding == "base64":
        whole = body.octets[: len(before)] + octets + body.octets[len(before) :]
        return [Splice(body.part.header_end, body.part.body_end, encode_base64(whole).removesuffix(b"\r\n"))]
    return [_inserted(body, len(before), octets)]


def _octets(body: bytes, encoding: str) -> bytes:
    if encoding in IDENTITY:
        return body
    if encoding == "quoted-printable":
        return decode_quoted(body)
    octets, sound = decode_base64(body) if encoding == "base64" else (b"", False)
    if not sound:
        raise LeftAlone("its transfer encoding is unknown or damaged")
    return octets


def _inserted(body: TextBody, offset: int, octets: bytes) -> Splice:
    start = body.part.header_end
    lead = body.part.header.missing_end
    if body.part.encoding != "quoted-printable":
        return Splice(start + offset, start + offset, lead + octets)
    coded = body.part.body(body.raw)
    at = quoted_offset(coded, offset)
    soft = b"=\r\n" if at and coded[at - 1 : at] != b"\n" else b""
    if at is None or decode_quoted(coded[:at] + soft) != body.octets[:offset]:
        raise LeftAlone("its quoted-printable can't be cut there")
    return Splice(start + at, start + at, lead + soft + encode_quoted(octets))


def _representable(body: TextBody, block: str) -> bytes | None:
    """Encode the block as the part is encoded; None where charset, eight bits or line length forbid it."""
    encoding = body.part.encoding
    seven = encoding in {"", "7bit"} and body.octets.isascii()
    try:
        if body.is_html:
            octets = block.encode("ascii" if seven else body.codec, "xmlcharrefreplace")
        else:
            octets = block.encode(body.codec)
    except UnicodeEncodeError:
        return None
    if encoding in IDENTITY:
        too_long = any(len(line) > MAX_LINE for line in octets.split(b"\r\n"))
        if too_long or (seven and not octets.isascii()):
            return None
    return octets


def _raised(body: TextBody, at: int, block: str) -> list[Splice]:
    """Write the part anew in UTF-8 and quoted-printable: the only way that the signature keeps its letters."""
    text = _LINE_END.sub("\r\n", body.text[:at] + block + body.text[at:])
    coded = body.part.header.missing_end + encode_quoted(text.encode("utf-8"))
    return [*_relabelled(body.part.header), Splice(body.part.header_end, body.part.body_end, coded)]


def _relabelled(header: Header) -> list[Splice]:
    splices: list[Splice] = []
    value = _CHARSET.sub(b"", header.first("Content-Type") or b"text/plain").rstrip(b"; \t\r\n")
    fields = {
        "Content-Type": b"Content-Type: " + value + b";\r\n charset=utf-8\r\n",
        "Content-Transfer-Encoding": b"Content-Transfer-Encoding: quoted-printable\r\n",
    }
    if header.start == 0:
        fields["MIME-Version"] = b"MIME-Version: 1.0\r\n"
    for name, line in fields.items():
        spans = header.spans(name)
        if not spans:
            splices.append(Splice(header.block_end, header.block_end, line))
        elif name != "MIME-Version":
            splices.append(Splice(spans[0].start, spans[0].end, line))
    return splices


def _text_block(body: TextBody, at: int, signature: str) -> str:
    newline = "\n" if "\n" in body.text and "\r\n" not in body.text and body.part.encoding == "base64" else "\r\n"
    lines = _LINE_END.split(signature.strip("\r\n"))
    if body.part.params.get("format", "").lower() == "flowed":  # RFC 3676: no flowed lines, stuffed where need be
        lines = [_fixed(line) for line in lines]
    above = body.text[:at]
    if not above:
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


def _html_block(body: TextBody, at: int, signature: str) -> str:
    tail = "<div><br></div>\r\n" if at < len(body.text) and not body.text.startswith("</", at) else ""
    return "\r\n<div><br></div>\r\n<div>" + _LINE_END.sub("\r\n", signature.strip()) + "</div>\r\n" + tail
