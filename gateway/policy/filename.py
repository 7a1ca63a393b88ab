"""Names from outside, made safe for files and folders on any system that a person may open them on."""

from __future__ import annotations

import re
import unicodedata

MAX_FILE_NAME = 200  # octets, contract.md
MAX_NAME = MAX_FILE_NAME - len("2026-03-14 ")  # what the date that stands before it leaves
MAX_EXTENSION = 20  # octets with its dot: what is longer is no extension, and may be cut like the rest
NAMELESS = "attachment"
NAMELESS_CLIENT = "client"
EXTENSIONS = {  # for what came without a name: of types that people open
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/msword": ".doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/xml": ".xml",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/xml": ".xml",
}

_SEPARATORS = re.compile(r"[/\\]")
_FORBIDDEN = frozenset('/\\:*?"<>|')  # of Windows and its shares; of others the first only
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\.|$)", re.IGNORECASE
)
_DRIVE = re.compile(r"[A-Za-z]:")


def safe_name(name: str) -> str:
    """A file name without anything that a file system, a shell or a reader could take for something else.

    No separators, controls, invisible or direction-changing characters, reserved names, leading dots or dashes,
    trailing dots or spaces; NFC; at most MAX_NAME octets, so that a date and a space fit before it; never empty.
    """
    return _safe(name) or NAMELESS


def document_name(name: str, content_type: str) -> str:
    """A safe name for an attachment; where it has none, one with the extension of its type."""
    return safe_name(name) if _safe(name) else NAMELESS + EXTENSIONS.get(content_type, "")


def with_number(name: str, number: int) -> str:
    """The name for the second, third … file of that name: ``statement (2).pdf``; within MAX_NAME again."""
    stem, extension = _split(name)
    return _cut(stem.rstrip(" "), f" ({number}){extension}")


def slug(client_name: str) -> str:
    """The name of a client's folder: the client's own name, made safe. Two names may give the same one."""
    return _safe(client_name) or NAMELESS_CLIENT


def _safe(name: str) -> str:
    steps = [step for step in _SEPARATORS.split(name[: MAX_NAME * 8]) if step.strip(". ")]
    if len(steps) > 1 and _DRIVE.fullmatch(steps[0]):
        del steps[0]
    shown = "".join(map(_safe_character, unicodedata.normalize("NFC", "_".join(steps))))
    tidy = _ends(" ".join(shown.split()))
    if _RESERVED.match(tidy):
        tidy = f"_{tidy}"
    return _cut(*_split(tidy)) if tidy else ""


def _safe_character(c: str) -> str:
    if c.isspace():
        return " "
    if unicodedata.category(c)[0] == "C":  # controls, formats (bidi, zero width), surrogates, unassigned
        return ""
    return "_" if set(unicodedata.normalize("NFKC", c)) & _FORBIDDEN else c


def _ends(text: str) -> str:
    return text.lstrip(".- ").rstrip(". ")


def _split(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) >= MAX_EXTENSION or " " in extension:
        return name, ""
    return stem, dot + extension


def _cut(stem: str, rest: str) -> str:
    room = MAX_NAME - len(rest.encode())
    if len(stem.encode()) > room:
        stem = _ends(stem.encode()[:room].decode("utf-8", "ignore"))
    return stem + rest
