"""A store of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.store.clock import QueueClock
from gateway.store.store import Store
from tests.store.making import KEY, standing_still

Opener = Callable[..., Awaitable[Store]]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def store(data_dir: Path) -> AsyncIterator[Store]:
    opened = await Store.open(data_dir, url=None, key=KEY, clock=standing_still())
    yield opened
    await opened.close()


@pytest.fixture
async def open_store(data_dir: Path) -> AsyncIterator[Opener]:
    """Opens stores that the test may close itself, or leaves to us."""
    async with AsyncExitStack() as stack:

        async def open_one(
            at: Path = data_dir, *, url: str | None = None, key: bytes = KEY, clock: QueueClock | None = None
        ) -> Store:
            opened = await Store.open(at, url=url, key=key, clock=clock or standing_still())
            stack.push_async_callback(opened.close)
            return opened

        yield open_one
