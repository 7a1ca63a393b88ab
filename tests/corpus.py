"""Where the real messages are, for the tests that read them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

CORPUS = Path(os.environ.get("POSTERN_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus")

needs_corpus = pytest.mark.skipif(
    not (CORPUS / "messages").is_dir(), reason="the corpus of real messages is absent: set POSTERN_CORPUS to its folder"
)


def corpus_messages() -> list[Path]:
    """All messages, in one order everywhere; empty without the corpus."""
    return sorted(path for path in (CORPUS / "messages").rglob("*") if path.is_file())


def corpus_replies() -> list[Path]:
    """The replies of many mail programs, as text, as HTML and as messages."""
    return sorted(path for path in (CORPUS / "replies").rglob("*") if path.is_file())


def canonical(raw: bytes) -> bytes:
    """The bytes as submission hands them on: CRLF line ends, no NUL."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", raw).replace(b"\0", b"")
