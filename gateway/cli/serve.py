"""`postern serve`: the daemon, in the foreground."""

from __future__ import annotations

import gc
from pathlib import Path

import click

from gateway.cli.settings import config


@click.command()
@config
def serve(config: Path) -> int:
    """Run the gateway in the foreground until SIGTERM; SIGHUP reads the settings again."""
    gc.disable()  # a tenth of a start went into collecting modules, which all stay; the daemon turns it on when ready
    from gateway.app.start import serve as run

    return run(config)
