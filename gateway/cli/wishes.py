"""`postern mute, snooze, dismiss, prefer`: what a member wants to hear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from gateway.cli.daemon import Daemon
from gateway.cli.exits import USAGE, Failed
from gateway.cli.paper import Paper
from gateway.cli.talking import talking

as_member = click.option("--as", "login", metavar="LOGIN", help="Whose wish it is; not needed with a member's token.")
undo = click.option("--undo", is_flag=True, help="Hear of it again.")
Command = Callable[..., Any]


@click.command()
@click.argument("thread", type=click.IntRange(0), metavar="THREAD")
@undo
@as_member
@talking
def mute(daemon: Daemon, paper: Paper, thread: int, undo: bool, login: str | None) -> None:
    """Hear no more of a thread; its mail is filed as ever."""
    path = f"/v1/threads/{thread}/mute"
    answer = daemon.delete(path, **_who(login)) if undo else daemon.post(path, **_who(login))
    paper.outcome(answer, f"Thread {thread} is {'heard again' if undo else 'muted'}.")


@click.command()
@click.argument("number", type=click.IntRange(0), metavar="EVENT")
@as_member
@talking
def snooze(daemon: Daemon, paper: Paper, number: int, login: str | None) -> None:
    """Hear of a mailbox's sync warnings again in 24 hours; EVENT is the number of one in the feed."""
    answer = daemon.post(f"/v1/events/{number}/snooze", **_who(login))
    paper.outcome(answer, f"Warnings about {answer.text('mailbox')} are quiet until {answer.moment('until')}.")


@click.command()
@click.argument("number", type=click.IntRange(0), metavar="EVENT")
@undo
@as_member
@talking
def dismiss(daemon: Daemon, paper: Paper, number: int, undo: bool, login: str | None) -> None:
    """Hear of a mailbox's sync warnings never again; EVENT is the number of one in the feed."""
    path = f"/v1/events/{number}/dismiss"
    answer = daemon.delete(path, **_who(login)) if undo else daemon.post(path, **_who(login))
    state = "are heard again" if undo else "are not shown again"
    paper.outcome(answer, f"Warnings about {answer.text('mailbox')} {state}.")


@click.command()
@click.argument("choices", nargs=-1, metavar="[KIND=WAY]...")
@as_member
@talking
def prefer(daemon: Daemon, paper: Paper, choices: tuple[str, ...], login: str | None) -> None:
    """Choose how to hear of each kind of event: feed, mail, both or none; without a choice, show what is chosen."""
    chosen = dict(_choice(one) for one in choices)
    if chosen:
        answer = daemon.post("/v1/preferences", chosen, **_who(login))
    else:
        answer = daemon.get("/v1/preferences", **_who(login))
    if paper.as_json:
        paper.answer(answer)
        return
    ways = answer.part("preferences")
    paper.fields([(kind, ways.text(kind)) for kind in ways.plain] if ways else [])


def _choice(text: str) -> tuple[str, str]:
    kind, equals, way = text.partition("=")
    if not equals:
        raise Failed(USAGE, f"{text!r} is no choice: write it like client-mail=mail.")
    return kind, way


def _who(login: str | None) -> dict[str, Any]:
    return {"as": login}
