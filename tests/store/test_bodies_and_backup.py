"""Bytes: what comes out is what went in; a backup is whole; damage is found and named."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import random
from contextlib import closing
from pathlib import Path

import pytest

from gateway.domain.errors import Conflict, Faulty, NotFound
from gateway.store.bodies import INLINE
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import document, entry, file_with, filing, mail, unguarded

SMALL, LARGE = mail("small"), mail("large", INLINE)


def blob(data_dir: Path, raw: bytes) -> Path:
    sha256 = hashlib.sha256(raw).hexdigest()
    return data_dir / "blobs" / sha256[:2] / sha256


async def keep(store: Store, *raws: bytes) -> None:
    for raw in raws:
        await store.queue.add(entry(hashlib.sha256(raw).hexdigest()[:8], raw), raw)


@pytest.mark.parametrize("size", [0, 100, INLINE - 1, INLINE, INLINE + 1, 3_000_000])
async def test_bytes_of_any_size_come_back(store: Store, data_dir: Path, size: int) -> None:
    raw = bytes(range(256)) * (size // 256) + b"\0" * (size % 256)
    await keep(store, raw)
    assert await store.bodies.get(hashlib.sha256(raw).hexdigest()) == raw
    assert blob(data_dir, raw).exists() == (size >= INLINE)


async def test_the_same_bytes_in_queue_and_record_are_kept_once(store: Store, data_dir: Path) -> None:
    await asyncio.gather(*(store.queue.add(entry(f"{number}", LARGE), LARGE) for number in range(5)))
    await store.record.file(filing(LARGE, "Al"))
    assert len([path for path in (data_dir / "blobs").rglob("*") if path.is_file()]) == 1


async def test_bytes_that_nobody_kept_are_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.bodies.get("0" * 64)


@pytest.mark.parametrize("sixteenth", range(16))
async def test_G2_a_cut_file_is_never_handed_out(store: Store, data_dir: Path, sixteenth: int) -> None:
    await keep(store, LARGE)
    blob(data_dir, LARGE).write_bytes(LARGE[: len(LARGE) * sixteenth // 16])
    with pytest.raises(Conflict):
        await store.bodies.get(hashlib.sha256(LARGE).hexdigest())
    assert len(await store.verify()) == 1


@pytest.mark.parametrize("kind", ["flipped", "gone", "link", "folder"])
async def test_G2_a_file_that_is_not_what_was_stored_is_never_handed_out(
    store: Store, data_dir: Path, tmp_path: Path, kind: str
) -> None:
    await keep(store, LARGE)
    path = blob(data_dir, LARGE)
    if kind == "flipped":
        path.write_bytes(LARGE[:-1] + b"?")
    else:
        path.rename(tmp_path / "away")
        if kind == "link":
            path.symlink_to(tmp_path / "away")
        elif kind == "folder":
            path.mkdir()
    with pytest.raises(Conflict):
        await store.bodies.get(hashlib.sha256(LARGE).hexdigest())
    assert len(await store.verify()) == 1


async def test_G2_no_bit_that_flips_in_a_file_is_missed_and_its_owner_does_not_matter(
    store: Store, data_dir: Path
) -> None:
    await keep(store, LARGE)
    path, sha256 = blob(data_dir, LARGE), hashlib.sha256(LARGE).hexdigest()
    for seed in range(100):
        at, bit = random.Random(seed).randrange(len(LARGE)), seed % 8
        path.write_bytes(LARGE[:at] + bytes([LARGE[at] ^ 1 << bit]) + LARGE[at + 1 :])
        with pytest.raises(Conflict):
            await store.bodies.get(sha256)
    path.write_bytes(LARGE)
    if os.geteuid() == 0:
        os.chown(path, 65_534, 65_534)
    assert await store.bodies.get(sha256) == LARGE


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EIO])
async def test_G2_a_file_that_can_not_be_read_waits_for_a_person_who_is_told_which(
    store: Store, data_dir: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Fails in our place: for root all files are readable, and a disk can't be broken by hand."""
    await keep(store, LARGE)
    sha256, really = hashlib.sha256(LARGE).hexdigest(), os.open

    def failing(path: str | Path, *args: int, dir_fd: int | None = None) -> int:
        if path == sha256:
            raise OSError(number, os.strerror(number), sha256)
        return really(path, *args, dir_fd=dir_fd)

    with monkeypatch.context() as broken:
        broken.setattr(os, "open", failing)
        for read in (store.bodies.get, store.bodies.find):
            with pytest.raises(Conflict, match=f"can't be read .*blobs/{sha256[:2]}/{sha256}"):
                await read(sha256)
    assert await store.bodies.get(sha256) == LARGE


