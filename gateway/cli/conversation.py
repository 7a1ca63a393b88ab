"""`postern mail threads, thread, print`: conversations, read and put on paper."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli import saving
from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon, step
from gateway.cli.exits import DATA, USAGE, Failed
from gateway.cli.mail import COLUMNS, EXPORT_PAGE, PAGE, row
from gateway.cli.paper import Paper
from gateway.cli.talking import PATH, talking


@click.command()
@click.option("--client", required=True, metavar="NAME", help="Whose threads.")
@click.option("--limit", type=click.IntRange(1, 500), default=PAGE, show_default=True, help="At most so many.")
@click.option(
    "--before", type=click.IntRange(0), metavar="ID", help="Only those whose last message is older than this."
)
@talking
def threads(daemon: Daemon, paper: Paper, client: str, limit: int, before: int | None) -> None:
    """List a client's threads, sent and received together, that with the newest message first."""
    answer = daemon.get(f"/v1/clients/{step(client)}/threads", limit=limit, before=before)
    if paper.as_json:
        paper.answer(answer)
        return
    rows = [
        (
            one.text("thread"),
            one.text("messages"),
            one.moment("last_at"),
            one.text("last_message"),
            one.text("last_from"),
            one.text("subject"),
        )
        for one in answer.parts("threads")
    ]
    columns = ("thread", "messages", "last", "message", "from", "subject")
    paper.table(columns, rows, empty=f"No mail of {client} has been filed yet.")


@click.command()
@click.argument("thread", required=False, type=click.IntRange(0), metavar="[THREAD]")
@click.option("--sent", metavar="QUEUE-ID", help="The thread of what left under this ID.")
@talking
def thread(daemon: Daemon, paper: Paper, thread: int | None, sent: str | None) -> None:
    """List the messages of a thread, the oldest first; `postern mail show` and `mail print` show them."""
    if (thread is None) == (sent is None):
        raise Failed(USAGE, "Say which thread: its number, or --sent QUEUE-ID for that of what was just sent.")
    numbers = [thread] if sent is None else _threads_of(daemon, sent)
    found = [one for number in numbers for one in _messages(daemon, f"/v1/threads/{number}")]
    if paper.as_json:
        paper.answer(Answer({"messages": [one.plain for one in found]}))
        return
    paper.table(COLUMNS, [row(one) for one in found], empty="There is nothing in it any more.")


@click.command("print")
@click.argument("message_id", type=click.IntRange(0), metavar="ID")
@click.option("--thread", "whole", is_flag=True, help="The whole thread that it is of, the oldest message first.")
@click.option("--client", metavar="NAME", help="In whose record, where the message lies in several.")
@click.option("--html", is_flag=True, help="A page for a browser: nothing in it acts, or is fetched from elsewhere.")
@click.option("-o", "--output", type=PATH, help="Write to this file instead.")
@talking
def print_mail(
    daemon: Daemon, paper: Paper, *, message_id: int, whole: bool, client: str | None, html: bool, output: Path | None
) -> None:
    """Print a message, or its thread, as text or as a page."""
    path = f"/v1/threads/{_thread_of(daemon, message_id, client)}" if whole else f"/v1/messages/{message_id}"
    if paper.as_json:
        paper.answer(daemon.get(path))
        return
    pieces = daemon.download(f"{path}/page", form="html" if html else "text")
    if html or output is not None:
        saving.hand_over_pieces(pieces, output)
        return
    paper.block(b"".join(pieces).decode())


def _threads_of(daemon: Daemon, queue_id: str) -> list[int]:
    entry = daemon.get(f"/v1/queue/{step(queue_id)}")
    found = [place.number("thread") for place in entry.parts("threads")]
    if not found:
        state = entry.text("state")
        sentence = f"{queue_id} ({state}) is in no client's record: mail is filed once it is delivered to a client."
        raise Failed(DATA, f"{sentence} `postern queue show {queue_id}` says how it stands.")
    return found


def _thread_of(daemon: Daemon, message_id: int, client: str | None) -> int:
    places = daemon.get(f"/v1/messages/{message_id}").parts("threads")
    chosen = [one for one in places if client is None or one.text("client") == client]
    if len(chosen) != 1:
        names = ", ".join(one.text("client") for one in places)
        raise Failed(DATA, f"Message {message_id} is in the record of {names}: say which with --client NAME.")
    return chosen[0].number("thread")


def _messages(daemon: Daemon, path: str) -> list[Answer]:
    found: list[Answer] = []
    after: str | None = None
    while True:
        page = daemon.get(path, limit=EXPORT_PAGE, after=after)
        found += page.parts("messages")
        after = page.text("next")
        if not after:
            return found


COMMANDS = (threads, thread, print_mail)
