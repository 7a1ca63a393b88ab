"""Text added to a part in its charset and transfer encoding: spliced in where that is sure, else written anew."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from gateway.mime.charset import WIDE, written_codec
from gateway.mime.encoding import IDENTITY, encode_base64, encode_quoted, quoted_place
from gateway.mime.header import MAX_LINE, Header
from gateway.mime.splice import Splice, splice
from gateway.mime.textpart import LeftAlone, TextBody

KNOWN = 128  # signatures, as they are written into parts of some kind, that are remembered: a firm has a few
SHORT = 4_000  # characters, or octets, of one that is; so they take some megabytes at most

_ONE_SPELLING = frozenset({"utf-8", "ascii"})  # decoded strictly, and encoded again, their octets are the same
_LINE_END = re.compile(r"\r\n|\r|\n")
_CHARSET = re.compile(rb";\s*charset\*?[0-9*]*\s*=\s*(?:\"[^\"]*\"|[^\s;]*)", re.IGNORECASE)
_C1 = re.compile("[\x80-\x9f]")


def added(body: TextBody, at: int, block: str) -> list[Splice]:
    """Add ``block`` at that character of the part's text; raises LeftAlone."""
    octets = None if body.codec in WIDE else _representable(body, block)
    offset = None if octets is None else _offset(body, at)
    if octets is None or offset is None:
        return _raised(body, at, block)
    if body.part.encoding == "base64":
        whole = body.octets[:offset] + octets + body.octets[offset:]
        return [_body(body, encode_base64(whole).removesuffix(b"\r\n"))]
    return [_inserted(body, offset, octets)]


def _offset(body: TextBody, at: int) -> int | None:
    """The octet that the character is; None where octets before it may be another spelling, or a shifted state."""
    if body.codec in _ONE_SPELLING:
        return len(body.octets) - len(body.text[at:].encode())
    before = body.text[:at].encode(body.codec, "replace")
    return len(before) if body.octets[: len(before)] == before else None


def _body(body: TextBody, coded: bytes) -> Splice:
    return Splice(body.part.header_end, body.part.body_end, body.part.missing_end + coded)


def _inserted(body: TextBody, offset: int, octets: bytes) -> Splice:
    start = body.part.header_end
    lead = body.part.missing_end
    if body.part.encoding != "quoted-printable":
        return splice((start + offset, start + offset, lead + octets))
    coded = body.part.body(body.raw)
    at = quoted_place(coded, body.octets, offset)
    if at is None:
        return _body(body, encode_quoted(body.octets[:offset] + octets + body.octets[offset:]))
    soft = b"=\r\n" if at and coded[at - 1 : at] != b"\n" else b""
    coded = _quoted(octets) if len(octets) <= SHORT else encode_quoted(octets)
    return splice((start + at, start + at, lead + soft + coded))


@lru_cache(maxsize=KNOWN)
def _quoted(octets: bytes) -> bytes:
    return encode_quoted(octets)


def _representable(body: TextBody, block: str) -> bytes | None:
    """Encode the block as the part is encoded; None where charset, eight bits or line length forbid it."""
    identity = body.part.encoding in IDENTITY
    seven = identity and not body.eight
    spell = _spelled if len(block) <= SHORT else _spelled.__wrapped__
    octets = spell(block, body.part.charset, body.codec, seven=seven, is_html=body.is_html)
    if octets is None or (identity and not _fits(octets, body.delimiters)):
        return None
    return octets


def _fits(octets: bytes, delimiters: tuple[bytes, ...]) -> bool:
    """Whether each line of it may stand as it is."""
    if len(octets) <= MAX_LINE and not any(map(octets.__contains__, delimiters)):
        return True
    return not any(len(line) > MAX_LINE or line.startswith(delimiters) for line in octets.split(b"\r\n"))


@lru_cache(maxsize=KNOWN)
def _spelled(block: str, charset: str, codec: str, *, seven: bool, is_html: bool) -> bytes | None:
    octets = _encoded(block, charset, codec)
    if octets is not None and seven and not octets.isascii():
        octets = None
    return block.encode("ascii", "xmlcharrefreplace") if octets is None and is_html else octets


def _encoded(block: str, charset: str, codec: str) -> bytes | None:
    """None where the charset as named can't say it, or where our reading of it would differ."""
    if block.isascii():
        return block.encode("ascii")
    narrow = codec if codec == "utf-8" else written_codec(charset)
    try:
        octets = block.encode(narrow or codec)
        return octets if octets.decode(codec) == block else None
    except UnicodeError:
        return None


def _raised(body: TextBody, at: int, block: str) -> list[Splice]:
    """Write the part anew in UTF-8 and quoted-printable: the only way that the signature keeps its letters."""
    text = _LINE_END.sub("\r\n", body.text[:at] + block + body.text[at:]).removeprefix("\ufeff")
    if body.codec in {"iso8859-1", "latin-1"} and _C1.search(body.text):
        text = _windows(text)
    return [*_relabelled(body.part.header), _body(body, encode_quoted(text.encode("utf-8")))]


def _windows(text: str) -> str:
    """Take what is called ISO-8859-1 and has no business there for Windows-1252, as every reader does."""
    try:
        return _C1.sub(lambda match: match[0].encode("latin-1").decode("cp1252"), text)
    except UnicodeDecodeError as error:
        raise LeftAlone("it is not really iso-8859-1") from error


def _relabelled(header: Header) -> list[Splice]:
    splices: list[Splice] = []
    value = _CHARSET.sub(b"", header.first("Content-Type") or b"text/plain").rstrip(b"; \t\r\n")
    fields = {
        "Content-Type": b"Content-Type: " + value + b";\r\n charset=utf-8\r\n",
        "Content-Transfer-Encoding": b"Content-Transfer-Encoding: quoted-printable\r\n",
    }
    if header.start == 0:
        fields["MIME-Version"] = b"MIME-Version: 1.0\r\n"
    lead = _line_end_due(header, fields)
    for name, line in fields.items():
        spans = header.spans(name)
        if not spans:
            splices.append(Splice(header.block_end, header.block_end, lead + line))
            lead = b""
        elif name != "MIME-Version":
            splices.append(Splice(spans[0].start, spans[0].end, line))
    return splices


def _line_end_due(header: Header, replaced: Iterable[str]) -> bytes:
    """What has to stand before a field that is added to a block which the message's end has cut off."""
    last = header.raw[header.start : header.block_end][-1:]
    ended = last in {b"", b"\n"}
    ended = ended or (bool(header.fields) and header.fields[-1].key in {name.lower() for name in replaced})
    return b"" if ended else b"\r\n"
