"""What is written in an attachment, as far as we can read its kind: known by its first octets, not by its name."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.domain.record import Attachment
from gateway.mime.charset import decode_text
from gateway.mime.facts import facts
from gateway.mime.office_text import office_text
from gateway.mime.pdf_text import pdf_text
from gateway.mime.plain import plain_text, text_of_html

MAX_CONTENT = 64 * 1024 * 1024  # octets of a document that is read at all
MAX_TEXT = 200_000  # characters of one document: some hundred pages
_PDF = b"%PDF-"
_ZIP = b"PK\x03\x04"


def document_text(attachment: Attachment) -> Iterator[str]:
    """Yield its text in pieces; nothing for pictures, archives and other kinds. Raises NotRead for a broken one."""
    content = attachment.content
    if len(content) > MAX_CONTENT:
        return
    left = MAX_TEXT
    for piece in _pieces(attachment, content):
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return


def _pieces(attachment: Attachment, content: bytes) -> Iterator[str]:
    kind = attachment.content_type
    if content[:1024].find(_PDF) != -1:  # rubbish before it is common
        yield from pdf_text(content)
    elif content.startswith(_ZIP):
        yield from office_text(content)
    elif kind.startswith("message/"):
        enclosed = facts(content)
        yield f"{enclosed.subject} {enclosed.sender} {enclosed.recipients}"
        yield plain_text(content, MAX_TEXT)
    elif kind == "text/html":
        yield text_of_html(decode_text(content[: MAX_TEXT * 4], ""))
    elif kind.startswith("text/"):
        yield decode_text(content[:MAX_TEXT], "")
