"""`postern mail`: the record of a client."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli import clean, saving, schedule
from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon, step
from gateway.cli.paper import Paper, size
from gateway.cli.settings import count
from gateway.cli.talking import PATH, talking

PAGE = 50
COLUMNS = ("id", "date", "box", "thread", "sender", "marks", "from", "to", "subject")
EXPORT_PAGE = 500  # the largest that the daemon gives


@click.group()
def mail() -> None:
    """The clients' record."""


@mail.command("list")
@click.option("--client", required=True, metavar="NAME", help="Whose mail.")
@click.option("--box", type=click.Choice(["inbox", "sent", "scheduled"]), help="Only this box.")
@click.option("--unverified", is_flag=True, help="Only what waits for somebody to approve it.")
@click.option("--limit", type=click.IntRange(1, 500), default=PAGE, show_default=True, help="At most so many.")
@click.option("--before", metavar="ID", help="Only what comes behind this one.")
@talking
def list_mail(
    daemon: Daemon, paper: Paper, *, client: str, box: str | None, unverified: bool, limit: int, before: str | None
) -> None:
    """List a client's messages, newest first; what is scheduled in the order in which it leaves."""
    if box == "scheduled":
        answer = daemon.get(f"/v1/clients/{step(client)}/scheduled", limit=limit, before=before)
        schedule.print_scheduled(paper, answer)
        return
    if before is not None and not before.isdecimal():
        raise click.BadParameter("a message's ID is a number.", param_hint="--before")
    waits = "true" if unverified else None
    path = f"/v1/clients/{step(client)}/messages"
    answer = daemon.get(path, box=box, unverified=waits, limit=limit, before=before)
    if paper.as_json:
        paper.answer(answer)
        return
    rows = [row(one) for one in answer.parts("messages")]
    empty = f"No mail of {client} waits for an approval." if unverified else f"No mail of {client} has been filed yet."
    paper.table(COLUMNS, rows, empty=empty)


