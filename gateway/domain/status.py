"""How the gateway is doing, as `postern status` shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.record import MailboxSync


class Health(StrEnum):
    """The exit code of `postern status` follows from it: 0, 1, 2."""

    WELL = "well"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that we accept connections on; ``port`` is the real one where the settings said 0."""

    name: str  # "submission", "submission-tls"
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Status:
    """One look at everything."""

    health: Health
    version: str
    pid: int
    started_at: datetime
    listeners: tuple[Listener, ...]
    admin_socket: str
    mailboxes: tuple[MailboxSync, ...]
    queue: dict[str, int]  # entries by state
    oldest_queued: datetime | None
    disk_free: int  # octets, on the data folder's file system
    problems: tuple[str, ...] = ()  # sentences: why it is not well
