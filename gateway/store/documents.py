"""A client's documents as plain files that people open: one a content, never over another, the same name numbered."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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
    if name.isascii():
        return name.casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def place_of(folder: str, day: date) -> tuple[str, ...]:
    """The folder of a day's documents, step by step below the data folder."""
    return CLIENTS, folder, DOCUMENTS, f"{day.year:04d}"


@dataclass(frozen=True, slots=True)
class Paper:
    """A document on its way into the folder of a client, as `client_folder` names it."""

    folder: str
    day: date
    name: str
    content: bytes = field(repr=False)


def save(root: Path, folder: str, day: date, name: str, content: bytes) -> str:
    """Write the document; its path below ``root``. A file of that name with that content is taken as it is.

    Such a file is what a crash between writing and filing left.
    """
    return save_all(root, [Paper(folder, day, name, content)])[0]


def save_all(root: Path, papers: Sequence[Paper]) -> list[str]:
    """As `save`, each, in order; all are on the disk when this returns."""
    with files.staging(root, DOCUMENT_MODE) as staged:
        shelves: dict[tuple[str, ...], _Shelf] = {}
        paths: list[str] = []
        for paper in papers:
            parts = place_of(paper.folder, paper.day)
            if parts not in shelves:
                shelves[parts] = _Shelf(root, parts, staged)
            paths.append("/".join((*parts, shelves[parts].put(paper))))
        staged.sync()
        moved = {old: new for shelf in shelves.values() for old, new in shelf.name()}
        staged.settle()
    return [moved.get(path, path) for path in paths]


class _Shelf:
    """One folder of documents while some are put there; what lies in it is looked at once."""

    def __init__(self, root: Path, parts: tuple[str, ...], staged: files.Staged) -> None:
        self._root = root
        self._parts = parts
        self._staged = staged
        self._taken = {folded(there): there for there in files.names_in(root, parts)}
        self._waiting: dict[str, tuple[Paper, str]] = {}  # by the name that they are to get

    def put(self, paper: Paper) -> str:
        """The name that it has, or will have."""
        for candidate in _names(paper.day, paper.name):
            there = self._taken.get(folded(candidate))
            if there is None:
                self._taken[folded(candidate)] = candidate
                self._waiting[candidate] = paper, self._staged.write(paper.content)
                return candidate
            if there in self._waiting:
                if self._waiting[there][0].content == paper.content:
                    return there
            elif files.holds(self._root, self._parts, there, paper.content):
                files.adopt(self._root, self._parts, there)
                return there
        raise AssertionError("numbers ended")

    def name(self) -> Iterator[tuple[str, str]]:
        """Give all their names; old and new path of what has to make way for a file that came meanwhile."""
        for wanted, (paper, written) in self._waiting.items():
            try:
                self._staged.link(written, self._parts, wanted)
            except FileExistsError:
                path = save(self._root, paper.folder, paper.day, paper.name, paper.content)
                yield "/".join((*self._parts, wanted)), path


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


def remove(root: Path, path: str, sha256: str) -> None:
    """The document's file, as long as it is what was saved: what somebody made of it is theirs."""
    *parts, name = path.split("/")
    digest = hashlib.sha256()
    try:
        for block in files.blocks(root, parts, os.fsdecode(name)):
            digest.update(block)
        if digest.hexdigest() == sha256:
            files.remove(root, parts, os.fsdecode(name))
    except FileNotFoundError:
        return  # an earlier run removed it
