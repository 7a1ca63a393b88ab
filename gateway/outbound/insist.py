"""What a delivery came to must not be forgotten for want of room: it is kept in memory until it can be written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from gateway.domain.errors import NoSpace, TemporaryFailure

log = structlog.get_logger()

T = TypeVar("T")

ROOM_WAIT = 1.0  # seconds between tries on a full disk


async def insist(write: Callable[[], Awaitable[T]]) -> T:
    """Writes until it is written or the task is cancelled; every error but a full or busy database is raised."""
    while True:
        try:
            return await write()
        except (NoSpace, TemporaryFailure) as error:
            log.error("write-put-off", error=error.sentence, detail=error.detail)
            await asyncio.sleep(ROOM_WAIT)
