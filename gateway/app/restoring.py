"""A backup put back in place of a gateway that was lost, before it is started again."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.app import keys
from gateway.app.start import hold, prepare
from gateway.domain.errors import Conflict
from gateway.settings.gateway import load
from gateway.store.engine import database_path
from gateway.store.restore import Restored, restore
from gateway.store.store import Store


@dataclass(frozen=True, slots=True)
class Back:
    """What is there again: the files, where, and how many queued messages are held."""

    files: Restored
    data_dir: Path
    held: int


def bring_back(settings_path: Path, backup: Path, done: Callable[[int], None]) -> Back:
    """Into the data folder of those settings. Nothing leaves by itself: what waited when the backup was written may
    have left since, so all of it is held.

    The mailboxes' passwords are opened once, so that a wrong key is known now. Raises `PosternError`.
    """
    settings = load(settings_path)
    prepare(settings.data_dir)
    _check_owner(settings.data_dir)
    lock = hold(settings.data_dir)
    key = keys.there(settings.data_dir)
    database = database_path(settings.data_dir, settings.database.url)
    restored = restore(backup, settings.data_dir, database, done)

    async def settle() -> int:
        store = await Store.open(settings.data_dir, url=settings.database.url, key=key, lock=lock)
        try:
            held = await store.queue.hold_all()
            await store.firm.load()
        finally:
            await store.close()
        return held

    return Back(restored, settings.data_dir, asyncio.run(settle()))


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
