"""`postern export`: the firm as a file."""

from __future__ import annotations

import json
import sys

import click

from gateway.cli import clean
from gateway.cli.daemon import Daemon
from gateway.cli.paper import Paper
from gateway.cli.talking import talking


@click.command()
@talking
def export(daemon: Daemon, paper: Paper) -> None:
    """Print the firm as a file for `postern apply`, secrets left out."""
    text = daemon.content("/v1/export").decode()
    if paper.as_json:
        import tomllib

        sys.stdout.write(json.dumps(tomllib.loads(text), indent=2) + "\n")
    elif sys.stdout.isatty():
        sys.stdout.write(clean.block(text))
    else:
        sys.stdout.write(text)
