"""All commands in one tree."""

from __future__ import annotations

from pathlib import Path

import click

from gateway import __version__
from gateway.cli import (
    activity,
    apply,
    backup,
    check,
    conversation,
    dkim,
    document,
    export,
    feed,
    firm,
    mail,
    mailbox,
    member,
    queue,
    record,
    restore,
    rule,
    schedule,
    serve,
    status,
    trial,
    undo,
    verify,
    version,
    webhook,
    wishes,
)
from gateway.cli.talking import PATH

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
@click.option("--socket", type=PATH, envvar="POSTERN_SOCKET", help="The daemon's admin socket.")
@click.version_option(__version__, prog_name="postern", message="%(prog)s %(version)s")
def root(socket: Path | None) -> None:
    """Mail gateway for firms whose client correspondence matters."""
    del socket  # the commands look it up


for _command in (
    serve.serve,
    check.check,
    apply.apply,
    undo.undo,
    export.export,
    status.status,
    mailbox.mailbox,
    *firm.NOUNS.values(),
    dkim.dkim,
    mail.mail,
    document.document,
    queue.queue,
    schedule.schedule,
    feed.feed,
    wishes.mute,
    wishes.snooze,
    wishes.dismiss,
    wishes.prefer,
    webhook.webhook,
    activity.activity,
    backup.backup,
    restore.restore,
    verify.verify,
    trial.trial,
    version.version,
):
    root.add_command(_command)
for _command in (*conversation.COMMANDS, *record.COMMANDS):
    mail.mail.add_command(_command)
firm.NOUNS["member"].add_command(member.token)
firm.NOUNS["rule"].add_command(rule.try_rules)
