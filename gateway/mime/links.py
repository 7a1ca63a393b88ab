"""The web addresses that a message's text and HTML hold: collected, bounded, and never followed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from gateway.mime.charset import decode_text
from gateway.mime.encoding import decode_transfer
from gateway.mime.tree import Part, parts

MAX_LINKS = 1_000  # of one message
MAX_LINK = 2_000  # characters; longer ones are nobody's share
MAX_TEXT = 5_000_000  # octets of one part that are looked through

_IN_TEXT = re.compile(r"https?://[^\s<>\"'\\^`{|}\x00-\x20\x7f]{1,2001}", re.IGNORECASE)
_IN_HTML = re.compile(
    r"\bhref\s{0,9}=\s{0,9}(?:\"([^\"]{1,4000})\"|'([^']{1,4000})'|([^\s\"'<>]{1,4000}))", re.IGNORECASE
)
_BEHIND = ".,;:!?*_\u2026\u201d\u2019\u00bb"  # what a sentence puts behind an address
_PAIRS = {")": "(", "]": "["}


def links(raw: bytes) -> tuple[str, ...]:
    """Find each once, in the order in which they stand; of HTML where its links lead, not what they show."""
    found: dict[str, None] = {}
    for part in parts(raw):
        if part.content_type not in {"text/plain", "text/html"} or part.disposition == "attachment" or part.filename:
            continue
        each = _of_html if part.content_type == "text/html" else _of_text
        for link in each(_text(raw, part)):
            if len(found) == MAX_LINKS:
                return tuple(found)
            if len(link) <= MAX_LINK:
                found.setdefault(link)
    return tuple(found)


def _text(raw: bytes, part: Part) -> str:
    octets = decode_transfer(raw[part.header_end : min(part.body_end, part.header_end + MAX_TEXT)], part.encoding)[0]
    return decode_text(octets, part.charset)


def _of_text(text: str) -> Iterator[str]:
    for match in _IN_TEXT.finditer(text):
        yield _without_sentence(match[0])


def _of_html(page: str) -> Iterator[str]:
    for match in _IN_HTML.finditer(page):
        link = html.unescape(match[1] or match[2] or match[3]).strip()
        if link[:4].lower() == "http":
            yield link


def _without_sentence(link: str) -> str:
    while link:
        last = link[-1]
        if last not in _BEHIND and not (last in _PAIRS and link.count(last) > link.count(_PAIRS[last])):
            return link
        link = link[:-1]
    return link
