"""The flows run side by side: what ends one by a fault ends no other."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from gateway.app import flows


async def test_B3_a_flow_that_a_fault_ends_is_told_and_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "BROKEN_WAIT", 0.0)
    begun, words = 0, "what somebody wrote"

    async def run() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise MemoryError(words)

    with capture_logs() as lines:
        await flows._last("saving", run)
    assert begun == 3
    assert [(line["event"], line["flow"], line["error"]) for line in lines] == [
        ("flow-broke", "saving", "MemoryError")
    ] * 2
    assert "in run" in lines[0]["trace"]
    assert words not in str(lines)


async def test_a_flow_that_is_cancelled_ends() -> None:
    flow = asyncio.create_task(flows._last("saving", asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    flow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flow
