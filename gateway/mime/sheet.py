"""What is printed of a message below its header: its text and harmless HTML in their order, and what is attached."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.mime.attachments import each_attachment
from gateway.mime.charset import decode_text
from gateway.mime.harmless import harmless, shown_pictures
from gateway.mime.leaf import Leaf, leaves

MAX_TEXT = 2_000_000  # characters of one part; a book has less
MAX_BODIES = 20  # parts that are text; a digest has more, as attachments
MAX_LISTED = 200  # attachments

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Enclosure:
    """An attachment as it is listed; ``part`` as in `Attachment`."""

    part: str
    name: str
    content_type: str
    size: int
    note: str


def fragment(raw: bytes) -> str:
    """Write the body as HTML that is safe to stand in a page: quotations stay, and so do the pictures between words."""
    found = list(leaves(raw))
    bodies = [leaf for leaf in found if leaf.is_body]
    rich = any(leaf.part.content_type == "text/html" for leaf in bodies)
    pictures = shown_pictures(found) if rich else {}
    return "\n".join(_body(leaf, pictures) for leaf in _chosen(bodies, rich=rich))


def _chosen(bodies: list[Leaf], *, rich: bool) -> Iterator[Leaf]:
    """Of two ways to say the same the HTML; no more than `MAX_BODIES`."""
    left = MAX_BODIES
    for leaf in bodies:
        said_twice = rich and leaf.part.content_type == "text/plain" and leaf.around == "multipart/alternative"
        if not said_twice and left > 0:
            left -= 1
            yield leaf


def _body(leaf: Leaf, pictures: dict[str, str]) -> str:
    text = decode_text(leaf.content()[0], leaf.part.charset)[:MAX_TEXT]
    if leaf.part.content_type == "text/html":
        return f'<div class="letter">{harmless(text, pictures)}</div>'
    return f"<pre>{html.escape(_CONTROLS.sub('', text.replace(chr(13), '')))}</pre>"


def enclosures(raw: bytes) -> list[Enclosure]:
    """List the attachments; a picture that stands between the words is one as well."""
    found: list[Enclosure] = []
    for one in each_attachment(raw):
        found.append(Enclosure(one.part, one.name, one.content_type, len(one.content), one.note.value))
        if len(found) == MAX_LISTED:
            break
    return found
