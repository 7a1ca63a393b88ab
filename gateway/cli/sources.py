"""Old mail on the caller's disk, message by message: an archive that Postern wrote, mbox files, folders of files.

What lies there may be anybody's work: no link is followed, nothing outside of the folder is read, and what does not fit
is told and passed over.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gateway.cli import mbox
from gateway.cli.archive import MANIFEST
from gateway.cli.exits import DATA, Failed

LARGEST = 160 * 1024 * 1024  # octets of one message: what the daemon takes
MAX_LINE = 16 * 1024  # octets of one of a manifest's lines
MAX_DEPTH = 20  # folders in folders


@dataclass(frozen=True, slots=True)
class Found:
    """A message, or in its place why there is none; ``box`` and ``unverified`` only where a manifest says so."""

    name: str
    raw: bytes = field(default=b"", repr=False)
    fault: str = ""
    box: str | None = None
    unverified: str | None = None
    recorded: str | None = None  # JSON: what its record had of it, as far as one believes the manifest
    documents: bool = True  # whether it may have some, where they are asked for


def messages(path: Path) -> Iterator[Found]:
    """All that the path holds, in an order that is always the same. Failed where it is nothing that holds mail."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise Failed(DATA, f"{path} can't be read: {error.strerror}.") from error
    if not stat.S_ISDIR(mode):
        real = path.resolve()  # who says which file may say it by a link
        yield from _file(path, real.parent, (real.name,))
    elif (path / MANIFEST).is_file() and not (path / MANIFEST).is_symlink():
        yield from _archive(path)
    else:
        yield from _folder(path, ())


def _folder(root: Path, parts: tuple[str, ...]) -> Iterator[Found]:
    here = root.joinpath(*parts)
    try:
        names = sorted(os.listdir(here))  # noqa: PTH208 - only the names, which may be any octets
    except OSError as error:
        yield Found(str(here), fault=error.strerror or "it can't be read")
        return
    for name in names:
        at = here / name
        if at.is_symlink():
            yield Found(str(at), fault="it is a link")
        elif at.is_dir():
            deep = len(parts) >= MAX_DEPTH
            yield from [Found(str(at), fault="it lies too deep")] if deep else _folder(root, (*parts, name))
        elif name.lower().endswith((".eml", ".mbox")):
            yield from _file(at, root, (*parts, name))


def _file(shown: Path, root: Path, parts: tuple[str, ...]) -> Iterator[Found]:
    try:
        with _opened(root, parts) as file:
            head = file.read(5)
            file.seek(0)
            if not mbox.is_mbox(head):
                yield _read(str(shown), file)
                return
            number = 0
            for number, one in enumerate(mbox.messages(file, LARGEST), 1):
                large = isinstance(one, int)
                name = f"{shown} message {number}"
                yield Found(name, fault="it is too large") if large or isinstance(one, int) else Found(name, one)
            if not number:
                yield Found(str(shown), fault="no message begins in it")
    except OSError as error:
        yield Found(str(shown), fault=error.strerror or "it can't be read")


def _read(name: str, file: BinaryIO) -> Found:
    raw = file.read(LARGEST + 1)
    return Found(name, fault="it is too large") if len(raw) > LARGEST else Found(name, raw)


def _archive(root: Path) -> Iterator[Found]:
    with_documents = {one["message"] for one in _lines(root) if isinstance(one, dict) and one.get("kind") == "document"}
    for one in _lines(root):
        if isinstance(one, str):
            yield Found(MANIFEST, fault=one)
        elif one.get("kind") == "message":
            yield _listed(root, one, with_documents)


def _lines(root: Path) -> Iterator[dict[str, object] | str]:
    """Each line of the manifest, or what is wrong with it."""
    with _opened(root, (MANIFEST,)) as file:
        number = 0
        while line := file.readline(MAX_LINE):
            number += 1
            try:
                one = json.loads(line)
            except (ValueError, RecursionError):
                one = None
            yield one if isinstance(one, dict) and _is_sound(one) else f"line {number} can't be read"
            if not line.endswith(b"\n"):
                return  # it goes on for longer than a line may


def _is_sound(one: dict[str, object]) -> bool:
    if not isinstance(one.get("path"), str) or not isinstance(one.get("sha256"), str):
        return False
    number = one.get("message" if one.get("kind") == "document" else "id")
    return isinstance(number, int) and isinstance(one.get("unverified", ""), str | None)


def _listed(root: Path, one: dict[str, object], with_documents: set[object]) -> Found:
    path = str(one["path"])
    parts = tuple(path.split("/"))
    if any(part in {"", ".", ".."} or "\0" in part for part in parts):
        return Found(path, fault="its path leads out of the archive")
    try:
        with _opened(root, parts) as file:
            found = _read(path, file)
    except OSError as error:
        return Found(path, fault=error.strerror or "it can't be read")
    if found.fault:
        return found
    if hashlib.sha256(found.raw).hexdigest() != one["sha256"]:
        return Found(path, fault="it is not what was exported: its SHA-256 is another")
    box = str(one["box"]) if one.get("box") in {"inbox", "sent"} else None
    reason = one.get("unverified")
    unverified = None if reason is None else str(reason)
    papers = one["id"] in with_documents or one.get("withheld") is True
    known = json.dumps(one["recorded"]) if isinstance(one.get("recorded"), dict) else None
    return Found(path, found.raw, box=box, unverified=unverified, recorded=known, documents=papers)


def _opened(root: Path, parts: tuple[str, ...]) -> BinaryIO:
    """A plain file below ``root``, reached through no link; OSError for anything else."""
    place = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
            os.close(place)
            place = inner
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO must not be waited for
        fd = os.open(parts[-1], flags, dir_fd=place)
    finally:
        with suppress(OSError):
            os.close(place)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(0, "it is no plain file")
    return os.fdopen(fd, "rb")
