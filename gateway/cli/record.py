"""`postern mail export` and `import`: a client's whole record as a folder of files, and old mail into one."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli import archive, clean, sources
from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon, step
from gateway.cli.exits import DATA, Failed
from gateway.cli.paper import Paper
from gateway.cli.progress import bar
from gateway.cli.settings import count
from gateway.cli.talking import PATH, talking

MAX_TOLD = 20  # faults that are named one by one
MAX_REASON = 500  # characters, as the daemon takes them


@click.command()
@click.option("--client", required=True, metavar="NAME", help="Whose mail.")
@click.option("--mbox", "as_mbox", is_flag=True, help="All messages in one file as well, record.mbox (mboxrd).")
@click.argument("folder", type=PATH)
@talking
def export(daemon: Daemon, paper: Paper, client: str, as_mbox: bool, folder: Path) -> None:
    """Write a client's whole record into a new FOLDER: messages, documents, lists, and the SHA-256 of each.

    `postern mail import FOLDER` brings the same back; `sha256sum -c SHA256SUMS` checks it without Postern.
    """
    extent = daemon.get(f"/v1/clients/{step(client)}/extent")
    total = extent.number("messages") + extent.number("documents")
    with archive.Archive(folder, client, as_mbox=as_mbox) as made, bar("Exporting", total) as told:
        archive.export(daemon, client, made, told)
    answer = Answer({"folder": str(folder), "messages": made.messages, "documents": made.documents})
    said = f"{count(made.messages, 'message')} and {count(made.documents, 'document')}"
    paper.outcome(answer, f"{said} written to {folder}.")


@click.command("import")
@click.option("--client", required=True, metavar="NAME", help="Into whose record.")
@click.option("--documents", is_flag=True, help="Make documents of attachments too; of an archive, those that it had.")
@click.option("--as-recorded", is_flag=True, help="The archive is our own: believe its verdicts, authors and times.")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@talking
def import_mail(
    daemon: Daemon, paper: Paper, *, client: str, documents: bool, as_recorded: bool, paths: tuple[Path, ...]
) -> None:
    """Bring old mail into a client's record: what `mail export` wrote, mbox files, .eml files, folders of them.

    The same message again changes nothing, so that it may be interrupted. Nothing else of a message is believed than
    what it says itself: nobody weighs who sent it. With --as-recorded what `mail export` wrote of it is restored: what
    the checks came to, who approved it, when it was filed, and which member wrote it.
    """
    daemon.get(f"/v1/clients/{step(client)}/extent")
    new, known, faults = 0, 0, list[str]()
    with bar("Importing", 0) as told:
        for one in (found for path in paths for found in sources.messages(path)):
            told(1)
            fault = one.fault or _bring(daemon, client, one, documents=documents, as_recorded=as_recorded)
            if isinstance(fault, str) and fault:
                faults.append(f"{clean.line(one.name)}: {fault}")
            elif fault is True:
                new += 1
            else:
                known += 1
    answer = Answer({"client": client, "new": new, "known": known, "faults": list(faults)})
    paper.outcome(answer, f"{count(new, 'message')} imported, {known} known already, {len(faults)} passed over.")
    if faults:
        more = [f"... and {len(faults) - MAX_TOLD} more: --json has all."] if len(faults) > MAX_TOLD else []
        raise Failed(DATA, "Not everything could be imported:", [*faults[:MAX_TOLD], *more])


def _bring(daemon: Daemon, client: str, one: sources.Found, *, documents: bool, as_recorded: bool) -> bool | str:
    """Whether it is new, or what is wrong with it; Failed where others would fare no better."""
    params: dict[str, str | list[str]] = {"documents": "true" if documents and one.documents else "false"}
    if one.box is not None:
        params["box"] = one.box
    if one.unverified is not None:
        params["unverified"] = one.unverified[:MAX_REASON]
    if as_recorded and one.recorded is not None:
        params["recorded"] = one.recorded
    try:
        return daemon.deliver(f"/v1/clients/{step(client)}/messages/import", one.raw, params).flag("new")
    except Failed as failed:
        if failed.code != DATA:
            raise
        return failed.sentence


COMMANDS = (export, import_mail)
