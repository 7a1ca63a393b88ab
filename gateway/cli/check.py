"""`postern check`: whether the settings are right, without a daemon."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from gateway.cli.exits import OK, SETTINGS
from gateway.cli.paper import Paper
from gateway.cli.settings import config, faulty
from gateway.cli.talking import as_json


@click.command()
@config
@as_json
def check(config: Path, json_wanted: bool) -> int:
    """Show every fault of the settings at once, with its path; exit 78 if there is any."""
    from gateway.domain.errors import Faulty
    from gateway.settings.gateway import load

    try:
        load(config)
    except Faulty as error:
        if not json_wanted:
            raise faulty(error) from error
        faults = [{"path": fault.path, "sentence": fault.sentence} for fault in error.faults]
        sys.stdout.write(json.dumps({"faults": faults}, indent=2) + "\n")
        return SETTINGS
    if json_wanted:
        sys.stdout.write(json.dumps({"faults": []}, indent=2) + "\n")
    else:
        Paper().say(f"{config}: no fault.")
    return OK
