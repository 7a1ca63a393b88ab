"""``BODY`` and ``BODYSTRUCTURE``: the tree of a message as IMAP writes it (RFC 9051 section 7.5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from gateway.mime.header import Header
from gateway.mime.params import parse_value
from gateway.mime.tree import Part, parts
from gateway.proxy.imap.answers import nstring, string
from gateway.proxy.imap.body import is_message
from gateway.proxy.imap.envelope import envelope, unfolded

MAX_ENCLOSED = 10  # messages within messages that are looked into; deeper ones are shown as plain files

_NOTHING = b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0)'  # a multipart needs a part, even where it has none


def structure(raw: bytes, *, extended: bool, enclosed: int = 0) -> bytes:
    """``extended`` makes it BODYSTRUCTURE. Parts come after their parents, so going backwards needs no recursion."""
    tree = parts(raw)
    written: dict[int, bytes] = {}
    for part in reversed(tree):
        if part.is_multipart:
            children = [written.pop(number) for number in part.children]
            written[part.number] = _multipart(part, children, extended=extended)
        else:
            written[part.number] = _leaf(part, raw, extended=extended, enclosed=enclosed)
    return written[0]


def _multipart(part: Part, children: list[bytes], *, extended: bool) -> bytes:
    pieces = [b"".join(children) or _NOTHING, string(_subtype(part))]
    if extended:
        pieces += [_params(part.params), *_extension(part.header)]
    return b"(" + b" ".join(pieces) + b")"


def _leaf(part: Part, raw: bytes, *, extended: bool, enclosed: int) -> bytes:
    opens = is_message(part) and enclosed < MAX_ENCLOSED
    hidden = part.content_type == "message/rfc822" and not opens
    kind, subtype = (b"APPLICATION", b"OCTET-STREAM") if hidden else (_type(part), _subtype(part))
    body = part.body(raw)
    pieces = [
        string(kind),
        string(subtype),
        _params(part.params),
        nstring(unfolded(part.header.first("Content-ID"))),
        nstring(unfolded(part.header.first("Content-Description"))),
        string(part.encoding.upper().encode("ascii", "replace") or b"7BIT"),
        b"%d" % len(body),
    ]
    if opens:
        pieces += [envelope(Header.read(body)), structure(body, extended=extended, enclosed=enclosed + 1)]
    if opens or kind == b"TEXT":
        pieces.append(b"%d" % body.count(b"\n"))
    if extended:
        pieces += [nstring(unfolded(part.header.first("Content-MD5"))), *_extension(part.header)]
    return b"(" + b" ".join(pieces) + b")"


def _extension(header: Header) -> list[bytes]:
    word, params = parse_value(header.first("Content-Disposition") or b"")
    kind = word.strip().encode("utf-8", "replace")
    disposition = b"(" + string(kind) + b" " + _params(params) + b")" if kind else b"NIL"
    language = nstring(unfolded(header.first("Content-Language")))
    return [disposition, language, nstring(unfolded(header.first("Content-Location")))]


def _type(part: Part) -> bytes:
    return part.content_type.partition("/")[0].upper().encode("ascii", "replace")


def _subtype(part: Part) -> bytes:
    return part.content_type.partition("/")[2].upper().encode("ascii", "replace")


def _params(params: Mapping[str, str]) -> bytes:
    """Decoded values that are not ASCII are written as RFC 2231 has them."""
    if not params:
        return b"NIL"
    written: list[bytes] = []
    for name, value in params.items():
        plain = value.isascii()
        label = name if plain else f"{name}*"
        shown = value if plain else "utf-8''" + quote(value, safe="", errors="replace")
        written += [string(label.encode("ascii", "replace")), string(shown.encode("ascii", "replace"))]
    return b"(" + b" ".join(written) + b")"
