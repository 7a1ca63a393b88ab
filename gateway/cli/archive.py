"""A client's record as a folder of standard files: messages, documents, lists of them, and the hash of each.

::

    eml/inbox/2026-03-14 12.eml    the octets as they came; eml/sent likewise
    documents/7 statement.pdf      what was saved of them
    record.mbox                    all messages once more, where that was asked for
    index.csv, index.html          lists for people
    manifest.jsonl                 a line of JSON per file, in which `postern mail import` finds all of it again
    SHA256SUMS                     for `sha256sum -c`
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from html import escape
from io import TextIOWrapper
from pathlib import Path
from typing import Self
from urllib.parse import quote

from gateway.cli import clean, mbox, saving
from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon, step
from gateway.cli.documents import cell
from gateway.cli.mail import EXPORT_PAGE, standing

MANIFEST = "manifest.jsonl"
SUMS = "SHA256SUMS"
RECORDED = ("filed_at", "author_login", "grant")
RECORDED_VERDICT = ("standing", "reason", "source", "authserv_id", "checks", "approved_by", "approved_at")
MAX_RECORDED = 4_000  # characters, as the daemon takes them
COLUMNS = ("file", "id", "date", "box", "thread", "sender", "from", "to", "subject", "size", "sha256")

_HEAD = (
    '<!DOCTYPE html>\n<html><head><meta charset="utf-8">\n'
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">\n'
    "<title>{title}</title></head><body>\n<h1><bdi>{title}</bdi></h1>\n<table border=1>\n"
)


class Archive:
    """Written piece by piece: what is in memory does not depend on how much there is. A context manager."""

    def __init__(self, folder: Path, client: str, *, as_mbox: bool) -> None:
        self._folder = folder
        self._client = client
        self._as_mbox = as_mbox
        self._stack = ExitStack()
        self.messages = self.documents = 0

    def __enter__(self) -> Self:
        saving.folder(self._folder)
        with ExitStack() as stack:
            self._manifest = stack.enter_context(self._text(MANIFEST))
            self._sums = stack.enter_context(self._text(SUMS))
            self._table = stack.enter_context(self._text("index.csv"))
            self._page = stack.enter_context(self._text("index.html"))
            self._mbox = stack.enter_context(saving.fresh(self._folder / "record.mbox")) if self._as_mbox else None
            self._stack = stack.pop_all()
        self._csv = csv.writer(self._table, lineterminator="\r\n")  # RFC 4180
        self._csv.writerow(COLUMNS)
        self._page.write(_HEAD.format(title=_shown(self._client)) + _cells("th", COLUMNS))
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def message(self, daemon: Daemon, row: Answer) -> int:
        """One message with its lines; octets."""
        one = row.part("message") or Answer(None)
        number, box = one.number("id"), row.text("direction")
        mark = " unverified" if standing(one) == "unverified" else ""
        path = f"eml/{_step(box)}/{one.moment('filed_at')[:10]} {number}{mark}.eml"
        saved = self._take(daemon, f"/v1/messages/{number}/raw", path)
        if saved.sha256 != one.text("sha256"):
            raise saving.damaged(self._folder / path)
        verdict = one.part("verdict")
        about: dict[str, object] = {"kind": "message", "id": number, "box": box}
        if verdict is not None and mark:
            about |= {"unverified": verdict.text("reason"), "withheld": verdict.flag("attachments_held")}
        self._note(path, saved, about | {"recorded": _recorded(one)})
        if self._mbox is not None:
            mbox.write(self._mbox, self._folder / path, _moment(one))
        self._list(path, saved, row, one)
        self.messages += 1
        return saved.size

    def document(self, daemon: Daemon, row: Answer) -> int:
        """One document, under its number, which makes names unique, and the safe name that the daemon keeps it by."""
        number = row.number("id")
        path = f"documents/{number} {Path(row.text('path')).name}"
        saved = self._take(daemon, f"/v1/documents/{number}/content", path)
        self._note(path, saved, {"kind": "document", "id": number, "message": row.number("message")})
        self.documents += 1
        return saved.size

    def finish(self) -> None:
        """The lists are whole, and have their hashes too."""
        self._page.write("</table></body></html>\n")
        names = ["index.csv", "index.html", *(["record.mbox"] if self._mbox is not None else []), MANIFEST]
        for file in (self._table, self._page, self._mbox, self._manifest):
            if file is not None:
                file.flush()
        for name in names:
            self._sums.write(f"{_digest(self._folder / name)}  {name}\n")

    def _take(self, daemon: Daemon, source: str, path: str) -> saving.Saved:
        target = self._folder / path
        for folder in reversed(target.relative_to(self._folder).parents[:-1]):
            (self._folder / folder).mkdir(mode=0o700, exist_ok=True)
        return saving.save_pieces(target, daemon.download(source))

    def _note(self, path: str, saved: saving.Saved, about: dict[str, object]) -> None:
        line = {"path": path, "sha256": saved.sha256, "size": saved.size} | about
        self._manifest.write(json.dumps(line) + "\n")
        self._sums.write(f"{saved.sha256}  {path}\n")

    def _list(self, path: str, saved: saving.Saved, row: Answer, one: Answer) -> None:
        date = one.moment("date") or one.moment("filed_at")
        known = [str(one.number("id")), date, row.text("direction"), row.text("thread"), standing(one)]
        said = [one.text("from"), one.text("to"), one.text("subject"), str(saved.size), saved.sha256]
        self._csv.writerow([cell(each) for each in (path, *known, *said)])
        link = f'<a href="{escape(quote(path))}">{_shown(path)}</a>'
        self._page.write(_cells("td", (*known, *said), link))

    def _text(self, name: str) -> TextIOWrapper:
        return TextIOWrapper(saving.fresh(self._folder / name), encoding="utf-8", newline="")


def export(daemon: Daemon, client: str, archive: Archive, told: Callable[[int], None]) -> None:
    """Documents first, so that who reads the manifest knows of each message whether it had some."""
    path = f"/v1/clients/{step(client)}"
    for row in daemon.pages(f"{path}/documents", "documents", limit=EXPORT_PAGE):
        archive.document(daemon, row)
        told(1)
    for row in _oldest_first(daemon, f"{path}/messages"):
        archive.message(daemon, row)
        told(1)
    archive.finish()


def _recorded(one: Answer) -> dict[str, object]:
    """What the record has of it besides its octets; of checks that would fill pages only what they came to."""
    verdict = one.part("verdict")
    said = None if verdict is None else {name: verdict.plain.get(name) for name in RECORDED_VERDICT}
    known: dict[str, object] = {name: one.plain.get(name) for name in RECORDED} | {"verdict": said}
    if said is not None and len(json.dumps(known)) > MAX_RECORDED:
        known["verdict"] = said | {"checks": []}
    return known


def _oldest_first(daemon: Daemon, path: str) -> Iterator[Answer]:
    """A page at a time; what is filed meanwhile comes at the end."""
    after: str | None = "0"
    while after:
        page = daemon.get(path, limit=EXPORT_PAGE, after=after)
        yield from page.parts("messages")
        after = page.text("next")


def _cells(kind: str, words: tuple[str, ...], first: str = "") -> str:
    written = [f"<{kind}><bdi>{_shown(word)}</bdi></{kind}>" for word in words]
    return "<tr>" + "".join([f"<{kind}>{first}</{kind}>"] * bool(first) + written) + "</tr>\n"


def _shown(text: str) -> str:
    return escape(clean.line(text))


def _step(box: str) -> str:
    return "sent" if box == "sent" else "inbox"


def _moment(one: Answer) -> datetime:
    text = one.text("date") or one.text("filed_at")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime(1970, 1, 1, tzinfo=UTC)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
