"""`postern version`: of this program, without a daemon."""

from __future__ import annotations

import click

from gateway import __version__
from gateway.cli.answer import Answer
from gateway.cli.paper import Paper
from gateway.cli.talking import as_json


@click.command()
@as_json
def version(json_wanted: bool) -> None:
    """Print the version."""
    paper = Paper(as_json=json_wanted)
    if paper.as_json:
        paper.answer(Answer({"version": __version__}))
    else:
        paper.say(f"postern {__version__}")
