"""`postern member token`: what lets a member use the admin socket as themselves."""

from __future__ import annotations

import sys

import click

from gateway.cli.daemon import Daemon, step
from gateway.cli.paper import Paper
from gateway.cli.talking import talking


@click.command()
@click.argument("login")
@click.option("--expires", metavar="TIME", help='How long it is good, like "90d"; a year if not given.')
@click.option("--revoke", is_flag=True, help="Make none, and end the one that there is.")
@talking
def token(daemon: Daemon, paper: Paper, login: str, expires: str | None, revoke: bool) -> None:
    """Make a member's token, in place of the former, and print it: this once.

    Commands take it from POSTERN_TOKEN or from ~/.config/postern/token, and see what that member may see.
    """
    if revoke and expires is not None:
        raise click.UsageError("--revoke makes no token, so there is nothing to expire.")
    path = f"/v1/members/{step(login)}/token"
    answer = daemon.delete(path) if revoke else daemon.post(path, expires=expires)
    if paper.as_json:
        paper.answer(answer)
    elif revoke:
        paper.say(f"The token of {answer.text('login')} is revoked.")
    else:
        paper.say(answer.text("token"))
        until = answer.moment("expires_at")
        sys.stderr.write(f"Good until {until}. It is not shown again: keep it where only its member can read it.\n")
