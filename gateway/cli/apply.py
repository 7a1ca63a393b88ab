"""`postern apply`: makes the firm as its file says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from gateway.cli import refiled
from gateway.cli.daemon import Daemon
from gateway.cli.exits import DATA, Failed
from gateway.cli.paper import Paper
from gateway.cli.talking import PATH, talking


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="FILE...")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--prune", is_flag=True, help="Remove what the files do not name, of the kinds that they name at all.")
@refiled.listing
@talking
def apply(
    daemon: Daemon,
    paper: Paper,
    files: Sequence[Path],
    *,
    dry_run: bool,
    prune: bool,
    limit: int,
    after: int | None,
) -> None:
    """Make the firm as the TOML files say. A second time, it changes nothing.

    Mail that is stored already follows: it is filed under whom it belongs to by the change, and an address that goes
    from one client to another takes its mail along. What is only taken away or turned off leaves what was filed.
    --dry-run lists what would become of which messages; `postern undo` takes it back.
    """
    document = _read(files)
    try:
        answer = daemon.post(
            "/v1/apply", document, patient=True, dry_run=dry_run, prune=prune, limit=limit, after=after
        )
    except Failed as error:
        raise (_unchanged(error) if error.code == DATA else error) from error
    refiled.tell(paper, answer, dry_run=dry_run)


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
