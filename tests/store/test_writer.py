"""The writer: one COMMIT for many, one failure for one, and never "done" after a COMMIT that failed."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import NoResultFound

from gateway.domain.errors import Conflict, NoSpace, PosternError, TemporaryFailure
from gateway.store import engine
from gateway.store.engine import connect, driver
from gateway.store.reader import Reader
from gateway.store.writer import Writer
from tests.waiting import until

T = TypeVar("T")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "w.db"


@pytest.fixture
async def engines(database: Path) -> AsyncIterator[tuple[Engine, Engine]]:
    both = connect(database, writes=True), connect(database, writes=False)
    with both[0].connect() as connection:
        connection.exec_driver_sql("CREATE TABLE parent (id INTEGER PRIMARY KEY, text TEXT)")
        connection.exec_driver_sql("CREATE TABLE child (parent INTEGER REFERENCES parent (id))")
    yield both
    for one in both:
        one.dispose()


@pytest.fixture
async def writer(engines: tuple[Engine, Engine]) -> AsyncIterator[Writer]:
    opened = Writer(engines[0])
    yield opened
    await opened.close()


class Gate:
    """Holds the writer thread until it is opened, so that what comes meanwhile is one batch."""

    def __init__(self, writer: Writer) -> None:
        self._inside, self._open = threading.Event(), threading.Event()
        self._held = asyncio.ensure_future(writer.run(self._hold))

    def _hold(self, connection: Connection) -> None:
        self._inside.set()
        self._open.wait(10)

    async def shut(self) -> None:
        await until(self._inside.is_set)

    async def open(self) -> None:
        self._open.set()
        await self._held


def insert(number: int) -> str:
    return f"INSERT INTO parent VALUES ({number}, 'x')"


def do(*statements: str) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    return work


def kept(database: Path) -> list[int]:
    with sqlite3.connect(database) as raw:
        found = [row[0] for row in raw.execute("SELECT id FROM parent ORDER BY id")]
    raw.close()
    return found


async def batch(writer: Writer, *works: Callable[[Connection], T]) -> list[T | BaseException]:
    gate = Gate(writer)
    await gate.shut()
    tasks = [asyncio.ensure_future(writer.run(work)) for work in works]
    await asyncio.sleep(0)
    await gate.open()
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_what_waits_for_a_commit_shares_the_next(writer: Writer) -> None:
    commits: list[str] = []

    def trace(connection: Connection) -> None:
        driver(connection).set_trace_callback(lambda line: commits.append(line) if line == "COMMIT" else None)

    await writer.run(trace)
    commits.clear()
    await batch(writer, *(do(insert(number)) for number in range(50)))
    assert len(commits) == 2  # the gate's, and theirs


async def test_a_job_that_fails_takes_nobody_with_it(writer: Writer, database: Path) -> None:
    came = await batch(writer, do(insert(1)), do(insert(2), insert(1)), do(insert(3)))
    assert [type(one) for one in came] == [type(None), Conflict, type(None)]
    assert kept(database) == [1, 3]


async def test_a_commit_that_fails_fails_every_job_of_its_batch(writer: Writer, database: Path) -> None:
    orphan = do("PRAGMA defer_foreign_keys = ON", "INSERT INTO child VALUES (99)")
    came = await batch(writer, do(insert(1)), orphan, do(insert(2)))
    assert [isinstance(one, PosternError) for one in came] == [True] * 3
    assert kept(database) == []
    await writer.run(do(insert(4)))
    assert kept(database) == [4]


async def test_B1_a_full_database_fails_the_batch_and_the_next_one_works(writer: Writer, database: Path) -> None:
    big = f"INSERT INTO parent VALUES (2, '{'x' * 200_000}')"
    await writer.run(do("PRAGMA max_page_count = 20"))
    came = await batch(writer, do(insert(1)), do(big), do(insert(3)))
    assert [type(one) for one in came] == [NoSpace] * 3  # SQLite undid the transaction, not the job
    assert kept(database) == []
    await writer.run(do("PRAGMA max_page_count = 100000"))
    await writer.run(do(big))
    assert 2 in kept(database)


async def test_G1_a_database_that_another_program_holds_is_a_temporary_failure(
    engines: tuple[Engine, Engine], database: Path
) -> None:
    writer = Writer(engines[0])
    await writer.run(do("PRAGMA busy_timeout = 50"))
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TemporaryFailure):
        await writer.run(do(insert(1)))
    other.execute("ROLLBACK")
    other.close()
    await writer.run(do(insert(1)))
    await writer.close()
    assert kept(database) == [1]


async def test_a_mistake_of_ours_is_not_dressed_up(writer: Writer) -> None:
    def mistake(connection: Connection) -> None:
        raise KeyError("mistake")

    with pytest.raises(KeyError):
        await writer.run(mistake)


async def test_being_cancelled_does_not_take_back_what_was_handed_over(writer: Writer, database: Path) -> None:
    gate, rung = Gate(writer), asyncio.Event()
    await gate.shut()
    task = asyncio.ensure_future(writer.run(do(insert(1)), lambda _: rung.set()))
    await asyncio.sleep(0)
    task.cancel()
    await gate.open()
    async with asyncio.timeout(5):
        await rung.wait()
    assert kept(database) == [1]


async def test_work_of_a_kind_is_done_together_and_never_before_what_came_first(writer: Writer) -> None:
    done: list[str] = []

    def red(connection: Connection, items: Sequence[str]) -> None:
        done.append(f"red {' '.join(items)}")

    def blue(connection: Connection, items: Sequence[str]) -> None:
        done.append(f"blue {' '.join(items)}")

    gate, told = Gate(writer), list[bool]()
    await gate.shut()
    tasks = [
        *(
            asyncio.ensure_future(writer.run_together(kind, item))
            for kind, item in ((red, "1"), (blue, "2"), (red, "3"))
        ),
        asyncio.ensure_future(writer.run(lambda _: done.append("alone"))),
        *(asyncio.ensure_future(writer.run_together(red, item, told.append)) for item in ("4", "5")),
    ]
    await asyncio.sleep(0)
    tasks[-1].cancel()
    await gate.open()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert done == ["red 1 3", "blue 2", "alone", "red 4 5"]
    assert told == [True, True]  # also who had stopped waiting


async def test_closing_finishes_what_was_handed_over_and_takes_no_more(
    engines: tuple[Engine, Engine], database: Path
) -> None:
    writer = Writer(engines[0])
    tasks = [asyncio.ensure_future(writer.run(do(insert(number)))) for number in range(500)]
    await asyncio.sleep(0)
    await writer.close()
    await asyncio.gather(*tasks)
    assert kept(database) == list(range(500))
    assert not database.with_name("w.db-wal").exists() or database.with_name("w.db-wal").stat().st_size == 0
    with pytest.raises(TemporaryFailure):
        await writer.run(do(insert(1000)))


async def test_a_reader_can_write_nothing(engines: tuple[Engine, Engine], writer: Writer) -> None:
    reader = Reader(engines[1])
    with pytest.raises(PosternError):
        await reader.run(do(insert(1)))
    await reader.close()


async def test_commits_are_made_to_survive_a_power_cut(writer: Writer) -> None:
    """Measured: with NORMAL, the log is not synced at COMMIT (a real cut is for the power-cut rig)."""
    assert await writer.run(lambda connection: connection.exec_driver_sql("PRAGMA synchronous").scalar()) == 2
    assert await writer.run(lambda connection: connection.exec_driver_sql("PRAGMA journal_mode").scalar()) == "wal"
    assert engine.BUSY_TIMEOUT < 60_000


async def test_B3_memory_that_is_gone_is_trouble_that_passes(writer: Writer, engines: tuple[Engine, Engine]) -> None:
    def too_much(_connection: Connection) -> None:
        raise MemoryError

    reader = Reader(engines[1])
    for one in (writer, reader):
        with pytest.raises(TemporaryFailure, match="no memory left"):
            await one.run(too_much)
        assert await one.run(lambda connection: connection.scalar(text("SELECT 7"))) == 7
    await reader.close()


def test_B3_a_thread_that_can_not_go_on_ends_the_process_instead_of_leaving_all_to_wait(database: Path) -> None:
    """A child process: it would be this one that ends."""
    program = f"""
