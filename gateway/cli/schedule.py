"""`postern schedule`: what waits for its time."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon, step
from gateway.cli.paper import Paper
from gateway.cli.talking import talking

PAGE = 50


@click.group()
def schedule() -> None:
    """Mail that waits for its time."""


@schedule.command("list")
@click.option("--client", metavar="NAME", help="Only what goes to this client.")
@click.option("--limit", type=click.IntRange(1, 500), default=PAGE, show_default=True, help="At most so many.")
@click.option("--before", metavar="ID", help="Only what leaves later than this entry.")
@talking
def list_scheduled(daemon: Daemon, paper: Paper, *, client: str | None, limit: int, before: str | None) -> None:
    """List what waits, in the order in which it leaves; times are the firm's."""
    answer = daemon.get("/v1/scheduled", client=client, limit=limit, before=before)
    print_scheduled(paper, answer)


@schedule.command()
@click.argument("queue_id", metavar="ID")
@click.option("--at", "at", required=True, metavar="WHEN", help='As you would write it: "monday 8:30", "in 2 hours".')
@talking
def change(daemon: Daemon, paper: Paper, queue_id: str, at: str) -> None:
    """Have a message leave at another time, or now."""
    answer = daemon.post(f"/v1/scheduled/{step(queue_id)}/change", at=at)
    paper.outcome(answer, f"{answer.text('id')} leaves at {_local(answer, answer.text('timezone'))}.")


@schedule.command()
@click.argument("queue_ids", nargs=-1, required=True, metavar="ID...")
@talking
def cancel(daemon: Daemon, paper: Paper, queue_ids: tuple[str, ...]) -> None:
    """Take messages back: they never leave."""
    for queue_id in queue_ids:
        answer = daemon.post(f"/v1/scheduled/{step(queue_id)}/cancel")
        paper.outcome(answer, f"{answer.text('id')} was taken back: it never leaves.")


def print_scheduled(paper: Paper, answer: Answer) -> None:
    """The daemon's list, whoever asked for it."""
    if paper.as_json:
        paper.answer(answer)
        return
    zone = answer.text("timezone")
    rows = [_row(one, zone) for one in answer.parts("scheduled")]
    columns = ("id", "leaves", "written by", "from", "recipients", "subject")
    paper.table(columns, rows, empty="Nothing waits for its time.")


def _row(one: Answer, zone: str) -> list[str]:
    recipients = ", ".join(each.text("address") for each in one.parts("recipients") if not each.flag("bcc"))
    leaves = _local(one, zone)
    return [one.text("id"), leaves, one.text("login"), one.text("mailbox"), recipients, one.text("subject")]


def _local(one: Answer, zone: str) -> str:
    """On the firm's clock, with its distance from UTC, which differs between summer and winter."""
    leaves = datetime.fromisoformat(one.moment("next_attempt"))
    return leaves.astimezone(_zone(zone)).strftime("%Y-%m-%d %H:%M:%S %z")


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC  # the offset that is printed says so
