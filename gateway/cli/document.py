"""`postern document`: what clients sent, and what they promised."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.cli import documents, saving
from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon, step
from gateway.cli.exits import TRY_AGAIN, Failed
from gateway.cli.mail import EXPORT_PAGE, PAGE
from gateway.cli.paper import Paper
from gateway.cli.settings import count
from gateway.cli.talking import PATH, talking


@click.group()
def document() -> None:
    """Saved attachments."""


@document.command("list")
@click.option("--client", metavar="NAME", help="Only this client's.")
@click.option("--aside", is_flag=True, help="Instead, attachments that were not saved: infected ones, logos.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all of it as CSV, for a spreadsheet.")
@click.option("--limit", type=click.IntRange(1, 500), default=PAGE, show_default=True, help="At most so many.")
@click.option("--before", type=click.IntRange(0), metavar="ID", help="Only older than this document.")
@talking
def list_documents(
    daemon: Daemon, paper: Paper, *, client: str | None, aside: bool, as_csv: bool, limit: int, before: int | None
) -> None:
    """List what clients sent, newest first: when, to whom, by which message; then what they promised with a link."""
    if as_csv:
        documents.print_csv(daemon, client, aside=aside)
    elif aside:
        documents.print_aside(paper, daemon.get(_path(client, "aside"), limit=limit, before=before))
    else:
        answer = daemon.get(_path(client), limit=limit, before=before)
        first = {"promised": []} if before else daemon.get(_path(client, "promised"), limit=limit).plain
        documents.print_list(paper, Answer({**answer.plain, "promised": first["promised"]}))


@document.command("import")
@click.option("--client", required=True, metavar="NAME", help="Whose mail.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Only messages written since that day."
)
@talking
def import_documents(daemon: Daemon, paper: Paper, client: str, since: datetime | None) -> None:
    """Make documents of the attachments of mail that was there before attachments were saved. May be interrupted."""
    day = since.replace(tzinfo=UTC).isoformat() if since else None
    answer = daemon.post(f"/v1/clients/{step(client)}/documents/import", since=day)
    left = documents.follow_import(daemon, f"/v1/clients/{step(client)}/saving", answer.number("messages"))
    if paper.as_json:
        paper.answer(Answer({**answer.plain, **left.plain}))
        return
    paper.say(f"{count(answer.number('messages'), 'message')} of {client} to look through for documents.")
    if left.number("failed"):
        raise Failed(
            TRY_AGAIN, f"{count(left.number('failed'), 'message')} will be tried again: {left.text('last_error')}"
        )


@document.command()
@click.argument("document_id", type=click.IntRange(0), metavar="ID")
@click.option("-o", "--output", type=PATH, help="Write to this file instead.")
@talking
def get(daemon: Daemon, paper: Paper, document_id: int, output: Path | None) -> None:
    """Print a document's bytes; with --json its facts."""
    if paper.as_json:
        paper.answer(daemon.get(f"/v1/documents/{document_id}"))
        return
    saving.hand_over(daemon.content(f"/v1/documents/{document_id}/content"), output)


@document.command()
@click.option("--client", required=True, metavar="NAME", help="Whose documents.")
@click.argument("folder", type=PATH)
@talking
def export(daemon: Daemon, paper: Paper, client: str, folder: Path) -> None:
    """Write all documents of a client into a new FOLDER, under their names."""
    rows = list(daemon.pages(_path(client), "documents", limit=EXPORT_PAGE))
    saving.folder(folder)
    written: list[object] = [_save(daemon, row, folder) for row in rows]
    paper.outcome(Answer({"files": written}), f"{count(len(written), 'document')} written to {folder}.")


def _save(daemon: Daemon, row: Answer, folder: Path) -> str:
    """The number makes names unique; the rest is the safe name under which the daemon keeps it."""
    number = row.number("id")
    target = folder / f"{number} {Path(row.text('path')).name}"
    saving.save(target, daemon.content(f"/v1/documents/{number}/content"))
    return str(target)


def _path(client: str | None, what: str = "documents") -> str:
    return f"/v1/{what}" if client is None else f"/v1/clients/{step(client)}/{what}"