import asyncio
from pathlib import Path
from gateway.store.engine import connect
from gateway.store.writer import Writer

async def main():
    writer = Writer(connect(Path({str(database)!r}), writes=True))
    await writer.run(lambda connection: None)
    def broken(jobs):
        raise MemoryError
    writer._tell = broken
    await writer.run(lambda connection: None)

asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 70
    assert "MemoryError" in ended.stderr


async def test_a_reader_asked_by_many_answers_each_and_says_what_failed(
    engines: tuple[Engine, Engine], writer: Writer
) -> None:
    reader = Reader(engines[1])
    await asyncio.gather(*(writer.run(do(insert(number))) for number in range(50)))

    def seen(number: int) -> Callable[[Connection], object]:
        return lambda connection: connection.exec_driver_sql(
            "SELECT id FROM parent WHERE id = ?", (number,)
        ).scalar_one()

    found = await asyncio.gather(*(reader.run(seen(number)) for number in range(60)), return_exceptions=True)
    assert found[:50] == list(range(50))
    assert all(isinstance(one, NoResultFound) for one in found[50:])
    assert await reader.run(seen(7)) == 7  # the connections that met with an error are good again
    await reader.close()
    with pytest.raises(TemporaryFailure):
        await reader.run(seen(7))


async def test_a_look_sees_one_moment_and_whoever_stopped_waiting_takes_nothing_with_it(
    engines: tuple[Engine, Engine], writer: Writer
) -> None:
    reader = Reader(engines[1])
    begun, go_on = threading.Event(), threading.Event()

    def twice(connection: Connection) -> tuple[object, object]:
        count = text("SELECT count(*) FROM parent")
        before = connection.execute(count).scalar_one()
        begun.set()
        go_on.wait(30)
        return before, connection.execute(count).scalar_one()

    looking, dropped = asyncio.ensure_future(reader.run(twice)), asyncio.ensure_future(reader.run(twice))
    await asyncio.to_thread(begun.wait, 30)
    dropped.cancel()
    await writer.run(do(insert(1)))
    go_on.set()
    assert await looking == (0, 0)
    assert await reader.run(twice) == (1, 1)
    await reader.close()


def test_B3_a_reader_that_can_not_go_on_ends_the_process(database: Path) -> None:
    program = f"""
import asyncio
from pathlib import Path
from gateway.store.engine import connect
from gateway.store.reader import Reader

async def main():
    reader = Reader(connect(Path({str(database)!r}), writes=False))
    def broken(*_):
        raise SystemError("no memory for the error")
    reader._loop.call_soon_threadsafe = broken
    await reader.run(lambda connection: None)

asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 70
    assert "SystemError" in ended.stderr
