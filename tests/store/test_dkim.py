"""Signing keys: kept, sealed, activated one of a kind at a time, written down, told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.domain.dkim import Algorithm, KeyState, SigningKey
from gateway.domain.errors import Conflict, NotFound
from gateway.domain.firm import Secret
from gateway.store import migrate
from gateway.store.dkim import ActiveKey
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import NOW, minutes

CANARY = Secret("canary-private-key")
FIRM = "firm.example"


def key(selector: str = "a", algorithm: Algorithm = Algorithm.RSA, domain: str = FIRM) -> SigningKey:
    return SigningKey(domain, selector, algorithm, b"public \x00\xff", NOW)


async def states(store: Store) -> dict[str, str]:
    return {one.selector: one.state.value for one in await store.dkim.list()}


async def test_a_new_key_waits_and_comes_back_as_it_was(open_store: Opener) -> None:
    store = await open_store()
    await store.dkim.add(key(), CANARY, "root")
    await store.close()
    again = await open_store()
    assert list(await again.dkim.list()) == [key()]
    assert list(await again.dkim.active()) == []


async def test_an_active_key_is_given_with_its_private_half(store: Store) -> None:
    await store.dkim.add(key(), CANARY, "root")
    active = await store.dkim.activate(FIRM, "a", "root", minutes(1))
    assert (active.state, active.active_since) == (KeyState.ACTIVE, minutes(1))
    assert list(await store.dkim.active()) == [ActiveKey(active, CANARY)]


async def test_the_key_before_it_retires_but_not_the_one_of_another_kind_or_domain(store: Store) -> None:
    for one in (key("a"), key("b"), key("c", Algorithm.ED25519), key("d", domain="other.example")):
        await store.dkim.add(one, CANARY, "root")
    for selector, domain in (("a", FIRM), ("c", FIRM), ("d", "other.example"), ("b", FIRM)):
        await store.dkim.activate(domain, selector, "root", minutes(1))
    assert await states(store) == {"a": "retired", "b": "active", "c": "active", "d": "active"}
    await store.dkim.activate(FIRM, "a", "root", minutes(2))
    assert await states(store) == {"a": "active", "b": "retired", "c": "active", "d": "active"}


async def test_doing_it_twice_changes_nothing(store: Store, data_dir: Path) -> None:
    await store.dkim.add(key(), CANARY, "root")
    first = await store.dkim.activate(FIRM, "a", "root", minutes(1))
    assert await store.dkim.activate(FIRM, "a", "root", minutes(2)) == first
    retired = await store.dkim.retire(FIRM, "a", "root", minutes(3))
    assert await store.dkim.retire(FIRM, "a", "root", minutes(4)) == retired
    assert len(activity(data_dir)) == 3


async def test_states_that_forbid_it_are_told(store: Store) -> None:
    await store.dkim.add(key(), CANARY, "root")
    with pytest.raises(Conflict, match="has a key 'a' already"):
        await store.dkim.add(key(algorithm=Algorithm.ED25519), CANARY, "root")
    with pytest.raises(Conflict, match="does not sign yet"):
        await store.dkim.retire(FIRM, "a", "root", NOW)
    await store.dkim.activate(FIRM, "a", "root", NOW)
    with pytest.raises(Conflict, match="postern dkim disable"):
        await store.dkim.remove(FIRM, "a", "root", NOW)
    for change in (store.dkim.activate, store.dkim.retire, store.dkim.remove):
        with pytest.raises(NotFound, match="no key 'z'"):
            await change(FIRM, "z", "root", NOW)
    assert await states(store) == {"a": "active"}


def activity(data_dir: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(data_dir / "postern.db")) as raw:
        return raw.execute("SELECT who, kind, name, verb, what FROM activity ORDER BY number").fetchall()


async def test_every_change_is_written_down_with_who_did_it(store: Store, data_dir: Path) -> None:
    await store.dkim.add(key("a"), CANARY, "ana")
    await store.dkim.add(key("b"), CANARY, "ana")
    await store.dkim.activate(FIRM, "a", "ion", NOW)
    await store.dkim.activate(FIRM, "b", "ion", NOW)
    await store.dkim.remove(FIRM, "a", "root", NOW)
    first, second = "a._domainkey.firm.example", "b._domainkey.firm.example"
    assert activity(data_dir) == [
        ("ana", "dkim", first, "added", "rsa"),
        ("ana", "dkim", second, "added", "rsa"),
        ("ion", "dkim", first, "changed", "waiting to active"),
        ("ion", "dkim", first, "changed", "active to retired"),
        ("ion", "dkim", second, "changed", "waiting to active"),
        ("root", "dkim", first, "removed", ""),
    ]


async def test_who_signs_is_told_what_is_active_after_each_change(store: Store) -> None:
    told: list[list[str]] = []
    store.dkim.on_change.append(lambda active: told.append([one.key.selector for one in active]))
    await store.dkim.add(key("a"), CANARY, "root")
    await store.dkim.activate(FIRM, "a", "root", NOW)
    with pytest.raises(NotFound):
        await store.dkim.activate(FIRM, "z", "root", NOW)
    await store.dkim.retire(FIRM, "a", "root", NOW)
    await store.dkim.remove(FIRM, "a", "root", NOW)
    assert told == [[], ["a"], [], []]


async def test_X1_a_private_key_lies_in_no_file_of_store_or_backup(
    store: Store, data_dir: Path, tmp_path: Path
) -> None:
    await store.dkim.add(key(), CANARY, "root")
    await store.dkim.activate(FIRM, "a", "root", NOW)
    await store.backup(tmp_path / "backup")
    files = [path for root in (data_dir, tmp_path / "backup") for path in root.rglob("*") if path.is_file()]
    assert [path for path in files if CANARY.value.encode() in path.read_bytes()] == []
    assert any(b"_domainkey" in path.read_bytes() for path in files)  # it is what we look through
    assert CANARY.value not in repr(await store.dkim.active())


async def test_X4_with_another_key_of_the_store_nothing_is_signed_and_nothing_lost(open_store: Opener) -> None:
    store = await open_store()
    await store.dkim.add(key(), CANARY, "root")
    await store.dkim.activate(FIRM, "a", "root", NOW)
    await store.close()
    wrong = await open_store(key=bytes(32))
    with pytest.raises(Conflict, match="can't be opened: give the gateway the key"):
        await wrong.dkim.active()
    await wrong.close()
    (active,) = await (await open_store()).dkim.active()
    assert active.private == CANARY


async def test_a_private_key_moved_to_another_row_does_not_open(open_store: Opener, data_dir: Path) -> None:
    store = await open_store()
    await store.dkim.add(key("a"), CANARY, "root")
    await store.dkim.add(key("b", domain="other.example"), Secret("theirs"), "root")
    await store.dkim.activate("other.example", "b", "root", NOW)
    await store.close()
    with closing(sqlite3.connect(data_dir / "postern.db")) as raw:
        (stolen,) = raw.execute("SELECT nonce, box FROM dkim_key WHERE selector = 'a'").fetchall()
        raw.execute("UPDATE dkim_key SET nonce = ?, box = ? WHERE selector = 'b'", stolen)
        raw.commit()
    with pytest.raises(Conflict):
        await (await open_store()).dkim.active()


async def test_H2_a_database_from_before_gets_its_table(open_store: Opener, data_dir: Path) -> None:
    data_dir.mkdir(exist_ok=True)
    migrate._change(data_dir / "postern.db", lambda connection: migrate._upgrade(connection, "0001"))
    store = await open_store()
    await store.dkim.add(key(), CANARY, "root")
    assert await states(store) == {"a": "waiting"}
