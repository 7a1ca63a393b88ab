"""`postern restore`: a backup put back, before the daemon is started again."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.answer import Answer
from gateway.cli.exits import DATA, OK, Failed
from gateway.cli.paper import Paper
from gateway.cli.progress import bar
from gateway.cli.settings import config, count, faulty
from gateway.cli.talking import PATH, as_json


@click.command()
@click.argument("folder", type=PATH, metavar="DIR")
@config
@as_json
def restore(folder: Path, config: Path, json_wanted: bool) -> int:
    """Put the backup in DIR back into the data folder of the settings, while no daemon runs there.

    There may be no database in it yet. The key is not in a backup: put secret.key there first. What waited to be sent
    when the backup was written is held, since it may have left since: `postern queue list --state held`, and then
    release or cancel each.
    """
    from gateway.app.restoring import bring_back
    from gateway.domain.errors import Conflict, Faulty
    from gateway.store.restore import checked

    try:
        backup = checked(folder)
        with bar("Restoring", backup.files) as done:
            back = bring_back(config, backup, done)
    except Faulty as error:
        raise faulty(error) from error
    except Conflict as error:
        raise Failed(DATA, error.sentence) from error
    done_with = back.restored
    faults = [str(fault) for fault in done_with.faults]
    paper = Paper(as_json=json_wanted)
    if paper.as_json:
        paper.answer(
            Answer({"data_dir": str(back.data_dir), "files": done_with.files, "held": done_with.held, "faults": faults})
        )
        return DATA if faults else OK
    paper.say(f"Restored into {back.data_dir}, with {count(done_with.files, 'file')}.")
    if done_with.held:
        paper.say(f"{_waited(done_with.held)} may have left since the backup, and stays held once the gateway runs:")
        paper.say("see `postern queue list --state held`, then `postern queue release ID` or `cancel ID`.")
    if faults:
        raise Failed(DATA, "All else was restored. `postern verify` names what misses these files.", faults)
    paper.say("Start the gateway.")
    return OK


def _waited(number: int) -> str:
    return f"{count(number, 'message')} that waited to be sent"
