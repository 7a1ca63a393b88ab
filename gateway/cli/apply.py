"""`postern apply`: makes the firm as its file says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from gateway.cli.daemon import Daemon
from gateway.cli.exits import DATA, Failed
from gateway.cli.paper import Paper
from gateway.cli.settings import count
from gateway.cli.talking import PATH, talking


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="FILE...")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--prune", is_flag=True, help="Remove what the files do not name, of the kinds that they name at all.")
@talking
def apply(daemon: Daemon, paper: Paper, files: Sequence[Path], *, dry_run: bool, prune: bool) -> None:
    """Make the firm as the TOML files say. A second time, it changes nothing."""
    document = _read(files)
    try:
        answer = daemon.post("/v1/apply", document, dry_run=dry_run, prune=prune)
    except Failed as error:
        raise (_unchanged(error) if error.code == DATA else error) from error
    if paper.as_json:
        paper.answer(answer)
        return
    changes = answer.parts("changes")
    for change in changes:
        what = change.text("what")
        paper.say(f"{change.text('kind')} {change.text('name')} {change.text('verb')}" + (f": {what}" if what else ""))
    paper.say(_summary(len(changes), dry_run=dry_run))


def _read(files: Sequence[Path]) -> dict[str, object]:
    """Here and not in the daemon: the files, the environment and the credentials are the caller's."""
    from gateway.domain.errors import Faulty
    from gateway.settings.firmfile import read

    try:
        return read(files, os.environ)
    except Faulty as error:
        failed = Failed(DATA, f"{error.what} can't be applied.", [str(fault) for fault in error.faults])
        raise _unchanged(failed) from error


def _unchanged(error: Failed) -> Failed:
    sentence = "Nothing was changed." if error.faults else f"{error.sentence} Nothing was changed."
    return Failed(error.code, sentence, error.faults)


def _summary(changes: int, *, dry_run: bool) -> str:
    if dry_run:
        return f"{count(changes, 'change')} would be made; nothing was changed."
    return f"{count(changes, 'change')} made."
