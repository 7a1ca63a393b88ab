"""`postern webhook`: other software of the firm that hears of events."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from gateway.cli.daemon import Daemon, step
from gateway.cli.paper import Paper
from gateway.cli.talking import talking


@click.group()
def webhook() -> None:
    """Software that hears of events by HTTP."""


@webhook.command("add")
@click.argument("name")
@click.argument("url")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only events of this kind; may be repeated.")
@talking
def add_webhook(daemon: Daemon, paper: Paper, name: str, url: str, kinds: Sequence[str]) -> None:
    """Send events to URL from now on, and print the secret that signs them: this once.

    It hears of what you see. The signature is that of Standard Webhooks.
    """
    answer = daemon.post("/v1/webhooks", {"name": name, "url": url, "kinds": list(kinds)})
    if paper.as_json:
        paper.answer(answer)
        return
    paper.say(answer.text("secret"))
    sys.stderr.write("The other side checks the signatures with it. It is not shown again.\n")


@webhook.command("list")
@talking
def list_webhooks(daemon: Daemon, paper: Paper) -> None:
    """List the webhooks and how they do."""
    answer = daemon.get("/v1/webhooks")
    if paper.as_json:
        paper.answer(answer)
        return
    rows = [
        [
            one.text("name"),
            one.text("url"),
            ", ".join(one.words("kinds")) or "all",
            one.text("member") or "-",
            "off" if one.flag("off") else "retrying" if one.number("attempts") else "well",
            one.text("last_error") or "-",
        ]
        for one in answer.parts("webhooks")
    ]
    columns = ("name", "url", "kinds", "member", "state", "last error")
    paper.table(columns, rows, empty="No webhook: `postern webhook add NAME URL` makes one.")


@webhook.command("remove")
@click.argument("name")
@talking
def remove_webhook(daemon: Daemon, paper: Paper, name: str) -> None:
    """Send nothing to a webhook any more."""
    answer = daemon.delete(f"/v1/webhooks/{step(name)}")
    paper.outcome(answer, f"{answer.text('name')} is removed.")
