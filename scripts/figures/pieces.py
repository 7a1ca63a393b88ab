"""A second opinion on what a message holds, made without `gateway.mime`: boundaries are split here, octets are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

DEEPEST = 40  # levels; what lies deeper is compared as one piece
WHOLE = {"multipart/signed", "multipart/encrypted", "multipart/report", "application/pkcs7-mime"}


@dataclass(frozen=True)
class Piece:
    """A leaf of the message: its header block as it stands (the message's own: only Content-*), and its octets."""

    header: bytes
    body: bytes
    is_letter: bool  # the text or HTML that a person reads: here a signature may have come in


def pieces(raw: bytes) -> list[Piece]:
    """Return the leaves in order. What must not change at all counts as one leaf: signed, encrypted, reports."""
    header, body = _split(raw)
    fields = re.findall(rb"^content-[^\n]*\n(?:[ \t][^\n]*\n)*", header, re.IGNORECASE | re.MULTILINE)
    return _pieces(b"".join(fields), body, _parsed(header), DEEPEST)


def _pieces(header: bytes, body: bytes, parsed: Message, depth: int) -> list[Piece]:
    kind = parsed.get_content_type()
    boundary = parsed.get_boundary()
    if kind in WHOLE or not kind.startswith("multipart/") or not boundary or depth == 0:
        return [Piece(header, body, _is_letter(parsed))]
    mark = re.escape(boundary.encode("utf-8", "surrogateescape"))
    lines = list(re.finditer(rb"(?:\A|\r\n)--" + mark + rb"(--)?[ \t]*(?=\r\n|\Z)", body))
    found: list[Piece] = []
    for number, line in enumerate(lines):
        if line[1]:
            break
        part = body[line.end() + 2 : lines[number + 1].start() if number + 1 < len(lines) else len(body)]
        inner_header, inner_body = _split(part)
        found += _pieces(inner_header, inner_body, _parsed(inner_header), depth - 1)
    return found or [Piece(header, body, is_letter=False)]


def _is_letter(parsed: Message) -> bool:
    plain = parsed.get_content_type() in {"text/plain", "text/html"}
    return plain and not parsed.get_filename() and parsed.get_content_disposition() != "attachment"


def _parsed(header: bytes) -> Message:
    return BytesHeaderParser().parsebytes(header)


def _split(raw: bytes) -> tuple[bytes, bytes]:
    if raw.startswith(b"\r\n"):
        return b"", raw[2:]
    header, _, body = raw.partition(b"\r\n\r\n")
    return header + b"\r\n", body