async def test_G2_a_row_that_was_changed_is_never_handed_out(open_store: Opener, data_dir: Path) -> None:
    store = await open_store()
    await keep(store, SMALL)
    await store.close()
    with closing(unguarded(data_dir / "postern.db")) as raw:
        raw.execute("UPDATE body SET content = ?", (SMALL[:-1] + b"?",))
        raw.commit()
    again = await open_store()
    with pytest.raises(Conflict):
        await again.bodies.get(hashlib.sha256(SMALL).hexdigest())
    assert len(await again.verify()) == 1


@pytest.mark.parametrize("damaged", [LARGE[:1000], LARGE[:-1] + b"?"])
async def test_a_damaged_file_is_mended_when_its_message_comes_again(
    store: Store, data_dir: Path, damaged: bytes
) -> None:
    await keep(store, LARGE)
    blob(data_dir, LARGE).write_bytes(damaged)
    await store.record.file(filing(LARGE, "Al"))
    assert await store.bodies.get(hashlib.sha256(LARGE).hexdigest()) == LARGE


async def test_G3_a_backup_under_load_is_a_store_of_one_moment(
    store: Store, open_store: Opener, data_dir: Path, tmp_path: Path
) -> None:
    await keep(store, SMALL, LARGE)
    await file_with(store, filing(LARGE, "Al"), document("a.pdf", b"one"))
    goes_on = True

    async def load() -> None:
        number = 0
        while goes_on:
            number += 1
            raw = mail(f"load {number}", INLINE if number % 4 == 0 else 1000)
            await store.queue.add(entry(f"load-{number}", raw), raw)

    loading = asyncio.ensure_future(load())
    await store.backup(tmp_path / "backup")
    goes_on = False
    await loading
    copy = await open_store(tmp_path / "backup")
    assert await copy.verify() == []
    assert await copy.record.document_bytes(1) == b"one"
    for one in await copy.queue.list(limit=10_000):
        assert hashlib.sha256(await copy.bodies.get(one.sha256)).hexdigest() == one.sha256
    assert {one.id for one in await copy.queue.list(limit=10_000)} >= {
        hashlib.sha256(raw).hexdigest()[:8] for raw in (SMALL, LARGE)
    }


async def test_a_backup_is_not_written_over_anything(store: Store, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "theirs").write_bytes(b"theirs")
    for target in (tmp_path / "full", tmp_path / "full" / "theirs"):
        with pytest.raises(Conflict):
            await store.backup(target)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["theirs"]
    (tmp_path / "empty").mkdir()
    await store.backup(tmp_path / "empty")


async def test_a_backup_names_what_it_could_not_copy_and_copies_the_rest(
    store: Store, data_dir: Path, tmp_path: Path
) -> None:
    gone, bad, good = (mail(name, INLINE) for name in ("gone", "bad", "good"))
    await keep(store, gone, bad, good)
    blob(data_dir, gone).unlink()
    blob(data_dir, bad).write_bytes(b"?" * INLINE)
    with pytest.raises(Faulty) as told:
        await store.backup(tmp_path / "backup")
    assert len(told.value.faults) == 2
    assert blob(tmp_path / "backup", good).read_bytes() == good


async def test_damage_inside_the_database_is_named(open_store: Opener, data_dir: Path) -> None:
    store = await open_store()
    await keep(store, *(mail(f"{number}", 5000) for number in range(50)))
    await store.close()
    path = data_dir / "postern.db"
    whole = bytearray(path.read_bytes())
    middle = len(whole) * 3 // 4 // 4096 * 4096  # among the bodies: opening must not need it
    whole[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(whole)
    again = await open_store()
    sentences = await again.verify()
    assert sentences
    assert all(one.endswith(".") for one in sentences)
