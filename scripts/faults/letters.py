"""Letters that bear a mark and the hash of what they carry, and the look at what of them arrived."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import dataclass

LINE = 76  # characters of base64, RFC 2045 section 6.8
_BOUNDARY = b"=_postern_fault"
_MARK = re.compile(rb"^X-Mark: ([0-9a-f]{32})\r\n", re.MULTILINE)
_CARRIED = re.compile(rb"^X-Carries: ([0-9a-f]{64})\r\n.*?\r\n\r\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Letter:
    """A message ready to be sent, and the mark that tells it from all others."""

    mark: str
    raw: bytes


@dataclass(frozen=True)
class Arrived:
    """What of a letter could be seen where it arrived."""

    mark: str
    whole: bool


def letter(sender: str, to: str, carries: int = 300) -> Letter:
    """Return a letter with a text and an attachment of about so many octets on the wire."""
    mark = os.urandom(16).hex()
    payload = _payload(carries)
    digest = hashlib.sha256(payload).hexdigest().encode()
    head = (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {mark}\r\nX-Mark: {mark}\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/mixed; boundary="{_BOUNDARY.decode()}"\r\n\r\n'
    ).encode()
    pieces = (
        head,
        b"--" + _BOUNDARY + b"\r\nContent-Type: text/plain\r\n\r\nDear Al,\r\nhere it is.\r\n\r\n",
        b"--" + _BOUNDARY + b"\r\nX-Carries: " + digest + b"\r\nContent-Type: application/octet-stream\r\n",
        b"Content-Transfer-Encoding: base64\r\n\r\n" + payload,
        b"\r\n--" + _BOUNDARY + b"--\r\n",
    )
    return Letter(mark, b"".join(pieces))


def _payload(size: int) -> bytes:
    """Base64 of random octets in lines; a large one repeats a block, which costs less and shows a cut as well."""
    block = base64.b64encode(os.urandom(min(size, 65_536) * 3 // 4 + 3))
    text = (block * (size // len(block) + 1))[:size]
    return b"\r\n".join(text[at : at + LINE] for at in range(0, len(text), LINE))


def look(raw: bytes) -> Arrived | None:
    """None where it is none of our letters."""
    mark = _MARK.search(raw)
    if mark is None:
        return None
    carried = _CARRIED.search(raw, mark.end())
    end = raw.find(b"\r\n--" + _BOUNDARY + b"--", carried.end() if carried else 0)
    whole = carried is not None and end > 0 and _same(raw[carried.end() : end], carried[1])
    return Arrived(mark[1].decode(), whole)


def _same(payload: bytes, digest: bytes) -> bool:
    return hashlib.sha256(payload).hexdigest().encode() == digest
