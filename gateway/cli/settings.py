"""Which settings file, and what is said when it is wrong."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.exits import SETTINGS, Failed
from gateway.cli.talking import PATH
from gateway.domain.errors import Faulty

DEFAULT = Path("/etc/postern/postern.toml")

config = click.option(
    "--config",
    type=PATH,
    default=DEFAULT,
    show_default=True,
    envvar="POSTERN_CONFIG",
    help="The settings file.",
)


def faulty(error: Faulty) -> Failed:
    """Every fault on its own line, exit 78."""
    faults = [str(fault) for fault in error.faults]
    return Failed(SETTINGS, f"{error.what}: {count(len(faults), 'fault')} to mend.", faults)


def count(number: int, noun: str) -> str:
    """``1 fault``, ``2 faults``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
