"""Large messages in files: kept whole under their hash or not at all, read in pieces, and never left behind."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.domain.errors import Conflict, NoSpace, TemporaryFailure
from gateway.store.spool import SLICE, Ahead, Blob
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import filing, inbox, mail, reached
from tests.store.test_disk_full import fill, small_disk

__all__ = ["small_disk"]

RAW = mail("large", 3 * SLICE + 17)
SHA = hashlib.sha256(RAW).hexdigest()


def left(data_dir: Path) -> list[str]:
    return [path.name for path in (data_dir / "tmp").iterdir()]


async def test_what_was_written_piece_by_piece_is_filed_as_it_was(store: Store, data_dir: Path) -> None:
    spool = store.bodies.spool()
    for start in range(0, len(RAW), 100_000):
        spool.write(RAW[start : start + 100_000])
    assert (len(spool), spool.sha256, spool.head(50)) == (len(RAW), SHA, RAW[:50])
    assert b"".join(spool.slices(10)) == RAW[10:]
    assert max(map(len, spool.slices())) == SLICE
    filed = await store.record.file(filing(spool, "Al", at=inbox(5), cursor=reached(6)))
    spool.close()
    assert await store.record.raw(filed.message) == RAW
    assert (await store.record.message(filed.message)).size == len(RAW)
    assert await store.verify() == []
    assert left(data_dir) == []
    again = store.bodies.spool()
    again.write(RAW)
    assert not (await store.record.file(filing(again, "Al", at=inbox(6), cursor=reached(7)))).new
    again.close()
    assert await store.verify() == []


async def test_what_was_not_kept_is_gone_when_it_is_closed_and_takes_nothing_more(store: Store, data_dir: Path) -> None:
    spool = store.bodies.spool()
    spool.write(RAW)
    assert len(left(data_dir)) == 1
    spool.close()
    spool.write(RAW)
    spool.close()
    assert left(data_dir) == []
    with pytest.raises(TemporaryFailure):
        list(spool.slices())
    with pytest.raises(TemporaryFailure):
        spool.keep()


async def test_D5_a_crash_before_the_row_leaves_at_most_a_file_that_the_next_filing_takes(
    open_store: Opener, data_dir: Path
) -> None:
    store = await open_store()
    cut, kept = store.bodies.spool(), store.bodies.spool()
    cut.write(RAW[:1000])
    kept.write(RAW)
    kept.keep()  # and here it ends: neither is closed, no row is written
    await store.close()
    store = await open_store()
    assert left(data_dir) == []
    spool = store.bodies.spool()
    spool.write(RAW)
    filed = await store.record.file(filing(spool, "Al", at=inbox(5), cursor=reached(6)))
    spool.close()
    assert await store.record.raw(filed.message) == RAW
    assert await store.verify() == []


async def test_B1_a_disk_that_fills_up_while_it_comes_says_so_and_keeps_nothing(
    small_disk: Path, open_store: Opener
) -> None:
    data_dir = small_disk / "data"
    store = await open_store(data_dir)
    filler = fill(small_disk, 400_000)
    spool = store.bodies.spool()
    spool.write(RAW[:100_000])
    with pytest.raises(NoSpace):
        spool.write(RAW[100_000:])
    spool.close()
    assert left(data_dir) == []
    filler.unlink()
    assert await store.verify() == []


async def test_a_stored_message_is_found_without_reading_it_into_memory_and_a_damaged_one_is_refused(
    store: Store, data_dir: Path
) -> None:
    small = mail("small")
    await store.record.file_all([filing(RAW, "Al"), filing(small, "Al")])
    found = await store.bodies.find(SHA)
    assert isinstance(found, Blob)
    assert (len(found), found.sha256, found.head(9)) == (len(RAW), SHA, RAW[:9])
    assert b"".join(found.slices(SLICE + 1)) == RAW[SLICE + 1 :]
    assert await store.bodies.find(hashlib.sha256(small).hexdigest()) == small
    path = data_dir / "blobs" / SHA[:2] / SHA
    octets = bytearray(RAW)
    octets[-1] ^= 1
    await asyncio.to_thread(path.write_bytes, octets)
    with pytest.raises(Conflict):
        await store.bodies.find(SHA)
    await asyncio.to_thread(path.unlink)
    with pytest.raises(Conflict):
        await store.bodies.find(SHA)


async def test_many_are_kept_together_each_under_its_own_hash(store: Store, data_dir: Path) -> None:
    raws = [mail(f"large {number}", 3 * SLICE + number) for number in range(5)]
    spools = [store.bodies.spool() for _ in (*raws, raws[0])]
    for spool, raw in zip(spools, (*raws, raws[0]), strict=True):  # one came twice
        spool.write(raw)
    items = [filing(spool, "Al", at=inbox(uid)) for uid, spool in enumerate(spools, 5)]
    filed = await store.record.file_all(items)
    for spool in spools:
        spool.close()
    assert [await store.record.raw(one.message) for one in filed] == [*raws, raws[0]]
    assert [one.new for one in filed] == [True] * 5 + [False]
    assert await store.verify() == []
    assert left(data_dir) == []


async def test_one_that_can_not_be_kept_leaves_no_row_of_those_with_it_and_nothing_behind(
    store: Store, data_dir: Path
) -> None:
    """Its folder's name is taken by a file, so the names of those before it were given already."""
    raws = [mail(f"large {number}", 3 * SLICE) for number in range(3)]
    spools = [store.bodies.spool() for _ in raws]
    for spool, raw in zip(spools, raws, strict=True):
        spool.write(raw)
    (data_dir / "blobs").mkdir()
    (data_dir / "blobs" / spools[-1].sha256[:2]).write_bytes(b"")
    with pytest.raises(Conflict):
        await store.record.file_all([filing(spool, "Al", at=inbox(uid)) for uid, spool in enumerate(spools, 5)])
    for spool in spools:
        spool.close()
    assert await store.record.list("Al", None) == []
    assert left(data_dir) == []


