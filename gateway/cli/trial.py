"""`postern trial`: a firm, a provider and a story to try the gateway with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gateway.cli.exits import USAGE, Failed
from gateway.cli.paper import Paper
from gateway.cli.talking import PATH

PORT = click.IntRange(0, 65535)
FAULT = """How the provider misbehaves: PROTOCOL:STAGE[@MATCH]=ACTION[:ARGUMENT][:TIMES], as in smtp:rcpt=refuse:450:2;
the actions are refuse:CODE, stall[:SECONDS], hangup[:OCTETS], drop and garbage."""


@click.command()
@click.option("--data", type=PATH, help="The folder to work in; a new one if not given.")
@click.option("--provider-only", is_flag=True, help="Only the mail provider (SMTP and IMAP), for other tests.")
@click.option("--account", "accounts", multiple=True, metavar="ADDRESS:PASSWORD", help="An account of the provider.")
@click.option("--fault", "faults", multiple=True, metavar="FAULT", help=FAULT)
@click.option("--smtp-port", type=PORT, default=0, help="The provider's SMTP port; 0 takes a free one.")
@click.option("--imap-port", type=PORT, default=0, help="The provider's IMAP port; 0 takes a free one.")
@click.option("--once", is_flag=True, help="End after the story instead of staying up.")
def trial(
    *,
    data: Path | None,
    provider_only: bool,
    accounts: Sequence[str],
    faults: Sequence[str],
    smtp_port: int,
    imap_port: int,
    once: bool,
) -> int:
    """Play the gateway's job on this machine, with a mail provider of its own."""
    from gateway.domain.errors import Faulty
    from gateway.trial.story import run_trial

    try:
        return run_trial(
            data,
            provider_only=provider_only,
            stay=not once,
            say=Paper().say,
            accounts=accounts,
            faults=faults,
            smtp_port=smtp_port,
            imap_port=imap_port,
        )
    except Faulty as error:
        raise Failed(USAGE, "See `postern trial --help`.", [str(fault) for fault in error.faults]) from error
