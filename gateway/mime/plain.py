"""A message's body as text for reading in a terminal."""

from __future__ import annotations

import html
import re

from gateway.mime.charset import decode_text
from gateway.mime.encoding import decode_transfer
from gateway.mime.tree import Part, parts

MAX_READ = 8  # octets per character wanted: room for markup and transfer encoding

_INVISIBLE = re.compile(
    r"<!--.*?(?:-->|\Z)|<(style|script|head|title)\b[^>]*+>.*?(?:</\1\s*+>|\Z)", re.DOTALL | re.IGNORECASE
)
_SPACE = re.compile(r"\s+")
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|hr|/table|/blockquote)\b[^<>]*+>", re.IGNORECASE)
_TAG = re.compile(r"<[/!?a-zA-Z][^<>]*+>")
_EMPTY_LINES = re.compile(r"\n[ \t\n]*\n")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # a terminal would obey some of them


def plain_text(raw: bytes, limit: int = 100_000) -> str:
    """Read the body: its plain text, or its HTML without tags; at most ``limit`` characters, line ends ``\\n``."""
    tree = [part for part in parts(raw) if part.disposition != "attachment" and not part.filename]
    texts = [_text(raw, part, limit) for part in tree if part.content_type == "text/plain"]
    text = "\n".join(text.strip("\n") for text in texts if text.strip())
    if not text:
        pages = [_text(raw, part, limit) for part in tree if part.content_type == "text/html"]
        text = "\n".join(text_of_html(page) for page in pages)
    return text[:limit]


def text_of_html(page: str) -> str:
    """Read HTML without its tags; paragraphs become lines. For reading only: nothing here makes HTML safe."""
    page = _SPACE.sub(" ", _INVISIBLE.sub(" ", page))
    page = _TAG.sub("", _BREAK.sub("\n", page))
    lines = (line.strip() for line in html.unescape(page).replace("\u00a0", " ").split("\n"))
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()


def _text(raw: bytes, part: Part, limit: int) -> str:
    body = raw[part.header_end : min(part.body_end, part.header_end + limit * MAX_READ)]
    text = decode_text(decode_transfer(body, part.encoding)[0], part.charset)
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
