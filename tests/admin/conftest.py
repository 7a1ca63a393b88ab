"""A furnished house for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.admin.house import FIRM, NOW, House, opened


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    (tmp_path / "data").mkdir()
    async with opened(tmp_path) as built:
        await built.office.apply(FIRM, by="test", at=NOW)
        yield built


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with house.client() as client:
        yield client
