"""A full disk: the caller hears so, nothing is left half done, and with room it goes on."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.domain.errors import NoSpace, TemporaryFailure
from gateway.store import files
from gateway.store.store import Store
from gateway.store.trouble import trouble
from tests.store.conftest import Opener
from tests.store.making import entry, filing, inbox, mail, reached

FULL = "a full disk needs a tmpfs, and mounting one needs root: run scripts/test as root to try it"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mounted = os.geteuid() == 0 and (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], check=False, capture_output=True
        ).returncode
        == 0
    )
    if not mounted:
        pytest.skip(FULL)
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(place: Path, leave: int) -> Path:
    """A file that takes all room but ``leave`` octets."""
    filler = place / "filler"
    free = os.statvfs(place)
    with filler.open("wb") as file:
        file.write(b"\0" * max(free.f_bavail * free.f_frsize - leave, 0))
    return filler


def use_up_inodes(place: Path) -> list[Path]:
    """The files without which there would be some."""
    subprocess.run(["mount", "-o", "remount,nr_inodes=60", place], check=True)
    made: list[Path] = []
    while len(made) < 60:
        try:
            (place / f"filler{len(made)}").touch()
        except OSError:
            return made
        made.append(place / f"filler{len(made)}")
    pytest.fail("there were always more inodes")


async def add_until_full(store: Store, size: int) -> list[str]:
    """What was accepted before the first refusal, which must come."""
    accepted: list[str] = []
    while len(accepted) < 5000:
        raw = mail(f"{len(accepted)}", size)
        try:
            await store.queue.add(entry(f"{len(accepted)}", raw), raw)
        except NoSpace:
            return accepted
        accepted.append(f"{len(accepted)}")
    pytest.fail("the disk never got full")


@pytest.mark.parametrize("leave", [0, 4096, 1_000_000])
@pytest.mark.parametrize("size", [2_000, 1_200_000])
async def test_B1_a_full_disk_refuses_and_keeps_what_was_accepted(
    small_disk: Path, open_store: Opener, leave: int, size: int
) -> None:
    data_dir = small_disk / "data"
    store = await open_store(data_dir)
    first = mail("first")
    await store.queue.add(entry("first", first), first)
    filler = fill(small_disk, leave)
    accepted = ["first", *await add_until_full(store, size)]
    assert list((data_dir / "tmp").iterdir()) == []
    assert {one.id for one in await store.queue.list(limit=5000)} == set(accepted)
    filler.unlink()
    await store.queue.add(entry("after", first), first)
    assert await store.verify() == []


async def test_B1_a_full_disk_does_not_move_the_cursor_past_what_was_not_filed(
    small_disk: Path, open_store: Opener
) -> None:
    data_dir = small_disk / "data"
    store = await open_store(data_dir)
    await store.sync.move(reached(5))
    item = filing(mail("1", 900_000), "Al", at=inbox(5), cursor=reached(6))
    filler = fill(small_disk, 600_000)
    with pytest.raises(NoSpace):
        await store.record.file(item)
    assert await store.sync.cursor(reached(5).mailbox, "INBOX") == reached(5)
    assert await store.record.list("Al", None) == []
    assert list((data_dir / "tmp").iterdir()) == []
    filler.unlink()
    assert (await store.record.file(item)).new
    assert await store.sync.cursor(reached(5).mailbox, "INBOX") == reached(6)


async def test_B3_without_inodes_what_needs_a_file_is_refused_and_the_rest_goes_on(
    small_disk: Path, open_store: Opener
) -> None:
    data_dir = small_disk / "data"
    store = await open_store(data_dir)
    first = mail("first", 300_000)
    await store.queue.add(entry("first", first), first)
    fillers = use_up_inodes(small_disk)
    large, small = mail("large", 400_000), mail("small")
    with pytest.raises(NoSpace):
        await store.queue.add(entry("large", large), large)
    await store.queue.add(entry("small", small), small)
    for filler in fillers:
        filler.unlink()
    await store.queue.add(entry("large", large), large)
    assert {one.id for one in await store.queue.list()} == {"first", "small", "large"}
    assert list((data_dir / "tmp").iterdir()) == []
    assert await store.verify() == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_B2_a_full_quota_is_no_space(number: int) -> None:
    assert isinstance(trouble(OSError(number, os.strerror(number))), NoSpace)


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EMFILE])
def test_B3_other_trouble_is_temporary_and_tells_the_person_nothing_of_the_inside(number: int) -> None:
    told = trouble(OSError(number, os.strerror(number), "/secret/place"))
    assert isinstance(told, TemporaryFailure)
    assert "secret" not in told.sentence
    assert "secret" in told.detail


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "link", "fchmod"])
def test_B2_a_write_that_fails_at_any_step_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EIO, "broken")

    files.make_root(tmp_path / "data")
    with files.folder(tmp_path / "data", "blobs"), files.folder(tmp_path / "data", "tmp"):
        monkeypatch.setattr(os, call, fail)
    write = files.add if call == "link" else files.put
    with pytest.raises(OSError, match="broken"):
        write(tmp_path / "data", ("blobs",), "x", b"content", 0o600)
    monkeypatch.undo()
    assert list((tmp_path / "data" / "tmp").iterdir()) == []
    assert [path.name for path in (tmp_path / "data" / "blobs").iterdir()] == []
