"""G1: the database is damaged, half gone or only to be read: it is said, and nothing wrong is read or thrown away."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from gateway.domain.errors import PosternError, TemporaryFailure
from gateway.store.bodies import INLINE
from gateway.store.store import Store
from tests.peers import ground
from tests.store.conftest import Opener
from tests.store.making import KEY, entry, filing, mail

PAGE = 4_096  # octets, SQLite's
SEEDS = 20  # pages, each of a database of its own
MAILS = {f"m{number}": mail(f"m{number}", 700 * number) for number in range(40)}
LARGE = mail("large", INLINE + 1)


@pytest.fixture
async def kept(open_store: Opener, data_dir: Path) -> Path:
    """Forty messages in the queue, one of them a file, and some in a client's record; nobody has it open."""
    store = await open_store()
    for name, raw in (MAILS | {"large": LARGE}).items():
        await store.queue.add(entry(name, raw), raw)
    for raw in list(MAILS.values())[:10]:
        await store.record.file(filing(raw, "Al"))
    await store.close()
    return data_dir


async def readable(store: Store) -> set[str]:
    """The names of what of the queue could be read back, each held to what was accepted."""
    found = set()
    for name, raw in (MAILS | {"large": LARGE}).items():
        with suppress(PosternError):
            one = await store.queue.get(name)
            assert one.sha256 == hashlib.sha256(raw).hexdigest()
            assert await store.bodies.get(one.sha256) == raw
            found.add(name)
    return found


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_G1_with_a_damaged_page_nothing_wrong_is_read_or_promised(kept: Path, seed: int) -> None:
    chance = random.Random(seed)
    database = kept / "postern.db"
    page = chance.randrange(database.stat().st_size // PAGE)
    with database.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(chance.randbytes(PAGE))
    blobs = sorted(path.name for path in (kept / "blobs").rglob("*"))
    refused = ""
    try:
        store = await Store.open(kept, url=None, key=KEY)
    except TemporaryFailure as error:
        refused = error.sentence
    else:
        await goes_on(store)
        await store.close()
    assert not refused or f"database {database} is damaged" in refused
    assert database.exists()
    assert sorted(path.name for path in (kept / "blobs").rglob("*")) == blobs


async def goes_on(store: Store) -> None:
    """Whatever still works is right, and what does not is named."""
    before = await readable(store)
    accepted = []
    for number in range(5):
        raw = mail(f"new {number}", 5_000)
        with suppress(PosternError):
            await store.queue.add(entry(f"new{number}", raw), raw)
            accepted.append((f"new{number}", raw))
    for name, raw in accepted:
        assert await store.bodies.get((await store.queue.get(name)).sha256) == raw
    assert before <= await readable(store)
    assert await store.verify() or before == {*MAILS, "large"}, "what can't be read back is named"


async def test_G1_without_its_log_a_database_that_was_closed_is_whole(kept: Path) -> None:
    assert not (kept / "postern.db-wal").exists()
    store = await Store.open(kept, url=None, key=KEY)
    assert await readable(store) == {*MAILS, "large"}
    await store.close()


async def test_G1_a_log_that_somebody_removed_while_nobody_ran_leaves_a_whole_database(
    open_store: Opener, data_dir: Path, tmp_path: Path
) -> None:
    """As after a crash: what was in the log alone is gone with it, and all before is there and sound."""
    store = await open_store()
    await store.queue.add(entry("m1", MAILS["m1"]), MAILS["m1"])
    await store.close()
    store = await open_store()
    await store.queue.add(entry("m2", MAILS["m2"]), MAILS["m2"])
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("postern.db", "postern.db-wal"):
        (copy / name).write_bytes((data_dir / name).read_bytes())
    with closing(sqlite3.connect(copy / "postern.db")) as raw:
        assert raw.execute("SELECT count(*) FROM queue_entry").fetchone() == (2,)
    for name in ("postern.db-wal", "postern.db-shm"):
        (copy / name).unlink(missing_ok=True)
    again = await open_store(copy)
    assert "m1" in await readable(again)
    assert await again.verify() == []


@pytest.fixture
def read_only(kept: Path, tmp_path: Path) -> Iterator[Path]:
    """The same data, mounted so that nothing can be written."""
    place = tmp_path / "read-only"
    place.mkdir()
    bound = subprocess.run(["mount", "--bind", kept, place], capture_output=True, check=False)
    if bound.returncode != 0:
        pytest.skip(f"{ground.MISSING}: no right to mount: {bound.stderr.decode().strip()}")
    subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


async def test_G1_a_database_that_can_only_be_read_is_refused_with_a_sentence_and_nothing_lost(
    kept: Path, read_only: Path
) -> None:
    with pytest.raises(PosternError) as refused:
        await Store.open(read_only, url=None, key=KEY)
    assert refused.value.sentence.endswith("try again later") or "write" in refused.value.sentence
    store = await Store.open(kept, url=None, key=KEY)
    assert await readable(store) == {*MAILS, "large"}
    await store.close()
