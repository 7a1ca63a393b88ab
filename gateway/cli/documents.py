"""What `postern document list` and `import` print: tables, CSV for a spreadsheet, and how far an import is."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterator

from gateway.cli import clean
from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon, step
from gateway.cli.mail import EXPORT_PAGE
from gateway.cli.paper import Paper, size

LOOK_EVERY = 0.5  # seconds between two looks at how far an import is
WIDTH = 30  # characters of the bar
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run if a cell began with it
COLUMNS = (
    "kind",
    "id",
    "sent_at",
    "client",
    "from",
    "to",
    "subject",
    "message",
    "name",
    "size",
    "type",
    "note",
    "link",
)


def print_list(paper: Paper, answer: Answer) -> None:
    """Documents, and apart from them what was promised and never came."""
    if paper.as_json:
        paper.answer(answer)
        return
    rows = [
        (
            *_when_and_who(one, "saved_at"),
            size(one.number("size")),
            one.text("name") + (f" ({one.text('note')})" if one.text("note") else ""),
        )
        for one in answer.parts("documents")
    ]
    columns = ("id", "sent at", "client", "from", "to", "message", "size", "name")
    paper.table(columns, rows, empty="No document has been saved yet.")
    promised = answer.parts("promised")
    if promised:
        paper.say("")
        paper.say("Promised with a link, not received:")
        links = [(*_when_and_who(one, "noted_at"), one.text("service"), one.text("link")) for one in promised]
        paper.table(("id", "sent at", "client", "from", "to", "message", "service", "link"), links, empty="")


def print_aside(paper: Paper, answer: Answer) -> None:
    """Attachments that stay in their raw message."""
    if paper.as_json:
        paper.answer(answer)
        return
    rows = [
        (*_when_and_who(one, "noted_at"), size(one.number("size")), one.text("original_name"), _why(one))
        for one in answer.parts("aside")
    ]
    columns = ("id", "sent at", "client", "from", "to", "message", "size", "name", "why")
    paper.table(columns, rows, empty="No attachment has been set aside.")


def print_csv(daemon: Daemon, client: str | None, *, aside: bool) -> None:
    """Everything, however much; no cell can be taken for a formula."""
    writer = csv.writer(sys.stdout, lineterminator="\r\n")  # RFC 4180
    writer.writerow(COLUMNS)
    for kind, key in (("aside", "aside"),) if aside else (("document", "documents"), ("promised", "promised")):
        path = f"/v1/{key}" if client is None else f"/v1/clients/{step(client)}/{key}"
        for one in daemon.pages(path, key, limit=EXPORT_PAGE):
            writer.writerow([cell(each) for each in _cells(kind, one)])


def follow_import(daemon: Daemon, path: str, total: int) -> Answer:
    """Wait until all was looked through, or only that is left which has to be tried again; a bar on a terminal."""
    shows = sys.stderr.isatty()
    while True:
        left = daemon.get(path)
        waiting = left.number("waiting")
        if shows and total:
            done = max(total - waiting, 0)
            bar = "#" * (done * WIDTH // total)
            sys.stderr.write(f"\r[{bar:<{WIDTH}}] {done} of {total}")
            sys.stderr.flush()
        if waiting <= left.number("failed"):
            if shows and total:
                sys.stderr.write("\n")
            return left
        time.sleep(LOOK_EVERY)


def _when_and_who(one: Answer, otherwise: str) -> Iterator[str]:
    yield one.text("id")
    yield one.moment("sent_at") or one.moment(otherwise)
    yield one.text("client")
    yield one.text("from")
    yield one.text("to")
    yield one.text("message")


def _why(one: Answer) -> str:
    return f"infected: {one.text('reason')}" if one.text("why") == "infected" else one.text("reason")


def _cells(kind: str, one: Answer) -> Iterator[str]:
    yield kind
    yield one.text("id")
    yield one.moment("sent_at")
    yield from (one.text(key) for key in ("client", "from", "to", "subject", "message"))
    yield one.text("name") or one.text("original_name") or one.text("service")
    yield one.text("size")
    yield one.text("content_type")
    yield one.text("note") or (_why(one) if kind == "aside" else "")
    yield one.text("link")


def cell(text: str) -> str:
    """One line that no spreadsheet runs."""
    line = clean.line(text)
    return f"'{line}" if line.startswith(FORMULA) else line
