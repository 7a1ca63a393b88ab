"""`postern mailbox`: the firm's accounts at their providers."""

from __future__ import annotations

import click

from gateway.cli import clean
from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon, step
from gateway.cli.exits import DATA, OK, Failed
from gateway.cli.paper import Paper
from gateway.cli.talking import talking

NAMED = 5  # addresses that are looked for; the rest is a number
FAILED = 1  # a step of the test failed; the commands' own failures are sysexits


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
    paper.outcome(answer, f"{answer.text('mailbox')} is looked at now: `postern mailbox show` says how it went.")


@mailbox.command("test")
@click.argument("address")
@talking
def test_mailbox(daemon: Daemon, paper: Paper, address: str) -> int:
    """Walk to a mailbox's servers, sign in to both, and name the first thing that fails. No mail is sent."""
    answer = daemon.post(f"/v1/mailboxes/{step(address)}/test", patient=True)
    if paper.as_json:
        paper.answer(answer)
    else:
        _print_test(paper, answer)
    return FAILED if answer.text("failed") else OK


@mailbox.command("stop")
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@talking
def stop_mailbox(daemon: Daemon, paper: Paper, address: str, yes: bool) -> None:
    """Stop reading a mailbox and sending through it, until `postern mailbox sync`."""
    path = f"/v1/mailboxes/{step(address)}/stop"
    if not yes:
        for line in _consequences(daemon.post(path, dry_run=True)):
            click.echo(clean.line(line), err=True)
        click.confirm("Stop it?", abort=True, err=True)
    answer = daemon.post(path)
    paper.outcome(
        answer, f"{answer.text('mailbox')} is stopped: `postern mailbox sync {answer.text('mailbox')}` starts it again."
    )


@mailbox.command("reset")
@click.argument("address")
@talking
def reset_mailbox(daemon: Daemon, paper: Paper, address: str) -> None:
    """Look through all of a mailbox again; what was filed stays, and nothing is announced twice."""
    answer = daemon.post(f"/v1/mailboxes/{step(address)}/reset")
    paper.outcome(
        answer, f"{answer.text('mailbox')} is looked through again: `postern mailbox show` says how far it is."
    )


def _print_test(paper: Paper, answer: Answer) -> None:
    steps = answer.parts("steps")
    rows = [(one.text("name"), one.text("verdict"), _seconds(one), one.text("text") or "-") for one in steps]
    paper.table(("step", "result", "time", "found"), rows, empty="")
    for one in steps:
        if one.text("advice"):
            paper.say(f"{one.text('name')}: {one.text('text')} {one.text('advice')}")


def _seconds(one: Answer) -> str:
    return f"{float(one.text('seconds')):.3f} s" if one.text("seconds") else "-"


def _consequences(answer: Answer) -> list[str]:
    name, queued, rules = answer.text("mailbox"), answer.number("queued"), answer.words("rules")
    lines = [f"While {name} is stopped, new mail in it is not filed, and nothing leaves through it:"]
    lines += [f"  mail from {', '.join(answer.words('members'))} as {name} is held"] * bool(answer.words("members"))
    lines += [f"  rule {rule} sends as {name}: its mail is held" for rule in rules]
    lines += [f"  {queued} queued message{'s' * (queued != 1)} will wait"] * bool(queued)
    return lines


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
            ("authserv-id", one.text("authserv_id")),
            ("signature", one.text("signature")),
            ("username", one.text("username")),
            ("imap", _endpoint(one.part("imap"))),
            ("smtp", _endpoint(one.part("smtp"))),
            ("fallback", _endpoint(one.part("fallback"))),
            ("may send", _limits(one.part("limits"))),
            ("folders", ", ".join(one.words("folders")) or "default"),
            ("author's copy", "yes" if one.flag("sent_copy_to_author") else "no"),
            ("marks answered", "yes" if one.flag("mark_answered") else "no"),
            ("sync", _state(one)),
            *(
                [
                    ("since", sync.moment("since")),
                    ("synced at", sync.moment("synced_at")),
                    ("detail", sync.text("detail")),
                    *_history(sync),
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


def _history(sync: Answer) -> list[tuple[str, str]]:
    history = sync.part("history")
    if not history:
        return []
    addresses = history.words("addresses")
    shown = ", ".join(addresses[:NAMED]) + (f" and {len(addresses) - NAMED} more" if len(addresses) > NAMED else "")
    return [("history", f"{history.number('done')} of {history.number('found')} messages so far, with {shown}")]


def _limits(one: Answer | None) -> str:
    if one is None:
        return ""
    names = ("connections", "messages_per_minute", "recipients_per_day")
    given = [f"{one.text(name)} {name.replace('_', ' ')}" for name in names if one.plain.get(name) is not None]
    return ", ".join(given)


def _endpoint(one: Answer | None) -> str:
    return f"{one.text('host')}:{one.text('port')} ({one.text('security')})" if one else ""
