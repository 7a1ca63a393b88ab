"""A backup that is put back: all of it is there, nothing that was there is lost, and what is wrong with it is told."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.domain.errors import Conflict
from gateway.store.bodies import INLINE
from gateway.store.restore import Restored, checked, restore
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import document, entry, file_with, filing, mail, minutes

SMALL, LARGE = mail("small"), mail("large", INLINE)


def blob(root: Path, raw: bytes) -> Path:
    sha256 = hashlib.sha256(raw).hexdigest()
    return root / "blobs" / sha256[:2] / sha256


def put_back(backup: Path, root: Path) -> Restored:
    root.mkdir(exist_ok=True)
    return restore(checked(backup), root, root / "postern.db", lambda _done: None)


@pytest.fixture
async def backup(store: Store, tmp_path: Path) -> Path:
    """Of two messages that wait, one of them in a file, and a client's message with a document."""
    for name, raw in (("small", SMALL), ("large", LARGE)):
        await store.queue.add(entry(name, raw), raw)
    await file_with(store, filing(LARGE, "Al"), document("a.pdf", b"one"))
    await store.backup(tmp_path / "backup")
    return tmp_path / "backup"


async def test_G3_all_that_was_backed_up_is_there_again(backup: Path, tmp_path: Path, open_store: Opener) -> None:
    told: list[int] = []
    (tmp_path / "new").mkdir()
    back = restore(checked(backup), tmp_path / "new", tmp_path / "new" / "postern.db", told.append)
    assert (back, sum(told)) == (Restored(2, 2, ()), checked(backup).files)
    again = await open_store(tmp_path / "new")
    assert await again.verify() == []
    assert await again.bodies.get(hashlib.sha256(LARGE).hexdigest()) == LARGE
    assert await again.record.document_bytes(1) == b"one"
    assert {one.id for one in await again.queue.list()} == {"small", "large"}
    for path in (tmp_path / "new").rglob("*"):
        assert path.stat().st_mode & 0o007 == 0, path


async def test_G3_all_that_waited_or_was_under_way_is_held_so_that_none_of_it_leaves_twice(
    store: Store, tmp_path: Path, open_store: Opener
) -> None:
    await store.queue.add(entry("leaves", SMALL), SMALL)
    await store.queue.claim(minutes(0), 1)
    for name in ("waits", "held"):
        await store.queue.add(entry(name, SMALL), SMALL)
    await store.queue.act("held", "hold", minutes(0))
    await store.backup(tmp_path / "backup")
    assert put_back(tmp_path / "backup", tmp_path / "new").held == 2
    again = await open_store(tmp_path / "new")
    assert await again.queue.due() == {}
    assert (await again.queue.counts())["held"] == 3


async def test_one_that_was_cut_off_is_gone_on_with(backup: Path, tmp_path: Path, open_store: Opener) -> None:
    put_back(backup, tmp_path / "new")
    (tmp_path / "new" / "postern.db").unlink()
    written = blob(tmp_path / "new", LARGE)
    written.write_bytes(LARGE[:100])
    (tmp_path / "new" / "postern.db.restoring").write_bytes(b"half")
    assert put_back(backup, tmp_path / "new") == Restored(2, 2, ())
    again = await open_store(tmp_path / "new")
    assert await again.verify() == []


async def test_what_is_missing_or_damaged_is_named_and_all_else_is_there(
    backup: Path, tmp_path: Path, open_store: Opener
) -> None:
    blob(backup, LARGE).write_bytes(LARGE[:-1] + b"?")
    (paper,) = (path for path in (backup / "clients").rglob("*") if path.is_file())
    paper.unlink()
    back = put_back(backup, tmp_path / "new")
    assert back.files == 0
    assert [fault.sentence for fault in back.faults] == [
        "the file is not what was saved",
        "the file is not in the backup",
    ]
    assert not blob(tmp_path / "new", LARGE).exists()
    again = await open_store(tmp_path / "new")
    assert len(await again.verify()) == 2
    assert await again.bodies.get(hashlib.sha256(SMALL).hexdigest()) == SMALL


async def test_nothing_that_is_there_is_written_over(backup: Path, tmp_path: Path, data_dir: Path) -> None:
    before = (data_dir / "postern.db").read_bytes()
    with pytest.raises(Conflict, match="there is a database already"):
        put_back(backup, data_dir)
    assert (data_dir / "postern.db").read_bytes() == before
    for beside in ("postern.db-wal", "postern.db-journal"):
        (tmp_path / beside).mkdir()
        (tmp_path / beside / beside).write_bytes(b"of another")
        with pytest.raises(Conflict, match="move it away first"):
            put_back(backup, tmp_path / beside)
        assert not (tmp_path / beside / "postern.db").exists()


async def test_words_of_another_record_are_not_found_in_this_one(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "postern-search.db").write_bytes(b"of another")
    put_back(backup, tmp_path / "new")
    assert not (tmp_path / "new" / "postern-search.db").exists()


async def test_what_is_no_backup_is_refused_and_changes_nothing(backup: Path, tmp_path: Path) -> None:
    new, newer, empty, other, broken = (tmp_path / name for name in ("new", "newer", "empty", "other", "broken"))
    for one in (newer, empty, other, broken):
        shutil.copytree(backup, one)
    with closing(sqlite3.connect(newer / "postern.db")) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
        raw.commit()
    (empty / "postern.db").write_bytes(b"")
    (other / "postern.db").write_bytes(b"no database at all, however long it may be; " * 100)
    whole = (broken / "postern.db").read_bytes()
    (broken / "postern.db").write_bytes(whole[: len(whole) // 2])
    for one, why in (
        (tmp_path / "nowhere", "is no backup"),
        (newer, "newer Postern"),
        (empty, "never finished"),
        (other, "damaged"),
        (broken, "damaged"),
    ):
        with pytest.raises(Conflict, match=why):
            put_back(one, new)
    assert list(new.iterdir()) == []
