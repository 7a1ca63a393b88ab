"""`postern document`: attachments that were saved for clients."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli import saving
from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon, step
from gateway.cli.mail import EXPORT_PAGE, PAGE
from gateway.cli.paper import Paper, size
from gateway.cli.settings import count
from gateway.cli.talking import PATH, talking


@click.group()
def document() -> None:
    """Saved attachments."""


@document.command("list")
@click.option("--client", metavar="NAME", help="Only this client's.")
@click.option("--limit", type=click.IntRange(1, 500), default=PAGE, show_default=True, help="At most so many.")
@click.option("--before", type=click.IntRange(0), metavar="ID", help="Only older than this document.")
@talking
def list_documents(daemon: Daemon, paper: Paper, client: str | None, limit: int, before: int | None) -> None:
    """List documents, newest first."""
    answer = daemon.get(_path(client), limit=limit, before=before)
    if paper.as_json:
        paper.answer(answer)
        return
    rows = [
        (one.text("id"), one.moment("saved_at"), one.text("client"), size(one.number("size")), one.text("name"))
        for one in answer.parts("documents")
    ]
    paper.table(("id", "saved at", "client", "size", "name"), rows, empty="No document has been saved yet.")


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


def _path(client: str | None) -> str:
    return "/v1/documents" if client is None else f"/v1/clients/{step(client)}/documents"
