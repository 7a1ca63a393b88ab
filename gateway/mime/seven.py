"""A message for a server that takes only seven bits (RFC 6152 section 3): its parts encoded anew, nothing else touched.

A signature by DKIM that covers the body does not survive this; one inside the message would not either, so what is
signed or encrypted is never changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.mime.body import sealed
from gateway.mime.encoding import IDENTITY, encode_base64, encode_quoted
from gateway.mime.header import Header
from gateway.mime.splice import Splice, spliced
from gateway.mime.tree import MAX_DEPTH, Part, parts

_NOT_ASCII = bytes(octet if octet < 0x80 else ord("?") for octet in range(256))
_LOCKED = frozenset({"multipart/signed", "multipart/encrypted"})
_WHOLE = frozenset({"message/rfc822", "message/global", "message/partial"})


def seven_bit(raw: bytes, depth: int = 0) -> bytes | None:
    """The message in ASCII; None where that may not be, or can't: it is sealed, or a header holds eight bits."""
    if raw.isascii():
        return raw
    tree = parts(raw)
    if depth > MAX_DEPTH or (sealed(raw, tree) and _eight(raw, tree[0])):
        return None
    splices: list[Splice] = []
    for part in tree:
        if not raw[part.start : part.header_end].isascii():
            return None
        found = _multipart(raw, part, tree) if part.children else _leaf(raw, part, tree, depth)
        if found is None:
            return None
        splices.extend(found)
    return spliced(raw, splices)


def _multipart(raw: bytes, part: Part, tree: Sequence[Part]) -> list[Splice]:
    """Its header says what its parts are now; the text between them is nobody's, and readers don't show it."""
    found = [_encoding(part.header, b"7bit")] if part.encoding in {"8bit", "binary"} else []
    for start, stop in _gaps(part, tree):
        if not raw[start:stop].isascii():
            found.append(Splice(start, stop, raw[start:stop].translate(_NOT_ASCII)))
    return found


def _gaps(part: Part, tree: Sequence[Part]) -> Iterator[tuple[int, int]]:
    at = part.header_end
    for child in part.children:
        yield at, tree[child].start
        at = tree[child].body_end
    yield at, part.body_end


def _leaf(raw: bytes, part: Part, tree: Sequence[Part], depth: int) -> list[Splice] | None:
    if not _eight(raw, part):
        return [_encoding(part.header, b"7bit")] if part.encoding in {"8bit", "binary"} else []
    if part.encoding not in IDENTITY or part.is_multipart or _is_locked(part, tree):
        return None  # eight bits in what calls itself encoded, a multipart that nobody can take apart, or a signature
    body = part.body(raw)
    if part.content_type in _WHOLE:  # RFC 2046 section 5.2.1: no encoding around a message
        inner = seven_bit(body, depth + 1)
        return (
            None if inner is None else [_encoding(part.header, b"7bit"), Splice(part.header_end, part.body_end, inner)]
        )
    text = part.content_type.startswith("text/")
    word, coded = (b"quoted-printable", encode_quoted(body)) if text else (b"base64", encode_base64(body))
    if not text and part.parent is not None:
        coded = coded.removesuffix(b"\r\n")  # the line end before a delimiter is the delimiter's
    return [_encoding(part.header, word), Splice(part.header_end, part.body_end, coded)]


def _eight(raw: bytes, part: Part) -> bool:
    return not raw[part.header_end : part.body_end].isascii()


def _is_locked(part: Part, tree: Sequence[Part]) -> bool:
    above: int | None = part.number
    while above is not None:
        if tree[above].content_type in _LOCKED:
            return True
        above = tree[above].parent
    return False


def _encoding(header: Header, word: bytes) -> Splice:
    """Content-Transfer-Encoding, in place of the one that was there."""
    field = b"Content-Transfer-Encoding: " + word + b"\r\n"
    there = header.spans("Content-Transfer-Encoding")
    if there:
        return Splice(there[0].start, there[0].end, field)
    return Splice(header.block_end, header.block_end, field)
