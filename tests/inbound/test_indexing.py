"""From what was filed to what can be found, with the process that reads strangers' documents."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest

from gateway.inbound import indexing as module
from gateway.inbound.histories import Histories
from gateway.inbound.indexing import Indexing
from gateway.inbound.search_reading import Reading
from gateway.mime.facts import facts
from gateway.policy.search import parse
from gateway.store.spool import Blob
from gateway.store.store import Store
from tests.mime.test_document_text import DOCX, W, pdf, zipped
from tests.store.making import KEY, filing
from tests.waiting import until


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "data", url=None, key=KEY)
    yield opened
    await opened.close()


@pytest.fixture
async def reading() -> AsyncIterator[Reading]:
    one = Reading()
    yield one
    await one.rest()


@asynccontextmanager
async def indexing(store: Store, reading: Reading, histories: Histories | None = None) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(Indexing(store, reading, histories=histories).run())
        yield
        task.cancel()


def letter(text: str, **documents: bytes) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "al@pacino.example", "ana@firm.example", "Papers"
    message.set_content(text)
    for name, content in documents.items():
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=f"{name}.bin")
    return message.as_bytes()


async def file(store: Store, raw: bytes) -> int:
    return (await store.record.file(filing(raw, "Al", known=facts(raw)))).message


async def find(store: Store, query: str) -> list[tuple[int, str]]:
    found = await store.search.find(parse(query), clients=None, limit=50)
    return [(one.message.id, one.snippet) for one in found.hits]


async def indexed(store: Store) -> bool:
    return (await store.search.find(parse(""), clients=None, limit=1)).waiting == 0


async def test_what_is_filed_is_found_soon_with_its_documents(store: Store, reading: Reading) -> None:
    async with indexing(store, reading):
        first = await file(store, letter("see the statement", march=pdf("Balance of March"), lease=DOCX))
        assert await until(lambda: find(store, "balance"), what="the text of the PDF")
        assert reading.pid
        assert [number for number, _ in await find(store, "lease signed has:attachment")] == [first]
        assert [number for number, _ in await find(store, "march.bin")] == [first]
        assert "Balance of March" in (await find(store, "balance"))[0][1]
        second = await file(store, letter("nothing but words"))
        assert [number for number, _ in await until(lambda: find(store, "nothing"), what="the second")] == [second]


async def test_what_was_filed_while_nobody_indexed_is_found_after_a_start(store: Store, reading: Reading) -> None:
    numbers = [await file(store, letter(f"lease {number}")) for number in range(3)]
    async with indexing(store, reading):
        await until(lambda: indexed(store), what="an index of all")
    assert sorted(number for number, _ in await find(store, "lease")) == numbers
    assert reading.pid is None


async def test_a_message_that_lies_in_a_file_is_handed_on_piece_by_piece_and_found(
    store: Store, reading: Reading
) -> None:
    number = await file(store, letter("see the lease", noise=b"\xff" * 3_000_000, lease=DOCX))
    found = await store.bodies.find((await store.record.message(number)).sha256)
    assert isinstance(found, Blob)
    assert await Indexing(store, reading).round()
    assert [one for one, _ in await find(store, "signed")] == [number]
    assert [one for one, _ in await find(store, "noise.bin")] == [number]


async def test_I5_a_bomb_of_a_document_leaves_the_letter_and_the_names_to_be_found(
    store: Store, reading: Reading
) -> None:
    bomb = zipped(word__document=f"<w:document {W}><w:t>" + "secret " * 1_000_000 + "</w:t></w:document>")
    number = await file(store, letter("harmless words", bomb=bomb, fine=DOCX))
    assert await Indexing(store, reading).round()
    for query in ("harmless", "bomb.bin", "lease"):
        assert [one for one, _ in await find(store, query)] == [number]
    assert await find(store, "secret") == []


@pytest.mark.parametrize("fault", ["killed", "hanging"])
async def test_a_reader_that_dies_or_hangs_costs_one_message_its_text_and_the_next_nothing(
    reading: Reading, fault: str
) -> None:
    known = facts(letter(""))
    await reading.read(0, letter("warm"), known)
    assert reading.pid
    os.kill(reading.pid, signal.SIGSTOP)
    if fault == "hanging":
        reading._patience = 0.3
        hurt = await reading.read(1, letter("first"), known)
        reading._patience = 20.0
    else:
        async with asyncio.TaskGroup() as tasks:
            under_way = tasks.create_task(reading.read(1, letter("first"), known))
            await asyncio.sleep(0)
            os.kill(reading.pid, signal.SIGKILL)
        hurt = under_way.result()
    assert (hurt.subject, hurt.sender, hurt.body) == ("papers", "al pacino example", "")
    assert (await reading.read(2, letter("second"), known)).body == "second"


async def test_the_reader_has_none_of_our_environment_and_little_memory(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTERN_CANARY", "canary")
    await reading.read(1, letter("x"), facts(b""))
    proc = Path(f"/proc/{reading.pid}")
    assert b"canary" not in (proc / "environ").read_bytes()
    limits = {line[:26].strip(): line.split()[-3] for line in (proc / "limits").read_text().splitlines()[1:]}
    assert int(limits["Max address space"]) == 2 * 1024**3
    assert limits["Max file size"] == "0"


async def test_a_message_whose_bytes_are_gone_is_found_by_its_header(store: Store, tmp_path: Path) -> None:
    raw = letter("x" * 300_000)
    number = await file(store, raw)
    (blob,) = [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()]
    blob.unlink()
    store.bodies._fresh._bodies.clear()
    assert await Indexing(store).round()
    assert [one for one, _ in await find(store, "papers")] == [number]


@pytest.mark.parametrize(("name", "value"), [("MOST_TEXT", 0), ("LONGEST", -1.0)])
@pytest.mark.parametrize("swept", [False, True])
async def test_a_batch_ends_early_where_there_is_no_room_or_time_and_the_rest_has_its_turn(
    tmp_path: Path, reading: Reading, monkeypatch: pytest.MonkeyPatch, name: str, value: float, swept: bool
) -> None:
    store = await Store.open(tmp_path / "data", url=None, key=KEY)
    numbers = [await file(store, letter(f"lease {number}")) for number in range(3)]
    if swept:
        assert await Indexing(store, reading).round()
        await store.close()
        for part in (tmp_path / "data").glob("postern-search.db*"):
            part.unlink()
        store = await Store.open(tmp_path / "data", url=None, key=KEY)
    monkeypatch.setattr(module, name, value)
    worker = Indexing(store, reading)
    try:
        for done in range(1, 4):
            assert await worker.round()
            assert sorted(number for number, _ in await find(store, "lease")) == numbers[3 - done :]
        while await worker.round():
            pass
        assert len(await find(store, "lease")) == 3
    finally:
        await store.close()


async def test_what_can_wait_lets_all_histories_pass() -> None:
    histories = Histories()
    await histories.passed(0)
    with histories.one():
        with histories.one():
            waiting = asyncio.create_task(histories.passed(3600))
            await histories.passed(0)
            assert not waiting.done()
        await histories.passed(0)
        assert not waiting.done()
    await waiting


@pytest.mark.parametrize(("rest", "ends"), [(3600.0, True), (0.01, False)])
async def test_mail_is_found_when_a_history_is_filed_and_a_long_one_is_not_waited_for(
    store: Store, reading: Reading, monkeypatch: pytest.MonkeyPatch, rest: float, *, ends: bool
) -> None:
    monkeypatch.setattr(module, "REST", rest)
    histories = Histories()
    async with AsyncExitStack() as stack:
        history = stack.enter_context(ExitStack())
        history.enter_context(histories.one())
        await stack.enter_async_context(indexing(store, reading, histories))
        number = await file(store, letter("Trustworthy accounts"))
        if ends:
            history.close()
        assert [one for one, _ in await until(lambda: find(store, "trustworthy"), what="the letter")] == [number]
