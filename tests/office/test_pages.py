"""Mail is made fit to be shown by a process that may be ended: no letter holds the gateway up."""

from __future__ import annotations

import asyncio
import os

import pytest

from gateway.office.pages import Pages
from gateway.store.child import start_child

LETTER = b"Content-Type: text/html\r\n\r\n<p>Good day<script>alert(1)</script></p>"
# Each level is looked at for each below it: on its own this takes minutes.
NESTED = b"Content-Type: text/html\r\n\r\n" + b"<div>" * 200_000 + b"words"
FILE = b"\r\n--b\r\nContent-Type: application/pdf; name=one.pdf\r\n\r\n%PDF\r\n--b--\r\n"


async def test_a_letter_becomes_harmless_html() -> None:
    body = await Pages().body(1, LETTER)
    assert (body.html, body.enclosures) == ('<div class="letter"><p>Good day</p></div>', ())


async def test_F5_hostile_nesting_is_ended_in_time_and_its_attachments_are_known_still() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + NESTED + FILE
    before = os.times()
    async with asyncio.timeout(90):
        body = await Pages(patience=80).body(1, raw)
    spent = os.times().children_user - before.children_user
    assert body.html is None
    assert [(one.name, one.size) for one in body.enclosures] == [("one.pdf", 4)]
    assert spent < 3, "the process has two seconds"


async def test_letters_beside_a_hostile_one_are_made() -> None:
    pages = Pages(patience=80)
    async with asyncio.timeout(90):
        hostile, *others = await asyncio.gather(pages.body(1, NESTED), *(pages.body(n, LETTER) for n in range(2, 5)))
    assert hostile.html is None
    assert {one.html for one in others} == {'<div class="letter"><p>Good day</p></div>'}


async def test_what_takes_too_long_by_the_clock_is_ended_too() -> None:
    async with asyncio.timeout(60):
        body = await Pages(patience=0.01).body(1, LETTER)
    assert body.html is None


async def test_who_stops_asking_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    pages, made = Pages(patience=80), []

    async def noted(module: str, max_line: int) -> asyncio.subprocess.Process:
        made.append(await start_child(module, max_line))
        return made[-1]

    monkeypatch.setattr("gateway.office.pages.start_child", noted)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await pages.body(1, NESTED)
    assert [one.returncode for one in made] == [-9] * len(made)
    assert made
