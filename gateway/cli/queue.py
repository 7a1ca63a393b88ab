"""`postern queue`: what is on its way out."""

from __future__ import annotations

import click

from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon, step
from gateway.cli.mail import PAGE
from gateway.cli.paper import Paper, size
from gateway.cli.talking import talking

_ERRANDS = {"author-copy": ("author's copy", "filed"), "answered": ("the answered mail", "marked")}
STATES = ("queued", "active", "held", "done")


@click.group()
def queue() -> None:
    """Outbound mail."""


@queue.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only in this state.")
@click.option("--limit", type=click.IntRange(1, 500), default=PAGE, show_default=True, help="At most so many.")
@click.option("--before", metavar="ID", help="Only older than this entry.")
@talking
def list_entries(daemon: Daemon, paper: Paper, state: str | None, limit: int, before: str | None) -> None:
    """List queue entries, newest first."""
    answer = daemon.get("/v1/queue", state=state, limit=limit, before=before)
    if paper.as_json:
        paper.answer(answer)
        return
    columns = ("id", "state", "accepted", "attempts", "next attempt", "mailbox", "recipients", "subject")
    paper.table(columns, [_row(one) for one in answer.parts("entries")], empty="The queue is empty.")


@queue.command()
@click.argument("queue_id", metavar="ID")
@talking
def show(daemon: Daemon, paper: Paper, queue_id: str) -> None:
    """Show one entry with what became of each recipient."""
    _print(paper, daemon.get(f"/v1/queue/{step(queue_id)}"))


def _action(name: str, about: str) -> None:
    @queue.command(name, help=about)
    @click.argument("queue_ids", nargs=-1, required=True, metavar="ID...")
    @talking
    def act(daemon: Daemon, paper: Paper, queue_ids: tuple[str, ...]) -> None:
        for queue_id in queue_ids:
            answer = daemon.post(f"/v1/queue/{step(queue_id)}/{name}")
            paper.outcome(answer, f"{answer.text('id')} {answer.text('state')}")


_action("hold", "Keep entries from being sent until they are released.")
_action("release", "Let held entries go.")
_action("retry", "Try entries again now.")
_action("cancel", "Give entries up: what is not delivered yet never will be.")


def _print(paper: Paper, one: Answer) -> None:
    if paper.as_json:
        paper.answer(one)
        return
    paper.fields(_fields(one))
    rows = [_recipient(recipient) for recipient in one.parts("recipients")]
    paper.table(("recipient", "delivery", "bcc", "stage", "answer"), rows, empty="")
    later = [_later(told) for told in one.parts("came_back")]
    if later:
        paper.table(("recipient", "told later", "at", "answer", "message"), later, empty="")
    tried = [row for attempt in one.parts("tried") for row in _tried(attempt)]
    if tried:
        paper.table(("attempt", "at", "server", "wait/connect/send", "recipient", "stage", "answer"), tried, empty="")


def _fields(one: Answer) -> list[tuple[str, str]]:
    return [
        ("id", one.text("id")),
        ("state", one.text("state")),
        ("stands", one.text("standing")),
        ("subject", one.text("subject")),
        ("message-id", one.text("message_id")),
        ("written by", one.text("login")),
        ("allowed by", one.text("grant")),
        ("leaves through", one.text("mailbox")),
        ("envelope sender", one.text("sender") or "<>"),
        ("rules", ", ".join(one.words("rules"))),
        ("size", size(one.number("size"))),
        ("accepted", one.moment("accepted_at")),
        ("attempts", one.text("attempts")),
        ("to leave", one.moment("not_before")),
        ("next attempt", one.moment("next_attempt") if one.text("state") == "queued" else ""),
        ("ended", one.moment("ended_at")),
        ("sent copy", _sent(one.part("sent_copy"), "filed")),
        *((_ERRANDS[each.text("kind")][0], _errand(each)) for each in one.parts("errands")),
        *(
            ("in thread", f"{place.text('thread')} of {place.text('client')} (message {place.text('message')})")
            for place in one.parts("threads")
        ),
        *(
            ("reported", f"{each.moment('at')} {each.text('subject')} ({each.text('id')})")
            for each in one.parts("reports")
        ),
    ]


def _sent(copy: Answer | None, done: str) -> str:
    """What a person wants to know of the copy in the Sent folder, or of an errand beside it."""
    if copy is None:
        return ""
    stands = done
    if copy.text("state") != "done":
        stands = f"not {done} yet, {copy.text('attempts')} attempts, next {copy.moment('next_attempt')}"
    return f"{stands}: {copy.text('last_error')}" if copy.text("last_error") else stands


def _errand(one: Answer) -> str:
    return f"{one.text('mailbox')}: {_sent(one, _ERRANDS[one.text('kind')][1])}"


def _later(told: Answer) -> list[str]:
    """A server that tries on has failed nobody yet."""
    what = {"failed": "came back", "pending": "delayed"}.get(told.text("delivery"), told.text("delivery"))
    return [told.text("address"), what, told.moment("at"), _words(told), told.text("message") or "-"]


def _tried(attempt: Answer) -> list[list[str]]:
    """A row for each recipient."""
    delays = attempt.part("delays") or Answer({})
    spent = "/".join(f"{delays.text(name)} s" for name in ("waiting", "connecting", "sending"))
    head = [attempt.text("attempt"), attempt.moment("at"), attempt.text("upstream"), spent]
    return [[*head, one.text("address"), one.text("stage"), _words(one)] for one in attempt.parts("answers")]


def _words(said: Answer) -> str:
    return f"{said.text('code')} {said.text('status')} {said.text('text')}"


def _row(one: Answer) -> list[str]:
    recipients = ", ".join(recipient.text("address") for recipient in one.parts("recipients"))
    times = one.moment("accepted_at"), one.text("attempts"), one.moment("next_attempt")
    return [one.text("id"), one.text("state"), *times, one.text("mailbox"), recipients, one.text("subject")]


def _recipient(one: Answer) -> list[str]:
    last = one.part("last")
    answer = _words(last) if last else "-"
    stage = last.text("stage") if last else "-"
    return [one.text("address"), one.text("delivery"), "bcc" if one.flag("bcc") else "-", stage, answer]
