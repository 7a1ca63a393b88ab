"""`postern dkim`: the keys that sign what leaves, and their DNS records."""

from __future__ import annotations

import click

from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon, step
from gateway.cli.exits import DATA, Failed
from gateway.cli.paper import Paper
from gateway.cli.talking import talking

ALGORITHMS = ("rsa", "ed25519")

chosen = click.option("--selector", metavar="S", help="The key's selector, where the domain has several.")


@click.group()
def dkim() -> None:
    """Keys that sign mail."""


@dkim.command()
@click.argument("domain")
@click.option("--selector", metavar="S", help="A name for the key; made of the month if not given.")
@click.option("--algorithm", type=click.Choice(ALGORITHMS), default="rsa", show_default=True, help="The kind of key.")
@talking
def new(daemon: Daemon, paper: Paper, domain: str, selector: str | None, algorithm: str) -> None:
    """Make a key and print its DNS record; it signs once it is enabled."""
    key = daemon.post("/v1/dkim", {"domain": domain, "selector": selector, "algorithm": algorithm})
    if paper.as_json:
        paper.answer(key)
        return
    _record(paper, key)
    name = key.text("domain")
    paper.say("")
    paper.say(f"Publish this record where {name} has its DNS; then `postern dkim enable {name}` begins to sign.")


@dkim.command()
@click.argument("domain")
@chosen
@click.option("--unchecked", is_flag=True, help="Do not look for the record in DNS first.")
@talking
def enable(daemon: Daemon, paper: Paper, domain: str, selector: str | None, *, unchecked: bool) -> None:
    """Look the record up, and sign with the key from now on."""
    key = daemon.post(f"/v1/dkim/{step(domain)}/enable", selector=selector, unchecked=unchecked)
    paper.outcome(key, f"{key.text('selector')} signs the mail of {key.text('domain')} from now on.")


@dkim.command()
@click.argument("domain")
@chosen
@talking
def disable(daemon: Daemon, paper: Paper, domain: str, selector: str | None) -> None:
    """Sign with a key no more."""
    key = daemon.post(f"/v1/dkim/{step(domain)}/disable", selector=selector)
    kept = "leave its record in DNS for a week, for mail under way"
    paper.outcome(key, f"{key.text('selector')} signs the mail of {key.text('domain')} no more: {kept}.")


@dkim.command()
@click.argument("domain")
@chosen
@talking
def remove(daemon: Daemon, paper: Paper, domain: str, selector: str | None) -> None:
    """Forget a key that does not sign."""
    key = daemon.post(f"/v1/dkim/{step(domain)}/remove", selector=selector)
    paper.outcome(key, f"{key.text('selector')} of {key.text('domain')} is gone.")


@dkim.command("list")
@talking
def list_keys(daemon: Daemon, paper: Paper) -> None:
    """List the keys of all domains."""
    answer = daemon.get("/v1/dkim")
    if paper.as_json:
        paper.answer(answer)
        return
    rows = [_row(key) for key in answer.parts("keys")]
    columns = ("domain", "selector", "algorithm", "state", "made", "active since")
    paper.table(columns, rows, empty="Nothing is signed: `postern dkim new DOMAIN` makes a key.")


@dkim.command()
@click.argument("domain")
@chosen
@talking
def show(daemon: Daemon, paper: Paper, domain: str, selector: str | None) -> None:
    """Print the DNS records of a domain's keys again."""
    answer = daemon.get(f"/v1/dkim/{step(domain)}")
    found = [key for key in answer.parts("keys") if selector is None or key.text("selector") == selector]
    if not found:
        raise Failed(DATA, f"{domain} has no key {selector!r}: `postern dkim list` shows them.")
    if paper.as_json:
        paper.answer(Answer({"keys": [key.plain for key in found]}))
        return
    for number, key in enumerate(found):
        if number:
            paper.say("")
        _record(paper, key)


def _row(key: Answer) -> list[str]:
    names = key.text("domain"), key.text("selector"), key.text("algorithm"), key.text("state")
    return [*names, key.moment("made_at"), key.moment("active_since") or "-"]


def _record(paper: Paper, key: Answer) -> None:
    record = key.part("record") or Answer({})
    paper.fields(
        [
            ("key", f"{key.text('domain')} {key.text('selector')} ({key.text('algorithm')}, {key.text('state')})"),
            ("name", record.text("name")),
            ("type", record.text("type")),
            ("value", record.text("value")),
            ("zone file", record.text("zone_line")),
        ]
    )
