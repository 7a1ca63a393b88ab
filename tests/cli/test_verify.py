"""`POST /v1/verify`: progress and findings as they come, and an end when the asker hangs up."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import httpx2
import pytest

from gateway.admin.routes import verify
from gateway.store.checking import Check, Progress, Sign
from tests.admin.house import House
from tests.cli.terminal import ask
from tests.store.making import unguarded
from tests.waiting import until


async def checked(http: httpx2.AsyncClient, **params: str) -> list[tuple[str, dict[str, object]]]:
    async with http.stream("POST", "/v1/verify", params=params) as stream:
        assert stream.status_code == 200
        return [(one.event, json.loads(one.data)) async for one in httpx2.EventSource(stream)]


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with house.client() as client:
        yield client


def damage(house: House) -> None:
    with closing(unguarded(house.socket.parent / "data" / "postern.db")) as raw:
        raw.execute("UPDATE activity SET what = 'x' WHERE number = 1")
        raw.commit()


async def test_a_check_streams_what_it_finds_and_ends_with_a_count(house: House, http: httpx2.AsyncClient) -> None:
    await house.file(attachment=b"content")
    events = await checked(http)
    assert events[-1] == ("done", {"findings": 0})
    damage(house)
    events = await checked(http)
    assert [data["sentence"] for kind, data in events if kind == "finding"] == [
        "Line 1 of the activity is not what was written: restore it from a backup, and find out who altered it."
    ]
    assert events[-1] == ("done", {"findings": 1})


async def test_who_hangs_up_ends_the_check(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def endless(self: Check) -> Iterator[Sign]:
        number = 0
        try:
            while not self._stop():
                number += 1
                yield Progress(number, number)
        finally:
            ended.set()

    monkeypatch.setattr(Check, "__iter__", endless)
    monkeypatch.setattr(verify, "STEP_SECONDS", 0.01)
    async with house.client() as http, http.stream("POST", "/v1/verify") as stream:
        assert await anext(stream.aiter_lines()) == "event: progress"
    await until(ended.is_set)


async def test_the_command_says_in_words_and_by_its_code_what_is_wrong(house: House) -> None:
    await house.file(attachment=b"content")
    well = await ask(house.socket, "verify")
    assert (well.code, well.out) == (0, "All is as it was stored.\n")
    listed = (await ask(house.socket, "activity", "--json", "--limit", "1")).json["activity"][0]
    assert (await ask(house.socket, "verify", "--noted", f"{listed['number']}:{listed['link']}")).code == 0
    other = await ask(house.socket, "verify", "--noted", f"{listed['number']}:{'0' * 64}")
    assert (other.code, "not the one that you noted" in other.out) == (65, True)
    assert (await ask(house.socket, "verify", "--noted", "1:x")).code == 64
    damage(house)
    bad = await ask(house.socket, "verify", "--json")
    assert (bad.code, len(bad.json["findings"])) == (65, 1)
    assert "1 thing not as stored" in (await ask(house.socket, "verify")).out