@mail.command(context_settings={"ignore_unknown_options": True})
@click.argument("query", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--client", metavar="NAME", help="Only this client's mail.")
@click.option("--limit", type=click.IntRange(1, 500), default=PAGE, show_default=True, help="At most so many.")
@click.option("--after", type=click.IntRange(0), metavar="CURSOR", help="Only what comes behind this page.")
@talking
def search(
    daemon: Daemon, paper: Paper, *, query: tuple[str, ...], client: str | None, limit: int, after: int | None
) -> None:
    """Search mail and documents, newest first.

    \b
    popescu invoice        both words, anywhere: subject, people, text, documents
    popes*                 words that begin so (four letters at least)
    '"land registry"'      words next to each other
    from:al  to:ana  subject:lease  client:pacino
    before:2026-03-14  after:2026-03  has:attachment  in:inbox  in:sent
    -word  -from:ana       without it (write -- before a QUERY that begins so)

    Upper and lower case, and accents, make no difference.
    """
    answer = daemon.get("/v1/search", q=" ".join(query), client=client, limit=limit, after=after)
    if paper.as_json:
        paper.answer(answer)
        return
    paper.table(
        ("id", "date", "client", "from", "subject", "text"),
        [_hit(one) for one in answer.parts("hits")],
        empty="Nothing was found.",
    )
    for sentence in _remarks(answer):
        sys.stderr.write(clean.line(sentence) + "\n")


@mail.command()
@click.argument("message_id", type=click.IntRange(0), metavar="ID")
@talking
def show(daemon: Daemon, paper: Paper, message_id: int) -> None:
    """Show one message with its text."""
    answer = daemon.get(f"/v1/messages/{message_id}")
    if paper.as_json:
        paper.answer(answer)
        return
    paper.fields(
        [
            ("from", answer.text("from")),
            ("to", answer.text("to")),
            ("date", answer.moment("date")),
            ("subject", answer.text("subject")),
            ("message-id", answer.text("message_id")),
            ("clients", ", ".join(answer.words("clients"))),
            ("thread", ", ".join(one.text("thread") for one in answer.parts("threads"))),
            *(("marks", f"{', '.join(one.words('flags'))} ({one.text('client')})") for one in _marked(answer)),
            ("written by", answer.text("author_login")),
            ("allowed by", answer.text("grant")),
            *_verdict(answer),
            ("size", size(answer.number("size"))),
            ("sha256", answer.text("sha256")),
            *(("seen in", _location(one)) for one in answer.parts("locations")),
        ]
    )
    paper.block("\n" + answer.text("text"))


@mail.command()
@click.argument("message_id", type=click.IntRange(0), metavar="ID")
@click.option("-o", "--output", type=PATH, help="Write to this file instead.")
@talking
def raw(daemon: Daemon, paper: Paper, message_id: int, output: Path | None) -> None:
    """Print the message's bytes as they came."""
    if paper.as_json:
        paper.answer(daemon.get(f"/v1/messages/{message_id}"))
        return
    source = f"/v1/messages/{message_id}/raw"
    if output is None and sys.stdout.isatty():
        paper.block(daemon.content(source).decode("utf-8", "backslashreplace"))
    else:
        saving.hand_over_pieces(daemon.download(source), output)


@mail.command()
@click.argument("message_id", type=click.IntRange(0), metavar="ID")
@talking
def approve(daemon: Daemon, paper: Paper, message_id: int) -> None:
    """Take unverified mail for the client's after all, and save its attachments.

    Look at it first (`postern mail show ID` says why it is unverified), and ask the client in another way than by mail.
    """
    answer = daemon.post(f"/v1/messages/{message_id}/approve")
    if paper.as_json:
        paper.answer(answer)
        return
    saved = answer.words("documents")
    paper.say(f"Message {message_id} is approved as mail of {', '.join(answer.words('clients'))}.")
    for path in saved:
        paper.say(f"  saved {path}")


@mail.command("file")
@click.argument("message_ids", nargs=-1, required=True, type=click.IntRange(0), metavar="ID...")
@click.option("--client", required=True, metavar="NAME", help="Whose mail it is.")
@talking
def file_by_hand(daemon: Daemon, paper: Paper, message_ids: tuple[int, ...], client: str) -> None:
    """File messages under a client; what is marked ambiguous there is theirs for good."""
    for number in message_ids:
        answer = daemon.post(f"/v1/messages/{number}/file", {"client": client})
        paper.outcome(answer, f"Message {number} is filed under {_whose(answer)}.")


@mail.command()
@click.argument("message_ids", nargs=-1, required=True, type=click.IntRange(0), metavar="ID...")
@click.option("--client", required=True, metavar="NAME", help="Out of whose record.")
@talking
def unfile(daemon: Daemon, paper: Paper, message_ids: tuple[int, ...], client: str) -> None:
    """Take messages out of a client's record; `postern mail file` puts them back."""
    for number in message_ids:
        answer = daemon.post(f"/v1/messages/{number}/unfile", {"client": client})
        paper.outcome(answer, f"Message {number} is filed under {_whose(answer)} now.")


@mail.command()
@click.argument("message_ids", nargs=-1, required=True, type=click.IntRange(0), metavar="ID...")
@click.option("--from", "old", required=True, metavar="NAME", help="Out of whose record.")
@click.option("--to", "new", required=True, metavar="NAME", help="Into whose.")
@talking
def refile(daemon: Daemon, paper: Paper, message_ids: tuple[int, ...], old: str, new: str) -> None:
    """Move messages from one client's record into another's, each as one step."""
    for number in message_ids:
        answer = daemon.post(f"/v1/messages/{number}/refile", {"from": old, "to": new})
        paper.outcome(answer, f"Message {number} is filed under {_whose(answer)} now.")


def _whose(answer: Answer) -> str:
    return ", ".join(answer.words("clients")) or "nobody"


@mail.command()
@click.argument("message_id", type=click.IntRange(0), metavar="ID")
@talking
def attachments(daemon: Daemon, paper: Paper, message_id: int) -> None:
    """List a message's attachments, also those that were not saved."""
    answer = daemon.get(f"/v1/messages/{message_id}/attachments")
    if paper.as_json:
        paper.answer(answer)
        return
    rows = [
        (
            one.text("number"),
            one.text("part"),
            one.text("content_type"),
            size(one.number("size")),
            one.text("name") or "-",
            (f"infected: {one.text('infection')}" if one.text("infection") else one.text("note")) or "-",
        )
        for one in answer.parts("attachments")
    ]
    paper.table(("number", "part", "type", "size", "name", "note"), rows, empty="It has no attachment.")


def _marked(message: Answer) -> list[Answer]:
    """The clients' records in which it bears a mark."""
    return [one for one in message.parts("filings") if one.words("flags")]


def row(row: Answer) -> list[str]:
    """A message of a list, for `COLUMNS`."""
    message = _message(row)
    date = message.moment("date") or message.moment("filed_at")
    return [
        message.text("id"),
        date,
        row.text("direction"),
        row.text("thread"),
        standing(message),
        ", ".join(row.words("flags")),
        message.text("from"),
        message.text("to"),
        message.text("subject"),
    ]


def standing(message: Answer) -> str:
    """Who sent it, in a word: "approved" where a person said so; empty where nobody weighed it."""
    verdict = message.part("verdict")
    if verdict is None:
        return ""
    approved = verdict.text("standing") == "unverified" and verdict.text("approved_at")
    return "approved" if approved else verdict.text("standing")


def _verdict(message: Answer) -> list[tuple[str, str]]:
    verdict = message.part("verdict")
    if verdict is None:
        return []
    by = verdict.text("approved_by")
    approved = f"by {by} at {verdict.moment('approved_at')}" if by else ""
    held = "its attachments wait for `postern mail approve`" if verdict.flag("attachments_held") else ""
    checks = (
        " ".join(filter(None, (f"{one.text('method')}={one.text('result')}", one.text("domain"), one.text("detail"))))
        for one in verdict.parts("checks")
    )
    looked = {"provider": "the mailbox's provider", "here": "this gateway"}.get(verdict.text("source"), "")
    return [
        ("sender", f"{standing(message)}: {verdict.text('reason')}"),
        ("held", held),
        ("approved", approved),
        ("checked by", looked),
        *(("check", line) for line in checks),
    ]


def _hit(row: Answer) -> list[str]:
    message = _message(row)
    date = message.moment("date") or message.moment("filed_at")
    clients = ", ".join(row.words("clients"))
    return [message.text("id"), date, clients, message.text("from"), message.text("subject"), row.text("snippet")]


def _remarks(answer: Answer) -> list[str]:
    """What whoever searched should know besides: what was left out, and where to go on."""
    said = [f"Note: {note}." for note in answer.words("notes")]
    if answer.plain.get("waiting") and (waiting := answer.number("waiting")):
        said.append(f"{count(waiting, 'message')} can't be found yet: they are still being read.")
    if answer.text("next"):
        said.append(f"There is more: --after {answer.text('next')}")
    return said


def _message(row: Answer) -> Answer:
    return row.part("message") or Answer(None)


def _location(one: Answer) -> str:
    labels = ", ".join(one.words("labels"))
    return f"{one.text('mailbox')} {one.text('folder')} uid {one.text('uid')}" + (f" ({labels})" if labels else "")
