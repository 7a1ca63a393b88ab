"""`postern status`: one look at everything; the exit code says it to scripts."""

from __future__ import annotations

import click

from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon
from gateway.cli.paper import Paper, size
from gateway.cli.talking import talking

EXITS = {"well": 0, "degraded": 1, "down": 2}


@click.command()
@talking
def status(daemon: Daemon, paper: Paper) -> int:
    """Show listeners, mailboxes, queue and disk. Exit 0: well, 1: degraded, 2: down."""
    answer = daemon.get("/v1/status")
    if paper.as_json:
        paper.answer(answer)
    else:
        _show(paper, answer)
    return EXITS.get(answer.text("health"), EXITS["down"])


def _show(paper: Paper, answer: Answer) -> None:
    queue = answer.part("queue")
    waiting = ", ".join(f"{count} {state}" for state, count in queue.plain.items()) if queue else ""
    oldest = answer.moment("oldest_queued")
    paper.fields(
        [
            ("postern", f"{answer.text('version')}, {answer.text('health')}"),
            ("running", f"since {answer.moment('started_at')}, pid {answer.text('pid')}"),
            *((one.text("name"), f"{one.text('host')}:{one.text('port')}") for one in answer.parts("listeners")),
            ("admin", answer.text("admin_socket")),
            ("queue", (waiting or "empty") + (f", oldest {oldest}" if oldest else "")),
            ("disk", f"{size(answer.number('disk_free'))} free"),
            *(("problem", problem) for problem in answer.words("problems")),
        ]
    )
    rows = [_mailbox(one) for one in answer.parts("mailboxes")]
    if rows:
        paper.table(("mailbox", "sync", "synced at", "filed", "history", "set aside", "detail"), rows, empty="")


def _mailbox(one: Answer) -> list[str]:
    cells = [one.text("mailbox"), one.text("state"), one.moment("synced_at"), one.text("filed")]
    return [cell or "-" for cell in (*cells, _history(one), one.text("skipped"), one.text("detail"))]


def _history(one: Answer) -> str:
    history = one.part("history")
    return f"{history.number('done')} of {history.number('found')}" if history else ""
