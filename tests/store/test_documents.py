"""Documents: plain files that no name, link or crash can turn into something else."""

from __future__ import annotations

import asyncio
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.domain.errors import Conflict
from gateway.store import documents, files
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import NOW, dated, document, facts, file_with, filing, mail

YEAR = Path("clients/Al/documents/2026")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


async def save(store: Store, text: str, name: str, content: bytes, *clients: str) -> tuple[str, ...]:
    return (await file_with(store, filing(mail(text), *(clients or ("Al",))), document(name, content)))[1]


async def test_an_attachment_lies_as_a_read_only_file_under_client_and_year(store: Store, data_dir: Path) -> None:
    assert await save(store, "1", "statement.pdf", b"%PDF") == (f"{YEAR}/2026-03-14 statement.pdf",)
    path = data_dir / YEAR / "2026-03-14 statement.pdf"
    assert path.read_bytes() == b"%PDF"
    assert mode(path) == 0o440
    assert {mode(folder) for folder in list(path.parents)[:4]} == {0o750}
    (one,) = await store.record.documents("Al")
    assert (one.name, one.original_name) == ("2026-03-14 statement.pdf", "statement.pdf")
    assert await store.record.document(one.id) == one
    assert await store.record.document_bytes(one.id) == b"%PDF"


async def test_the_same_content_is_one_document_a_client_and_other_content_gets_a_number(store: Store) -> None:
    assert len(await save(store, "1", "a.pdf", b"one", "Al", "Diane")) == 2
    assert await save(store, "2", "b.pdf", b"one") == ()
    assert await save(store, "3", "a.pdf", b"two") == (f"{YEAR}/2026-03-14 a (2).pdf",)
    assert await save(store, "4", "a.pdf", b"three") == (f"{YEAR}/2026-03-14 a (3).pdf",)
    assert await store.verify() == []


async def test_I3_names_that_differ_by_case_or_composition_only_do_not_meet_in_one_file(store: Store) -> None:
    assert await save(store, "1", "A.pdf", b"one") == (f"{YEAR}/2026-03-14 A.pdf",)
    assert await save(store, "2", "a.PDF", b"two") == (f"{YEAR}/2026-03-14 a (2).PDF",)
    assert await save(store, "3", "\u0219.pdf", b"three") == (f"{YEAR}/2026-03-14 \u0219.pdf",)
    assert await save(store, "4", "s\u0326.pdf", b"four") == (f"{YEAR}/2026-03-14 \u0219 (2).pdf",)


async def test_clients_whose_names_make_the_same_folder_do_not_share_it(store: Store) -> None:
    first = await save(store, "1", "a.pdf", b"one", "Al/Co")
    second = await save(store, "2", "a.pdf", b"one", "Al_Co")
    third = await save(store, "3", "a.pdf", b"one", "AL_CO")
    folders = [paths[0].split("/")[1].casefold() for paths in (first, second, third)]
    assert len(set(folders)) == 3
    assert (await save(store, "4", "b.pdf", b"two", "Al_Co"))[0].split("/")[1] == second[0].split("/")[1]


async def test_five_tails_that_file_the_same_attachment_save_it_once(store: Store, data_dir: Path) -> None:
    await asyncio.gather(*(save(store, f"{number}", "a.pdf", b"one") for number in range(5)))
    assert len(list((data_dir / YEAR).iterdir())) == 1
    assert len(await store.record.documents()) == 1


async def test_D5_a_file_that_a_crash_left_without_its_row_is_taken_over(open_store: Opener, data_dir: Path) -> None:
    store = await open_store()
    await save(store, "0", "other.pdf", b"zero")  # so that the client has a folder
    documents.save(data_dir, "Al", NOW.date(), "a.pdf", b"one")
    await store.close()
    again = await open_store()
    assert await save(again, "1", "a.pdf", b"one") == (f"{YEAR}/2026-03-14 a.pdf",)
    assert len(list((data_dir / YEAR).iterdir())) == 2


async def test_a_file_that_a_person_put_there_is_not_written_over(store: Store, data_dir: Path) -> None:
    (data_dir / YEAR).mkdir(parents=True)
    theirs = data_dir / YEAR / "2026-03-14 a.pdf"
    theirs.write_bytes(b"theirs")
    assert await save(store, "1", "a.pdf", b"ours") == (f"{YEAR}/2026-03-14 a (2).pdf",)
    assert theirs.read_bytes() == b"theirs"


@pytest.mark.parametrize("planted", ["clients", "clients/Al", "clients/Al/documents", "clients/Al/documents/2026"])
async def test_I4_a_planted_link_is_not_followed(store: Store, data_dir: Path, tmp_path: Path, planted: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (data_dir / planted).parent.mkdir(parents=True, exist_ok=True)
    (data_dir / planted).symlink_to(outside)
    with pytest.raises(Conflict):
        await save(store, "1", "a.pdf", b"one")
    assert list(outside.iterdir()) == []
    assert (await store.saving.outstanding()).waiting == 1  # the mail is filed, its attachment owed
    (data_dir / planted).unlink()
    assert len(await save(store, "1", "a.pdf", b"one")) == 1


@pytest.mark.parametrize("kind", ["link", "hard link", "fifo", "folder", "dangling"])
async def test_I4_a_name_that_something_else_has_is_left_alone(
    store: Store, data_dir: Path, tmp_path: Path, kind: str
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"one")
    (data_dir / YEAR).mkdir(parents=True)
    place = data_dir / YEAR / "2026-03-14 a.pdf"
    match kind:
        case "link":
            place.symlink_to(outside)
        case "hard link":
            outside.write_bytes(b"theirs")
            place.hardlink_to(outside)
        case "dangling":
            place.symlink_to(tmp_path / "nowhere")
        case "fifo":
            os.mkfifo(place)
        case _:
            place.mkdir()
    async with asyncio.timeout(5):
        assert await save(store, "1", "a.pdf", b"one") == (f"{YEAR}/2026-03-14 a (2).pdf",)
    assert outside.read_bytes() == (b"theirs" if kind == "hard link" else b"one")
    assert not (tmp_path / "nowhere").exists()


async def test_a_document_that_was_changed_is_not_handed_out(store: Store, data_dir: Path) -> None:
    (path,) = await save(store, "1", "a.pdf", b"one")
    (data_dir / path).chmod(0o600)
    (data_dir / path).write_bytes(b"two")
    with pytest.raises(Conflict):
        await store.record.document_bytes(1)
    assert len(await store.verify()) == 1
    (data_dir / path).unlink()
    with pytest.raises(Conflict):
        await store.record.document_bytes(1)
    assert len(await store.verify()) == 1


@pytest.mark.parametrize("year", [1, 1970, 2027, 9999])
async def test_a_date_that_cannot_be_is_replaced_by_the_day_of_filing(store: Store, year: int) -> None:
    odd = dated(facts(), datetime(year, 6, 1, tzinfo=UTC))
    _, paths = await file_with(store, filing(mail("1"), "Al", known=odd), document("a.pdf", b"one"))
    assert paths == (f"{YEAR}/2026-03-14 a.pdf",)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b"])
def test_I3_no_name_leads_out_of_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        files.put(tmp_path, ("blobs",), name, b"x", 0o600)
    with pytest.raises(ValueError, match="name"):
        files.add(tmp_path, (name,), "x", b"x", 0o600)
