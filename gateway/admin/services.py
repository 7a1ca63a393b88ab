"""What the admin face works on; `app` fills it in, and the routes get it as parameters."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from gateway.domain.status import Status
from gateway.office.office import Office
from gateway.store.store import Store


@dataclass(frozen=True)
class Services:
    """``queue_changed`` wakes the dispatcher after a person's action; ``now`` is aware UTC.

    ``sync_now`` takes a mailbox's address key and has it looked at now, however it had stopped; NotFound.
    """

    store: Store
    office: Office
    status: Callable[[], Awaitable[Status]]
    queue_changed: Callable[[], None]
    sync_now: Callable[[str], Awaitable[None]]
    now: Callable[[], datetime]


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _stopping(request: Request) -> asyncio.Event:
    stopping: asyncio.Event = request.app.state.stopping
    return stopping


def _asker(request: Request) -> str:  # not async, so it runs in a thread: the user database may block
    name: str = request.scope["state"]["peer"].name
    return name


Given = Annotated[Services, Depends(_services)]
Stopping = Annotated[asyncio.Event, Depends(_stopping)]  # set when the face goes down: live streams end then
Asker = Annotated[str, Depends(_asker)]  # the user at the other end, for the activity trail
