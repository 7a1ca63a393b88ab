"""What every command that asks the daemon has in common: which daemon, and in which form it prints."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec

import click

from gateway.cli.daemon import Daemon
from gateway.cli.paper import Paper

P = ParamSpec("P")
PATH = click.Path(path_type=Path, readable=False)  # what is wrong with a file is ours to say, with our exit codes

as_json = click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")


def talking(work: Callable[Concatenate[Daemon, Paper, P], int | None]) -> Callable[..., int | None]:
    """Adds --socket and --json, and hands over a daemon to ask and a paper to print on; an int returned is the exit."""

    @functools.wraps(work)
    def command(socket: Path | None, json_wanted: bool, *args: P.args, **kwargs: P.kwargs) -> int | None:
        chosen = socket or click.get_current_context().find_root().params.get("socket")
        with Daemon(chosen) as daemon:
            return work(daemon, Paper(as_json=json_wanted), *args, **kwargs)

    return as_json(click.option("--socket", type=PATH, help="The daemon's admin socket.")(command))
