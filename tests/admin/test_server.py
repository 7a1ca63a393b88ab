"""The face comes up, serves, and goes down in time."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.admin import server
from gateway.domain.errors import Conflict
from tests.admin.house import House, opened
from tests.waiting import until

SSE = {"accept": "text/event-stream"}


async def test_the_socket_is_there_while_it_serves_and_gone_afterwards(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    async with opened(tmp_path) as house, house.client() as http:
        assert stat.S_IMODE(house.socket.stat().st_mode) == 0o660
        assert (await http.get("/healthz")).json() == {"alive": True}
    assert not house.socket.exists()


async def test_who_connects_before_the_application_is_loaded_is_answered_when_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    async with opened(tmp_path, answering=False) as house, house.client() as http:
        asked = asyncio.create_task(http.get("/healthz"))
        await house.server.open()
        assert (await asked).status_code == 200


async def test_a_daemon_that_ends_before_it_answered_anyone_leaves_no_socket(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    async with opened(tmp_path, answering=False) as house:
        assert house.socket.exists()
    assert not house.socket.exists()


async def test_A4_a_second_daemon_is_refused_and_the_first_goes_on(house: House) -> None:
    second = server.AdminServer(house.server._services, socket_path=house.socket, group=None)
    with pytest.raises(Conflict):
        await second.start()
    await second.stop()
    async with house.client() as http:
        assert (await http.get("/healthz")).status_code == 200


async def test_the_signals_stay_with_the_daemon(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    (tmp_path / "data").mkdir()
    async with opened(tmp_path):
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_a_live_stream_ends_when_the_daemon_stops(house: House) -> None:
    async with house.client() as http, http.stream("GET", "/v1/events", headers=SSE) as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == ": postern"
        async with asyncio.timeout(server.GRACE_SECONDS):
            await house.server.stop()
        assert [line async for line in lines if line] == []


async def test_an_answer_under_way_is_given_before_the_end(house: House) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    plain = house.server._services.status

    async def slow() -> object:
        asked.set()
        await go_on.wait()
        return await plain()

    _with_status(house, slow)
    async with house.client() as http, asyncio.TaskGroup() as group:
        answer = group.create_task(http.get("/v1/status"))
        await asked.wait()
        end = group.create_task(house.server.stop())
        await until(lambda: not house.socket.exists())
        go_on.set()
        await end
    assert answer.result().json()["health"] == "well"


async def test_an_answer_that_never_comes_does_not_hold_up_the_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "GRACE_SECONDS", 0.05)
    asked = asyncio.Event()

    async def never() -> object:
        asked.set()
        return await asyncio.Event().wait()

    _with_status(house, never)
    async with asyncio.timeout(5):
        _, writer = await asyncio.open_unix_connection(str(house.socket))
        writer.write(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
        await asked.wait()
        await house.server.stop()
        writer.close()


async def test_it_serves_on_uvloop_too(tmp_path: Path) -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
    (tmp_path / "data").mkdir()

    async def look() -> dict[str, object]:
        async with opened(tmp_path) as house, house.client() as http:
            answer: dict[str, object] = (await http.get("/v1/status")).json()
            return answer

    def on_uvloop() -> dict[str, object]:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(look())

    assert (await asyncio.to_thread(on_uvloop))["health"] == "well"


async def test_the_description_names_every_route(house: House) -> None:
    async with house.client() as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
    assert {"/v1/status", "/v1/apply", "/v1/queue/{queue_id}/{action}", "/v1/events", "/v1/backup"} <= set(paths)
    assert "canary" not in json.dumps(paths)


def _with_status(house: House, status: Callable[[], Awaitable[object]]) -> None:
    object.__setattr__(house.server._services, "status", status)
