"""One look at everything, for `postern status`: what is wrong is said in sentences, and health follows from it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gateway import __version__
from gateway.domain.firm import Firm
from gateway.domain.record import MailboxSync, SyncState
from gateway.domain.saving import Outstanding
from gateway.domain.status import Health, Listener, Status
from gateway.store.store import Store

LOW_DISK = 512 * 1024 * 1024  # octets: ten of the largest messages
LATE = timedelta(hours=1)  # a message that waits longer has met more than a passing fault

BROKEN = {SyncState.STOPPED, SyncState.RETRYING}


@dataclass(frozen=True)
class HealthCheck:
    """What a look needs to know; ``listeners`` are the real ones."""

    store: Store
    firm: Callable[[], Firm]
    now: Callable[[], datetime]
    started_at: datetime
    listeners: tuple[Listener, ...]
    admin_socket: Path

    async def look(self) -> Status:
        states = await self.store.sync.states()
        now = self.now()
        off = MailboxSync("", SyncState.OFF, now)
        mailboxes = tuple(
            states.get(key) or MailboxSync(key, off.state, off.since) for key in self.firm().mailbox_by_key
        )
        oldest = await self.store.queue.oldest()
        free = self.store.disk_free()
        saving = await self.store.saving.outstanding()
        problems = (*_problems(mailboxes, oldest, free, now), *_of_saving(saving))
        return Status(
            health=Health.DEGRADED if problems else Health.WELL,
            version=__version__,
            pid=os.getpid(),
            started_at=self.started_at,
            listeners=self.listeners,
            admin_socket=str(self.admin_socket),
            mailboxes=mailboxes,
            queue=await self.store.queue.counts(),
            oldest_queued=oldest,
            disk_free=free,
            problems=problems,
        )


def _problems(mailboxes: tuple[MailboxSync, ...], oldest: datetime | None, free: int, now: datetime) -> list[str]:
    said = [f"{one.mailbox} is {one.state.value}: {one.detail}" for one in mailboxes if one.state in BROKEN]
    if oldest is not None and now - oldest > LATE:
        said.append(f"the oldest queued message waits since {oldest:%Y-%m-%d %H:%M} UTC: see `postern queue list`")
    if free < LOW_DISK:
        said.append(f"only {free // 2**20} MiB are free in the data folder: make room")
    return said


def _of_saving(saving: Outstanding) -> list[str]:
    if not saving.failed:
        return []
    return [f"attachments of {saving.failed} messages wait to be saved: {saving.last_error}"]
