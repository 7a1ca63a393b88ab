"""What clamd says of an attachment; the fake keeps the same contract as the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.domain.errors import ProtocolFault, Unreachable, UpstreamError
from gateway.domain.saving import Scanned
from gateway.upstream.clamd import Clamd
from tests.upstream.clamds import BAD, CLAMD, FINDING, LIMIT, fake, real

needs_clamd = pytest.mark.skipif(CLAMD is None, reason="clamd is not installed; the fake keeps the same contract")


@pytest.fixture(params=["unix", "tcp", pytest.param("real", marks=needs_clamd)])
async def clamd(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Clamd]:
    async with AsyncExitStack() as stack:
        if request.param == "real":
            yield await stack.enter_async_context(real(tmp_path))
        else:
            yield (await stack.enter_async_context(fake(tmp_path, tcp=request.param == "tcp")))[0]


async def test_it_says_what_is_clean_infected_and_too_large(clamd: Clamd) -> None:
    assert await clamd.scan(b"harmless") == Scanned()
    assert await clamd.scan(b"") == Scanned()
    found = await clamd.scan(BAD)
    assert found.infection.startswith(FINDING)
    assert not found.too_large
    assert await clamd.scan(bytes(LIMIT - 10)) == Scanned()
    assert await clamd.scan(bytes(LIMIT * 40)) == Scanned(too_large=True)
    assert await clamd.scan(b"harmless") == Scanned()


@pytest.mark.parametrize(
    ("mood", "error"),
    [("hangs up", Unreachable), ("silent", Unreachable), ("babbles", ProtocolFault), ("refuses", ProtocolFault)],
)
async def test_a_scanner_that_misbehaves_is_asked_later(tmp_path: Path, mood: str, error: type[UpstreamError]) -> None:
    async with fake(tmp_path, patience=0.3) as (clamd, behind):
        behind.mood = mood
        with pytest.raises(error) as said:
            await clamd.scan(b"x" * 100)
        assert str(tmp_path / "clamd.ctl") in said.value.sentence


async def test_a_scanner_that_is_not_there_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"correct \[scan\] clamd"):
        await Clamd(path=tmp_path / "none").scan(b"x")


async def test_a_finding_is_printable(tmp_path: Path) -> None:
    async with fake(tmp_path) as (clamd, behind):
        behind.mood = "odd"
        assert await clamd.scan(b"x") == Scanned(infection="?[31m?")
