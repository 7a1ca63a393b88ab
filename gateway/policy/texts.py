"""A message as search knows it: the words of its header and body, and what may be shown of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gateway.domain.record import Attachment, HeaderFacts
from gateway.domain.search import Texts
from gateway.mime.document_text import document_text
from gateway.mime.facts import facts
from gateway.mime.pdf_text import can_read_pdf
from gateway.mime.plain import plain_text
from gateway.policy.words import words_of

VERSION = "1"  # to be raised when the same message gives other words
MAX_BODY = 100_000  # characters that are looked for words: fifty pages
MAX_EXCERPT = 6_000  # characters that are kept for showing
MAX_EXCERPT_BODY = 4_000  # of them for the body; the rest is the documents'
MAX_LINE = 800  # characters of a document's text that are kept for showing
MAX_NAME = 200  # characters of a document's name there
MAX_WORDS = 200_000  # characters of words of all documents: some hundred pages


def version() -> str:
    """Of all that makes words of messages: an index that another version made is of no use."""
    return f"{VERSION} with PDF" if can_read_pdf() else VERSION


def joined(text: str) -> str:
    """Words as they go to the index."""
    return " ".join(words_of(text))


def header_texts(known: HeaderFacts) -> Texts:
    """What can be said of a message whose bytes can't be read."""
    return Texts(joined(known.subject), joined(known.sender), joined(known.recipients))


def letter_texts(raw: bytes, found: Sequence[Attachment]) -> Texts:
    """Header, body, and the names of the attachments; ``found`` are the message's own."""
    body = plain_text(raw, MAX_BODY)
    excerpt = "\n".join((_line(body, MAX_EXCERPT_BODY), *(_line(one.name, MAX_NAME) for one in found)))
    return replace(
        header_texts(facts(raw)),
        body=joined(body),
        documents=joined(" ".join(one.name for one in found)),
        excerpt=excerpt[:MAX_EXCERPT],
        has_attachment=bool(found),
    )


def with_document(texts: Texts, words: str, line: str) -> Texts:
    """Add the words of a document, and a line to show of it, as far as there is room."""
    room = max(0, MAX_WORDS - len(texts.documents))
    if len(words) > room:
        words = words[:room].rpartition(" ")[0]
    excerpt = f"{texts.excerpt}\n{line}" if line and len(texts.excerpt) + len(line) < MAX_EXCERPT else texts.excerpt
    return replace(texts, documents=f"{texts.documents} {words}".strip(), excerpt=excerpt)


def document_words(attachment: Attachment) -> Iterator[tuple[str, str]]:
    """Yield words and a line to show of each piece of a document's text. Raises `NotRead` for a broken one."""
    shown = 0
    for piece in document_text(attachment):
        line = _line(piece, MAX_LINE - shown) if shown < MAX_LINE else ""
        shown += len(line)
        yield joined(piece), f"{attachment.name[:MAX_NAME]}: {line}" if line else ""


def _line(text: str, most: int) -> str:
    return " ".join(text[: most * 2].split())[:most]