@pytest.mark.parametrize("piece", [700, 100_000, len(RAW)])
@pytest.mark.parametrize(("lead", "end"), [(b"", 0), (b"Received: x\r\n", 0), (b"L" * 5_000, 4_999), (b"s" * 9, 9)])
async def test_what_leaves_is_hashed_while_it_comes_and_what_came_can_be_read_back(
    store: Store, data_dir: Path, lead: bytes, end: int, piece: int
) -> None:
    ahead = store.bodies.ahead(lead, end)
    for start in range(0, len(RAW), piece):
        ahead.write(RAW[start : start + piece])
    assert (ahead.size, ahead.read()) == (len(RAW), RAW)
    ahead.turn()
    leaves = lead + RAW[end:]
    assert (len(ahead), ahead.sha256) == (len(leaves), hashlib.sha256(leaves).hexdigest())
    assert b"".join(ahead.slices()) == leaves
    filed = await store.record.file(filing(ahead, "Al", at=inbox(5), cursor=reached(6)))
    ahead.close()
    assert await store.record.raw(filed.message) == leaves
    assert await store.verify() == []
    assert left(data_dir) == []


async def test_a_lead_that_is_shorter_than_what_it_stands_for_has_no_room(store: Store) -> None:
    with pytest.raises(ValueError, match="no room"):
        store.bodies.ahead(b"short", 6)


async def test_one_that_is_closed_while_it_is_hashed_is_gone_and_takes_nothing_more(
    store: Store, data_dir: Path
) -> None:
    ahead = store.bodies.ahead(b"lead", 0)
    for _ in range(20):
        ahead.write(RAW)
    ahead.close()
    ahead.write(RAW)
    ahead.close()
    assert left(data_dir) == []
    for ask in (ahead.read, ahead.turn, ahead.keep, lambda: ahead.sha256):
        with pytest.raises(TemporaryFailure):
            ask()


@pytest.mark.parametrize("ends", ["hashed", "closed"])
async def test_one_whose_turn_to_be_hashed_did_not_come_waits_for_nobody(tmp_path: Path, ends: str) -> None:
    free = threading.Event()
    with ThreadPoolExecutor(1) as hashing:
        taken = hashing.submit(free.wait, 60)
        ahead = Ahead(tmp_path, hashing, b"lead", 0)
        ahead.write(RAW)
        ahead.write(RAW)
        if ends == "hashed":
            assert ahead.sha256 == hashlib.sha256(b"lead" + RAW + RAW).hexdigest()
        ahead.close()
        assert not taken.done()
        free.set()
    assert left(tmp_path) == []


async def test_B1_a_disk_that_is_full_says_so_to_what_is_hashed_while_it_comes(
    small_disk: Path, open_store: Opener
) -> None:
    data_dir = small_disk / "data"
    store = await open_store(data_dir)
    filler = fill(small_disk, 400_000)
    ahead = store.bodies.ahead(b"lead", 0)
    ahead.write(RAW[:100_000])
    with pytest.raises(NoSpace):
        ahead.write(RAW[100_000:])
    ahead.close()
    assert left(data_dir) == []
    filler.unlink()
    assert await store.verify() == []
