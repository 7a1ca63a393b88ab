"""Which parts of a message are attachments, which are its text, and which pictures its HTML shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from gateway.mime.encoding import decode_base64, decode_transfer
from gateway.mime.tree import Part, parts

SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
MESSAGES = frozenset({"message/rfc822", "message/global"})

_BODIES = frozenset({"text/plain", "text/html", "text/enriched", "text/rfc822-headers", "text/x-amp-html"})
_USUAL_NAMES = frozenset({"", "smime.p7s", "signature.asc", "signature.pgp", "openpgp_digital_signature"})
_SHOWN = re.compile(rb"\bcid:([^\"'\s<>)]{1,998})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part without parts of its own."""

    part: Part
    around: str  # the type of the multipart that it lies in; empty at the top
    is_body: bool  # text that a person reads as the message
    shown: bool

    def content(self) -> tuple[bytes, bool]:
        """Undo its transfer encoding; False where that was damaged or is unknown."""
        part, start = self.part, self._start()
        if part.encoding == "base64":
            return decode_base64(part.message, start, part.body_end)
        return decode_transfer(part.message[start : part.body_end], part.encoding)

    def _start(self) -> int:
        """Where the empty line is missing, the content begins behind the last field."""
        part = self.part
        if not part.is_unclear or part.message[part.header_end : part.body_end].strip():
            return part.header_end
        fields = part.header.fields
        return fields[-1].end if fields else part.header_end


def leaves(raw: bytes) -> Iterator[Leaf]:
    """Find the attachments and the text of one message, in their order; what is neither is left out."""
    tree = parts(raw)
    shown = _shown(tree)
    for part in tree:
        around = tree[part.parent].content_type if part.parent is not None else ""
        if part.is_multipart:
            continue
        if _is_attachment(part, around):
            is_picture = part.content_type.startswith("image/")
            yield Leaf(part, around, is_body=False, shown=is_picture and part.content_id in shown)
        elif part.content_type in _BODIES:
            yield Leaf(part, around, is_body=True, shown=True)


def brings_files(raw: bytes) -> bool:
    """Whether there is anything to be looked through for attachments; decodes next to nothing."""
    return b"\nbegin " in raw or any(not leaf.is_body for leaf in leaves(raw))


def _is_attachment(part: Part, around: str) -> bool:
    if part.content_type in SIGNATURES and (around == "multipart/signed" or part.filename.lower() in _USUAL_NAMES):
        return False
    if part.content_type == "application/pgp-encrypted":  # it holds a version number
        return False
    if part.disposition == "attachment" or part.filename or part.content_type in MESSAGES:
        return True
    if part.content_type == "text/calendar":
        return around != "multipart/alternative"
    return part.content_type not in _BODIES and not part.content_type.startswith("message/")


def _shown(tree: Sequence[Part]) -> frozenset[str]:
    """The Content-IDs that some HTML of the message shows; nothing is decoded where no picture has one."""
    if not any(part.content_type.startswith("image/") and part.content_id for part in tree):
        return frozenset()
    return frozenset(
        unquote(found[1].decode("utf-8", "replace"))
        for part in tree
        if part.content_type == "text/html"
        for found in _SHOWN.finditer(decode_transfer(part.body(part.message), part.encoding)[0])
    ) - {""}
