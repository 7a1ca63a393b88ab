"""`postern undo`: takes one applied change back."""

from __future__ import annotations

import click

from gateway.cli import refiled
from gateway.cli.daemon import Daemon
from gateway.cli.paper import Paper
from gateway.cli.talking import talking


@click.command()
@click.argument("step", type=click.IntRange(1), metavar="STEP")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@refiled.listing
@talking
def undo(daemon: Daemon, paper: Paper, step: int, *, dry_run: bool, limit: int, after: int | None) -> None:
    """Take back what `postern apply` did as one STEP: settings are as before it, and mail lies where it lay.

    `postern apply` says which step it was, and so does `postern activity`. What people filed by hand stays, and so do
    passwords. A step whose things were changed again since is not taken back: that one first. It is a step itself.
    """
    answer = daemon.post(f"/v1/steps/{step}/undo", patient=True, dry_run=dry_run, limit=limit, after=after)
    refiled.tell(paper, answer, dry_run=dry_run)
