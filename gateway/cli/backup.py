"""`postern backup`: a copy of everything while the daemon runs."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.daemon import Daemon
from gateway.cli.paper import Paper
from gateway.cli.talking import PATH, talking


@click.command()
@click.argument("folder", type=PATH, metavar="DIR")
@talking
def backup(daemon: Daemon, paper: Paper, folder: Path) -> None:
    """Write a backup of everything to DIR while the daemon runs."""
    answer = daemon.post("/v1/backup", {"dir": str(folder.absolute())}, patient=True)
    paper.outcome(answer, f"Backup written to {answer.text('dir')}.")
