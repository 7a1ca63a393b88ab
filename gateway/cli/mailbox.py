"""`postern mailbox`: the firm's accounts at their providers."""

from __future__ import annotations

import click

from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon, step
from gateway.cli.exits import DATA, Failed
from gateway.cli.paper import Paper
from gateway.cli.talking import talking


@click.group()
def mailbox() -> None:
    """Upstream accounts."""


@mailbox.command("list")
@talking
def list_mailboxes(daemon: Daemon, paper: Paper) -> None:
    """List the mailboxes with the state of their sync."""
    answer = daemon.get("/v1/mailboxes")
    if paper.as_json:
        paper.answer(answer)
        return
    rows = [
        (one.text("address"), one.text("name"), _state(one), ", ".join(one.words("members")))
        for one in answer.parts("mailboxes")
    ]
    paper.table(("address", "name", "sync", "members"), rows, empty="No mailbox yet: `postern apply FILE` adds them.")


@mailbox.command("show")
@click.argument("address")
@talking
def show_mailbox(daemon: Daemon, paper: Paper, address: str) -> None:
    """Show one mailbox."""
    wanted = address.casefold()
    found = [one for one in daemon.get("/v1/mailboxes").parts("mailboxes") if one.text("address").casefold() == wanted]
    if not found:
        raise Failed(DATA, f"There is no mailbox {address}: `postern mailbox list` shows them.")
    if paper.as_json:
        paper.answer(found[0])
        return
    _show(paper, found[0])


@mailbox.command("sync")
@click.argument("address")
@talking
def sync_mailbox(daemon: Daemon, paper: Paper, address: str) -> None:
    """Look at a mailbox now, also one that had stopped because its provider refused the sign-in."""
    answer = daemon.post(f"/v1/mailboxes/{step(address)}/sync")
    if paper.as_json:
        paper.answer(answer)
        return
    paper.say(f"{answer.text('mailbox')} is looked at now: `postern mailbox show` says how it went.")


def _show(paper: Paper, one: Answer) -> None:
    sync = one.part("sync")
    paper.fields(
        [
            ("address", one.text("address")),
            ("name", one.text("name")),
            ("members", ", ".join(one.words("members"))),
            ("others may send", "yes" if one.flag("allow_others_to_send") else "no"),
            *(("granted to", _grant(grant)) for grant in one.parts("grants")),
            ("save attachments", "yes" if one.flag("save_attachments") else "no"),
            ("signature", one.text("signature")),
            ("username", one.text("username")),
            ("imap", _endpoint(one.part("imap"))),
            ("smtp", _endpoint(one.part("smtp"))),
            ("folders", ", ".join(one.words("folders")) or "default"),
            ("sync", _state(one)),
            *(
                [
                    ("since", sync.moment("since")),
                    ("synced at", sync.moment("synced_at")),
                    ("detail", sync.text("detail")),
                ]
                if sync
                else []
            ),
        ]
    )


def _grant(one: Answer) -> str:
    first, last = one.text("first"), one.text("last")
    days = f" from {first}" * bool(first) + f" to {last}" * bool(last)
    return one.text("member") + days


def _state(one: Answer) -> str:
    sync = one.part("sync")
    return sync.text("state") if sync else "off"


def _endpoint(one: Answer | None) -> str:
    return f"{one.text('host')}:{one.text('port')} ({one.text('security')})" if one else ""
