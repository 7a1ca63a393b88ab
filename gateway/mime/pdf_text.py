"""The text of PDF documents, where pypdf is installed (`postern[documents]`); to be run where time and memory end."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from importlib.util import find_spec

from gateway.mime.office_text import NotRead

MAX_PAGES = 200


def can_read_pdf() -> bool:
    """Whether the library is there."""
    return find_spec("pypdf") is not None


def pdf_text(content: bytes) -> Iterator[str]:
    """Yield the text page by page. Raises NotRead; a hostile document may take any time, and memory without end."""
    if not can_read_pdf():
        raise NotRead("pypdf is not installed")
    import pypdf

    logging.getLogger("pypdf").disabled = True  # it comments on every fault of a file, in the file's own words
    try:
        reader = pypdf.PdfReader(io.BytesIO(content), strict=False)
        for number, page in enumerate(reader.pages):
            if number == MAX_PAGES:
                return
            yield page.extract_text()
    except MemoryError:
        raise
    except Exception as error:
        raise NotRead(type(error).__name__) from error
