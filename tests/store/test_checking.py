"""What somebody alters behind the gateway's back is named, each thing in words of its own; and nothing else is."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from gateway.domain.firm import Change, Firm
from gateway.store.activity import BEGINNING, link_of
from gateway.store.bodies import INLINE
from gateway.store.checking import Noted, Progress
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import NOW, document, file_with, filing, mail, minutes, unguarded

SMALL, LARGE = mail("small"), mail("large", INLINE + 1)
LINES = 6


async def furnish(store: Store) -> None:
    """Two messages, a document, and six lines of activity."""
    await file_with(store, filing(SMALL, "Al"), document("2026 a.pdf", b"content"))
    await store.record.file(filing(LARGE, "Al"))
    for number in range(LINES // 2):  # the step, and what it changed
        change = Change("client", f"Ștefan {number}", "changed", "name")
        await store.firm.replace(Firm(name=str(number)), [change], "root", minutes(number))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE body SET content = x'00' || substr(content, 2) WHERE content NOT NULL", "in the database is not what"),
        ("UPDATE message SET subject = 'Other' WHERE id = 1", "What is noted of message 1"),
        ("UPDATE message SET date = 0 WHERE id = 2", "What is noted of message 2"),
        ("UPDATE message SET size = 1, digest = NULL WHERE id = 2", "Message 2 is noted with another size"),
        ("DELETE FROM filing WHERE message = 2", "Message 2 is in no client's record"),
        ("UPDATE document SET sha256 = 'x'", "a.pdf is not what was saved"),
        ("UPDATE filing SET thread = 999 WHERE message = 1", "has a filing without its thread"),
        ("UPDATE activity SET what = 'nothing' WHERE number = 3", "Line 3 of the activity is not what was written"),
        ("UPDATE activity SET who = 'eve', at = at + 1 WHERE number = 6", "Line 6 of the activity is not what"),
        ("DELETE FROM activity WHERE number = 3", "Line 3 of the activity is gone"),
        ("DELETE FROM activity WHERE number BETWEEN 2 AND 4", "Lines 2 to 4 of the activity are gone"),
        ("DELETE FROM activity WHERE number > 4", "Lines 5 to 6 of the activity are gone"),
        ("DELETE FROM activity WHERE number < 3", "Lines 1 to 2 of the activity are gone"),
        ("DELETE FROM activity", "Lines 1 to 6 of the activity are gone"),
    ],
)
async def test_what_was_altered_is_named_alone(open_store: Opener, data_dir: Path, damage: str, words: str) -> None:
    store = await open_store()
    await furnish(store)
    assert await store.verify() == []
    with closing(unguarded(data_dir / "postern.db")) as raw:
        assert raw.execute(damage).rowcount > 0
        raw.commit()
    (found,) = await store.verify()
    assert words in found
    assert found.endswith(".")


async def test_blobs_and_documents_that_were_altered_or_lost_are_named(open_store: Opener, data_dir: Path) -> None:
    store = await open_store()
    await furnish(store)
    (blob,) = (path for path in (data_dir / "blobs").rglob("*") if path.is_file())
    (saved,) = (path for path in (data_dir / "clients").rglob("*") if path.is_file())
    blob.write_bytes(LARGE[:-1] + b"?")
    saved.unlink()
    found = await store.verify()
    assert sorted(one.split("/")[0] for one in found) == ["The file blobs", "The file clients"]


async def test_lines_that_were_cut_off_are_missed_though_new_ones_follow(open_store: Opener, data_dir: Path) -> None:
    store = await open_store()
    await furnish(store)
    with closing(unguarded(data_dir / "postern.db")) as raw:
        raw.execute("DELETE FROM activity WHERE number = 6")
        raw.commit()
    await store.firm.replace(Firm(name="new"), [Change("firm", "new", "changed")], "root", NOW)
    (found,) = await store.verify()
    assert found.startswith("Line 6 of the activity is gone")


async def test_a_chain_that_was_made_anew_is_told_by_a_line_that_was_noted(open_store: Opener, data_dir: Path) -> None:
    store = await open_store()
    await furnish(store)
    noted = next(one for one in await store.activity.list(10) if one.number == 5)
    honest = list(store.check(noted=Noted(noted.number, noted.link)))
    assert [one for one in honest if isinstance(one, str)] == []
    with closing(unguarded(data_dir / "postern.db")) as raw:
        raw.execute("UPDATE activity SET what = 'forged' WHERE number = 2")
        _chain_anew(raw)
        raw.commit()
    assert await store.verify() == []
    (found,) = [one for one in store.check(noted=Noted(noted.number, noted.link)) if isinstance(one, str)]
    assert found.startswith("Line 5 of the activity is not the one that you noted")
    (found,) = [one for one in store.check(noted=Noted(99, noted.link)) if isinstance(one, str)]
    assert found.startswith("The activity ends before line 99")


def _chain_anew(raw: sqlite3.Connection) -> None:
    link = BEGINNING
    for number, at, *words in raw.execute("SELECT number, at, who, kind, name, verb, what FROM activity").fetchall():
        link = link_of(link, number, at, words)
        raw.execute("UPDATE activity SET link = ? WHERE number = ?", (link, number))


def test_the_form_of_a_line_is_as_it_was_written_down() -> None:
    """Chains of years depend on it."""
    line = '[1,1773480413589793,"root","client","\\u0218tefan","changed","name \\"a\\" \\u2192 \\"b\\""]'
    words: Sequence[str] = ("root", "client", "Ștefan", "changed", 'name "a" → "b"')
    expected = hashlib.sha256(f"{'0' * 64}\n{line}".encode()).hexdigest()
    assert link_of(BEGINNING, 1, 1773480413589793, words) == expected


async def test_a_check_tells_how_far_it_is_and_ends_when_asked_to(store: Store) -> None:
    await furnish(store)
    signs = list(store.check())
    assert signs[0] == Progress(0, 11)
    assert signs[-1] == Progress(11, 11)
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) > 1

    stopped = list(store.check(stop=stop))
    assert all(isinstance(one, Progress) for one in stopped), "a check that ends early accuses nobody"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM message",
        "DELETE FROM filing",
        "DELETE FROM document",
        "DELETE FROM body",
        "DELETE FROM activity",
        "UPDATE activity SET who = 'eve'",
        "UPDATE message SET sha256 = 'x'",
        "UPDATE filing SET client = 'Nobody'",
        "UPDATE body SET content = x'00'",
    ],
)
async def test_the_database_itself_refuses_to_take_from_the_record(
    open_store: Opener, data_dir: Path, statement: str
) -> None:
    store = await open_store()
    await furnish(store)
    with (
        closing(sqlite3.connect(data_dir / "postern.db")) as raw,
        pytest.raises(sqlite3.IntegrityError, match=r"nobody|never"),
    ):
        raw.execute(statement)
    assert await store.verify() == []
