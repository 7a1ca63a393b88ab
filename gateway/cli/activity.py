"""`postern activity`: who changed what."""

from __future__ import annotations

import click

from gateway.cli.daemon import Daemon
from gateway.cli.mail import PAGE
from gateway.cli.paper import Paper
from gateway.cli.talking import talking


@click.command()
@click.option("--limit", type=click.IntRange(1, 500), default=PAGE, show_default=True, help="At most so many.")
@click.option("--before", type=click.IntRange(1), metavar="N", help="Only lines with a lower number.")
@talking
def activity(daemon: Daemon, paper: Paper, limit: int, before: int | None) -> None:
    """Print who changed which setting, and from what to what, newest first."""
    answer = daemon.get("/v1/activity", limit=limit, before=before)
    if paper.as_json:
        paper.answer(answer)
        return
    names = ("who", "kind", "name", "verb", "what")
    rows = [
        [one.text("number"), one.moment("at"), *(one.text(name) or "-" for name in names)]
        for one in answer.parts("activity")
    ]
    paper.table(("number", "at", "who", "kind", "name", "did", "what"), rows, empty="Nothing was ever changed.")
