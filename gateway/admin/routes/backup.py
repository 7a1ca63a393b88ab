"""A backup while the daemon runs."""

from __future__ import annotations

import errno
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict

from gateway.admin import ruled, shapes
from gateway.admin.given import Asker, Given
from gateway.admin.ruled import asks
from gateway.domain.errors import Conflict, NoSpace
from gateway.policy.walls import Right

router = ruled.router("backup")

_log = structlog.get_logger()


class Where(BaseModel):
    """The folder, as the daemon sees it: absolute."""

    model_config = ConfigDict(extra="forbid")

    dir: Path


@router.post("/v1/backup", openapi_extra=asks(Right.MACHINE))
async def backup(where: Where, given: Given, asker: Asker) -> shapes.Json:
    """Returns when the backup is whole; the daemon writes it, so its user needs the right to."""
    if not where.dir.is_absolute():
        raise Conflict(f"The daemon can't know which folder {where.dir} is: give a path that begins with a slash.")
    try:
        await given.store.backup(where.dir)
    except OSError as error:
        raise _refused(where.dir, error) from error
    _log.info("backup", dir=str(where.dir), by=asker)
    return {"dir": str(where.dir)}


def _refused(target: Path, error: OSError) -> Conflict | NoSpace:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NoSpace(f"There is no room for a backup in {target}: choose another disk.", detail=str(error))
    reason = (error.strerror or "the system refused").lower()
    sentence = f"The daemon can't write a backup to {target} ({reason}): choose a folder that its user may write to."
    return Conflict(sentence, detail=str(error))
