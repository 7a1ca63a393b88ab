"""What a PKCS#7 container holds (RFC 5652, RFC 8551): looked into, never verified, with a bounded reader of its BER."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.mime.encoding import decode_base64

MAX_ELEMENTS = 200_000  # of one container: streamed content comes in strings of some kilobytes
MAX_LENGTH_OCTETS = 4  # of a length: 4 GB is more than any message

_EOC, _OCTETS, _OID, _SEQUENCE, _CONTEXT = 0x00, 0x04, 0x06, 0x30, 0xA0
_CONSTRUCTED = 0x20
_ARMOUR = re.compile(rb"\s*-----BEGIN [A-Z0-9 #]{1,40}-----\r?\n(.*?)-----END ", re.DOTALL)
_CODED = re.compile(rb"\s*[A-Za-z0-9+/]{40}")


class Kind(StrEnum):
    """What the container says it is."""

    SIGNED = "signed"
    ENCRYPTED = "encrypted"
    COMPRESSED = "compressed"
    OTHER = "other"


_KINDS = {  # by the octets of their object identifiers
    bytes.fromhex("2a864886f70d010702"): Kind.SIGNED,
    bytes.fromhex("2a864886f70d010703"): Kind.ENCRYPTED,  # EnvelopedData
    bytes.fromhex("2a864886f70d0109100117"): Kind.ENCRYPTED,  # AuthEnvelopedData, RFC 5083
    bytes.fromhex("2a864886f70d0109100109"): Kind.COMPRESSED,  # RFC 3274
}


@dataclass(frozen=True, slots=True)
class Container:
    """``content`` is None where there is none to be had: encrypted, compressed, or signed apart from it."""

    kind: Kind
    content: bytes | None = field(default=None, repr=False)


class _Odd(Exception):
    """It is no BER, or not what the standard says."""


@dataclass(slots=True)
class _Reader:
    raw: bytes
    left: int = MAX_ELEMENTS

    def head(self, at: int, stop: int) -> tuple[int, int, int | None]:
        """Tag, where its content begins, and where that ends: None where the end is marked instead."""
        self.left -= 1
        if self.left < 0 or at + 2 > stop or self.raw[at] & 0x1F == 0x1F:
            raise _Odd
        tag, length = self.raw[at], self.raw[at + 1]
        if length < 0x80:
            return self._checked(tag, at + 2, at + 2 + length, stop)
        if length == 0x80:
            if not tag & _CONSTRUCTED:
                raise _Odd
            return tag, at + 2, None
        size = length & 0x7F
        if size > MAX_LENGTH_OCTETS or at + 2 + size > stop:
            raise _Odd
        start = at + 2 + size
        return self._checked(tag, start, start + int.from_bytes(self.raw[at + 2 : start]), stop)

    def _checked(self, tag: int, start: int, end: int, stop: int) -> tuple[int, int, int]:
        if end > stop:
            raise _Odd
        return tag, start, end

    def into(self, at: int, stop: int, wanted: int) -> tuple[int, int]:
        """Open an element of that tag: where its content begins, and where it must have ended."""
        tag, start, end = self.head(at, stop)
        if tag != wanted:
            raise _Odd
        return start, stop if end is None else end

    def behind(self, at: int, stop: int) -> int:
        """Where the next element begins; those without a length are walked, without recursion."""
        depth = 0
        while True:
            tag, start, end = self.head(at, stop)
            if tag == _EOC:
                depth -= 1
                at = start
            elif end is None:
                depth += 1
                at = start
            else:
                at = end
            if depth <= 0:
                return at

    def strings(self, at: int, stop: int) -> Iterator[bytes]:
        """The pieces of an OCTET STRING (X.690 section 8.7), whole or in strings of its own."""
        tag, start, end = self.head(at, stop)
        if tag == _OCTETS and end is not None:
            yield self.raw[start:end]
            return
        if tag != _OCTETS | _CONSTRUCTED:
            raise _Odd
        open_ends: list[int | None] = [end]  # of the strings that hold strings
        at = start
        while open_ends:
            if at == open_ends[-1]:
                open_ends.pop()
                continue
            tag, start, end = self.head(at, stop if open_ends[-1] is None else open_ends[-1])
            if tag == _EOC and open_ends[-1] is None:
                open_ends.pop()
                at = start
            elif tag == _OCTETS | _CONSTRUCTED:
                open_ends.append(end)
                at = start
            elif tag == _OCTETS and end is not None:
                yield self.raw[start:end]
                at = end
            else:
                raise _Odd


def container(octets: bytes) -> Container | None:
    """Look into it; None for what is no PKCS#7. Never raises; linear in the octets."""
    reader = _Reader(_binary(octets))
    try:
        return _opened(reader)
    except (_Odd, IndexError):
        return None


def _opened(reader: _Reader) -> Container:
    """ContentInfo, RFC 5652 section 3, and the encapsulated content of SignedData, section 5.1."""
    stop = len(reader.raw)
    at, end = reader.into(0, stop, _SEQUENCE)
    start, after = reader.into(at, end, _OID)
    kind = _KINDS.get(reader.raw[start:after], Kind.OTHER)
    if kind is not Kind.SIGNED:
        return Container(kind)
    at, end = reader.into(after, end, _CONTEXT)
    at, end = reader.into(at, end, _SEQUENCE)
    at = reader.behind(reader.behind(at, end), end)  # version, digestAlgorithms
    at, end = reader.into(at, end, _SEQUENCE)
    at = reader.behind(at, end)
    if at >= end or reader.raw[at] != _CONTEXT:
        return Container(kind)
    at, end = reader.into(at, end, _CONTEXT)
    try:
        return Container(kind, b"".join(reader.strings(at, end)))
    except _Odd:
        return Container(kind)


def _binary(octets: bytes) -> bytes:
    """DER; some programs write it as text, with or without the lines of PEM (RFC 7468)."""
    if octets[:1] == b"\x30":
        return octets
    armoured = _ARMOUR.match(octets)
    if armoured:
        return decode_base64(armoured[1])[0]
    return decode_base64(octets)[0] if _CODED.match(octets) else octets
