"""`postern feed`: what happened, and what happens."""

from __future__ import annotations

import click

from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon
from gateway.cli.exits import TRY_AGAIN, Failed
from gateway.cli.mail import PAGE
from gateway.cli.paper import Paper
from gateway.cli.talking import talking


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Stay, and print events as they come; as JSON, one on each line.")
@click.option("--after", type=click.IntRange(0), default=0, metavar="N", help="Only events with a higher number.")
@click.option("--limit", type=click.IntRange(1, 500), default=PAGE, show_default=True, help="At most so many.")
@talking
def feed(daemon: Daemon, paper: Paper, follow: bool, after: int, limit: int) -> None:
    """Print the firm's feed, oldest first."""
    if follow:
        _follow(daemon, paper, after)
        return
    answer = daemon.get("/v1/events", after=after, limit=limit)
    if paper.as_json:
        paper.answer(answer)
        return
    rows = [_row(one) for one in answer.parts("events")]
    paper.table(("number", "at", "kind", "client", "text"), rows, empty="Nothing has happened yet.")


def _follow(daemon: Daemon, paper: Paper, after: int) -> None:
    for event in daemon.events(after):
        after = event.number("number")
        if paper.as_json:
            paper.answer_line(event)
        else:
            paper.say("  ".join(cell for cell in _row(event) if cell != "-"))
    raise Failed(TRY_AGAIN, f"The daemon has stopped; go on later with --after {after}.")


def _row(one: Answer) -> list[str]:
    cells = one.text("number"), one.moment("at"), one.text("kind"), one.text("client"), one.text("text")
    return [cell or "-" for cell in cells]
