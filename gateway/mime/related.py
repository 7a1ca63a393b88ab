"""Inline images beside the HTML part that shows them: multipart/related (RFC 2387)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.firm import InlineImage
from gateway.mime.body import root_of
from gateway.mime.encoding import decode_transfer, encode_base64
from gateway.mime.header import Field
from gateway.mime.splice import Splice, spliced
from gateway.mime.tree import Part

MAX_SHOWN = 100  # pictures of one page that are compared with ours

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9.+\-]+/[A-Za-z0-9.+\-]+")


@dataclass(frozen=True, slots=True)
class Pictures:
    """Images with their Content-IDs; ``seed`` makes the boundary one that nobody guesses."""

    images: tuple[tuple[str, InlineImage], ...]
    seed: str

    def parts(self, delimiter: bytes) -> bytes:
        """Write them, each behind its delimiter."""
        return b"".join(delimiter + b"\r\n" + _image_part(*image) for image in self.images)


def in_related(raw: bytes, tree: Sequence[Part], part: Part, splices: list[Splice], pictures: Pictures) -> list[Splice]:
    """Add the images to the multipart/related that the part is the root of, or else make one in its place."""
    parent = None if part.parent is None else tree[part.parent]
    if parent is not None and parent.content_type == "multipart/related" and root_of(parent, tree) is part:
        boundary = parent.params["boundary"].rstrip().encode("utf-8", "surrogateescape")
        return [*splices, Splice(part.body_end, part.body_end, pictures.parts(b"\r\n--" + boundary))]
    return _wrapped(raw, part, splices, pictures)


def shows(raw: bytes, tree: Sequence[Part], markup: str, images: Sequence[tuple[str, InlineImage]]) -> bool:
    """Whether the markup shows the same pictures already, under whatever names."""
    shown = [part for part in tree if part.content_id and f"cid:{part.content_id}" in markup]
    contents = {decode_transfer(part.body(raw), part.encoding)[0] for part in shown[:MAX_SHOWN]}
    return all(image.content in contents for _, image in images)


def _wrapped(raw: bytes, part: Part, splices: list[Splice], pictures: Pictures) -> list[Splice]:
    """Move the part's Content-* fields and body inside; at its old place stands the multipart."""
    content = [span for span in part.header.fields if span.key.startswith("content-")]
    inner_fields = b"".join(_edited(raw, splices, span.start, span.end) for span in content)
    added = b"".join(s.new for s in splices if s.start == s.end == part.header.block_end < part.header_end)
    if inner_fields and not inner_fields.endswith(b"\n"):
        inner_fields += b"\r\n"
    boundary = _free_boundary(raw, pictures.seed)
    body = _edited(raw, splices, part.header_end, part.body_end)
    delimiter = b"\r\n--" + boundary
    opening = part.missing_end + b"--" + boundary + b"\r\n" + inner_fields + added + b"\r\n"
    closing = delimiter + b"--" + (b"\r\n" if part.parent is None else b"")
    blob = opening + body + pictures.parts(delimiter) + closing
    fields = b'Content-Type: multipart/related; type="text/html";\r\n boundary="' + boundary + b'"\r\n'
    if part.encoding in {"8bit", "binary"}:
        fields += b"Content-Transfer-Encoding: " + part.encoding.encode() + b"\r\n"
    out = [Splice(span.start, span.end, b"" if number else fields) for number, span in enumerate(content)]
    if part.parent is None and not part.header.spans("MIME-Version"):
        out.append(Splice(part.header.block_end, part.header.block_end, b"MIME-Version: 1.0\r\n"))
    return [*out, Splice(part.header_end, part.body_end, blob)]


def _edited(raw: bytes, splices: list[Splice], start: int, end: int) -> bytes:
    """Apply those splices that lie within a range, and cut it out."""
    inside = [Splice(s.start - start, s.end - start, s.new) for s in splices if start <= s.start and s.end <= end]
    return spliced(raw[start:end], inside)


def _image_part(content_id: str, image: InlineImage) -> bytes:
    content_type = image.content_type if _MEDIA_TYPE.fullmatch(image.content_type) else "application/octet-stream"
    fields = (
        Field.token("Content-Type", content_type),
        Field.token("Content-Transfer-Encoding", "base64"),
        Field.token("Content-ID", f"<{content_id}>"),
        Field.token("Content-Disposition", "inline"),
    )
    return b"".join(field.line for field in fields) + b"\r\n" + encode_base64(image.content).removesuffix(b"\r\n")


def _free_boundary(raw: bytes, seed: str) -> bytes:
    """Take the first boundary that occurs nowhere in the message (RFC 2046 section 5.1.1)."""
    number = 0
    while (boundary := f"=_{seed}_{number}".encode()) in raw:
        number += 1
    return boundary
