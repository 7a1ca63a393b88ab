"""A store of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.store.store import Store
from tests.store.making import KEY

Opener = Callable[..., Awaitable[Store]]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def store(data_dir: Path) -> AsyncIterator[Store]:
    opened = await Store.open(data_dir, url=None, key=KEY)
    yield opened
    await opened.close()


@pytest.fixture
async def open_store(data_dir: Path) -> AsyncIterator[Opener]:
    """Opens stores that the test may close itself, or leaves to us."""
    async with AsyncExitStack() as stack:

        async def open_one(at: Path = data_dir, *, url: str | None = None, key: bytes = KEY) -> Store:
            opened = await Store.open(at, url=url, key=key)
            stack.push_async_callback(opened.close)
            return opened

        yield open_one
