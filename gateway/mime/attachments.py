"""The attachments of a message as a person would count them, decoded, under the names that the sender gave."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.record import Attachment
from gateway.mime.encoding import decode_transfer
from gateway.mime.header import Header
from gateway.mime.tree import Part, parts

MAX_ATTACHMENTS = 1_000  # of one message; the raw message stays the record
MAX_NAME = 5_000  # characters

_SIGNATURES = frozenset(
    {
        "application/pgp-signature",
        "application/pgp-encrypted",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
    }
)
_BODIES = frozenset({"text/plain", "text/html", "text/enriched", "text/rfc822-headers", "text/x-amp-html"})


def attachments(raw: bytes) -> tuple[Attachment, ...]:
    """Decode them, numbered from 1; what is forwarded is one attachment, with all that it encloses."""
    tree = parts(raw)
    html = b"".join(_decoded(raw, part) for part in tree if part.content_type == "text/html")
    found = [part for part in tree if _is_attachment(part, tree) and not _is_shown_inline(part, html)]
    return tuple(_attachment(raw, part, number) for number, part in enumerate(found[:MAX_ATTACHMENTS], 1))


def _is_attachment(part: Part, tree: Sequence[Part]) -> bool:
    if part.is_multipart or part.content_type in _SIGNATURES:
        return False
    around = tree[part.parent].content_type if part.parent is not None else ""
    if around == "multipart/encrypted":
        return False
    if part.disposition == "attachment" or part.filename or part.content_type in {"message/rfc822", "message/global"}:
        return True
    if part.content_type == "text/calendar":
        return around != "multipart/alternative"
    return part.content_type not in _BODIES and not part.content_type.startswith("message/")


def _is_shown_inline(part: Part, html: bytes) -> bool:
    return (
        part.content_type.startswith("image/")
        and bool(part.content_id)
        and b"cid:" + part.content_id.encode("utf-8") in html
    )


def _attachment(raw: bytes, part: Part, number: int) -> Attachment:
    content, sound = decode_transfer(part.body(raw), part.encoding)
    name = part.filename
    if not name and part.content_type.startswith("message/"):
        name = (Header.read(content).text("Subject", MAX_NAME) or "message") + ".eml"
    return Attachment(number, name[:MAX_NAME], part.content_type, content, damaged=not sound)


def _decoded(raw: bytes, part: Part) -> bytes:
    return decode_transfer(part.body(raw), part.encoding)[0]
