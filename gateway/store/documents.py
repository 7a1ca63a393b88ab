"""A client's documents as plain files that people open: one a content, never over another, the same name numbered."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from gateway.policy.filename import with_number
from gateway.store import files

CLIENTS = "clients"
DOCUMENTS = "documents"
DOCUMENT_MODE = 0o440
OLDEST_DATE = date(1985, 1, 1)  # before there was e-mail with attachments, a header's date is a broken clock
FUTURE = timedelta(days=1)  # as far as time zones and honest clocks go ahead


def day_of(written: datetime | None, filed_at: datetime) -> date:
    """The day the sender wrote, as their header says it, unless that can't be; then the day of filing."""
    if written is None or written.date() < OLDEST_DATE or written.date() > (filed_at + FUTURE).date():
        return filed_at.date()
    return written.date()


def folded(name: str) -> str:
    """What two names have in common that some file system or reader would take for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def place_of(folder: str, day: date) -> tuple[str, ...]:
    """The folder of a day's documents, step by step below the data folder."""
    return CLIENTS, folder, DOCUMENTS, f"{day.year:04d}"


def save(root: Path, folder: str, day: date, name: str, content: bytes) -> str:
    """Write the document; its path below ``root``. A file of that name with that content is taken as it is.

    Such a file is what a crash between writing and filing left.
    """
    parts = place_of(folder, day)
    for candidate in _names(day, name):
        taken = {folded(there): there for there in files.names_in(root, parts)}
        there = taken.get(folded(candidate))
        if there is None:
            try:
                files.add(root, parts, candidate, content, DOCUMENT_MODE)
            except FileExistsError:
                there = candidate
            else:
                return "/".join((*parts, candidate))
        if files.holds(root, parts, there, content):
            files.adopt(root, parts, there)
            return "/".join((*parts, there))
    raise AssertionError("numbers ended")


def _names(day: date, name: str) -> Iterator[str]:
    yield f"{day.isoformat()} {name}"
    number = 2
    while True:
        yield f"{day.isoformat()} {with_number(name, number)}"
        number += 1


def read(root: Path, path: str) -> bytes:
    """The document's bytes; OSError when it is gone or no plain file any more."""
    *parts, name = path.split("/")
    return files.read(root, parts, os.fsdecode(name))
