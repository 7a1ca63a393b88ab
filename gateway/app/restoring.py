"""A backup put back in place of a gateway that was lost, before it is started again."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.app import keys, logs
from gateway.app.start import hold, prepare
from gateway.domain.errors import Conflict
from gateway.settings.gateway import load
from gateway.store.engine import database_path
from gateway.store.restore import Backup, Restored, restore
from gateway.store.store import Store


@dataclass(frozen=True, slots=True)
class Back:
    """What is there again, and where."""

    restored: Restored
    data_dir: Path


def bring_back(settings_path: Path, backup: Backup, done: Callable[[int], None]) -> Back:
    """Into the data folder of those settings; see `gateway.store.restore`.

    Its database is migrated and the mailboxes' passwords are opened once, so that a wrong key is known now. Raises
    `PosternError`.
    """
    settings = load(settings_path)
    logs.set_up(settings.log.level, settings.log.format)
    prepare(settings.data_dir)
    _check_owner(settings.data_dir)
    lock = hold(settings.data_dir)
    key = keys.there(settings.data_dir)
    database = database_path(settings.data_dir, settings.database.url)
    restored = restore(backup, settings.data_dir, database, done)

    async def open_once() -> None:
        store = await Store.open(settings.data_dir, url=settings.database.url, key=key, lock=lock)
        try:
            await store.firm.load()
        finally:
            await store.close()

    asyncio.run(open_once())
    return Back(restored, settings.data_dir)


def _check_owner(data_dir: Path) -> None:
    """What root writes the daemon could not read."""
    owner = data_dir.stat().st_uid
    if owner != os.geteuid():
        raise Conflict(f"The data folder {data_dir} belongs to {_name(owner)}: run this as that user (sudo -u).")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
