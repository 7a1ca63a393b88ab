"""The firm: comes back as it was put, its secrets sealed, its changes written down."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from gateway.domain.address import Address, Same
from gateway.domain.errors import Conflict, Faulty
from gateway.domain.firm import (
    Change,
    Client,
    Contact,
    ContactAddress,
    Endpoint,
    Fallback,
    Firm,
    Grant,
    InlineImage,
    Mailbox,
    Member,
    Role,
    Rule,
    Secret,
    Security,
    Signature,
    When,
)
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import AL, ARCHIVE, KEY, NOW, SUPPORT

CANARY = "canary-5up3r-secret"


def mailbox(address: Address, password: str = CANARY) -> Mailbox:
    return Mailbox(
        address=address,
        name="Popescu Support",
        members=("ana", "ion"),
        username=str(address),
        password=Secret(password),
        imap=Endpoint("imap.example", 993, Security.TLS),
        smtp=Endpoint("smtp.example", 587, Security.STARTTLS),
        allow_others_to_send=True,
        save_attachments=False,
        signature="support",
        folders=("INBOX", "Șterse"),
    )


FIRM = Firm(
    name="Popescu & Asociații",
    reply_to=Address("odd name", "firm.example"),
    members=(Member("ana", "Ana Pop", Role.OWNER, "$argon2id$hash"), Member("ion", "Ion")),
    mailboxes=(mailbox(SUPPORT), mailbox(Address("ana", "firm.example"))),
    signatures=(Signature("support", "-- \n{{ x }}", "<p>", (InlineImage("logo", "image/png", b"\xff\x00\x89"),)),),
    rules=(
        Rule("second", When(member=("ion",), to_client=True), SUPPORT, "{{ x }}", "r@x.example", True, "", (ARCHIVE,)),
        Rule("first"),
    ),
    clients=(
        Client("Al Pacino", ("*",), (Contact("Al", (ContactAddress(AL, email_sync=False, login=True),)),)),
        Client("Diane"),
    ),
)
FINER = replace(
    FIRM,
    timezone="Europe/Bucharest",
    same_address=(Same.PLUS, Same.GMAIL_DOTS),
    clients=(replace(FIRM.clients[0], domains=("pacino.example",), tag="C042"), FIRM.clients[1]),
    members=(replace(FIRM.members[0], signature="support"), FIRM.members[1]),
    mailboxes=(
        replace(
            FIRM.mailboxes[0],
            grants=(Grant("ion", date(2026, 8, 1), date(2026, 8, 15)), Grant("ana")),
            fallback=Fallback(Endpoint("relay.example", 465, Security.TLS), "popescu", Secret(f"{CANARY} too")),
        ),
        replace(FIRM.mailboxes[1], fallback=Fallback(Endpoint("relay.example", 25, Security.NONE))),
    ),
    signatures=(replace(FIRM.signatures[0], reply_text="short", reply_html="<i>"),),
    rules=(
        Rule(
            "finer",
            When(
                client=("Diane",),
                reply=False,
                attachments=True,
                header=(("Subject", "*x*"), ("X-A", "*")),
                larger_than=1,
                smaller_than=2,
            ),
        ),
    ),
)
CHANGES = (Change("mailbox", SUPPORT.key, "added"), Change("firm", "", "changed", "name"))


async def test_a_new_store_has_an_empty_firm(store: Store) -> None:
    assert await store.firm.load() == Firm()


async def test_the_firm_comes_back_as_it_was_put_in_its_order(open_store: Opener) -> None:
    store = await open_store()
    await store.firm.replace(FIRM, CHANGES, "root", NOW)
    assert await store.firm.load() == FIRM
    await store.close()
    assert await (await open_store()).firm.load() == FIRM


async def test_grants_replies_and_finer_rules_come_back_as_they_were_put(store: Store) -> None:
    await store.firm.replace(FINER, CHANGES, "root", NOW)
    assert await store.firm.load() == FINER


async def test_rows_from_before_there_were_grants_and_replies_are_read(store: Store, data_dir: Path) -> None:
    await store.firm.replace(FIRM, CHANGES, "root", NOW)
    old = {
        "firm": ("$.timezone",),
        "member": ("$.signature",),
        "mailbox": ("$.grants",),
        "signature": ("$.reply_text", "$.reply_html"),
        "rule": tuple(f"$.when.{name}" for name in ("client", "reply", "attachments", "header", "larger_than")),
    }
    with closing(sqlite3.connect(data_dir / "postern.db")) as raw:
        for kind, paths in old.items():
            for path in paths:
                raw.execute("UPDATE noun SET document = json_remove(document, ?) WHERE kind = ?", (path, kind))
        raw.commit()
        assert not raw.execute("SELECT 1 FROM noun WHERE document LIKE '%timezone%'").fetchall()
    assert await store.firm.load() == FIRM


async def test_a_second_firm_replaces_all_of_the_first(store: Store) -> None:
    await store.firm.replace(FIRM, (), "root", NOW)
    second = replace(
        FIRM,
        name="Ionescu",
        rules=tuple(reversed(FIRM.rules)),
        clients=FIRM.clients[1:],
        mailboxes=(mailbox(SUPPORT, "another"),),
        signatures=(),
    )
    await store.firm.replace(second, (), "root", NOW)
    assert await store.firm.load() == second


async def test_what_did_not_change_is_not_written_again(store: Store, data_dir: Path) -> None:
    def boxes() -> list[tuple[str, bytes]]:
        with closing(sqlite3.connect(data_dir / "postern.db")) as raw:
            return raw.execute("SELECT mailbox, box FROM sealed ORDER BY mailbox").fetchall()

    await store.firm.replace(FIRM, (), "root", NOW)
    before = boxes()
    await store.firm.replace(replace(FIRM, name="Ionescu"), (), "root", NOW)
    assert boxes() == before


async def test_changes_are_written_down_with_who_and_when(store: Store, data_dir: Path) -> None:
    await store.firm.replace(FIRM, CHANGES, "root", NOW)
    with closing(sqlite3.connect(data_dir / "postern.db")) as raw:
        rows = raw.execute("SELECT who, kind, name, verb, what FROM activity ORDER BY number").fetchall()
    step = ("root", "step", "1", "applied", "no mail refiled")
    assert rows == [("root", "mailbox", SUPPORT.key, "added", ""), ("root", "firm", "", "changed", "name"), step]


async def test_X1_a_password_lies_in_no_file_of_store_or_backup(store: Store, data_dir: Path, tmp_path: Path) -> None:
    await store.firm.replace(FINER, CHANGES, "root", NOW)
    await store.backup(tmp_path / "backup")
    files = [path for root in (data_dir, tmp_path / "backup") for path in root.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
    assert any(b"Popescu Support" in path.read_bytes() for path in files)  # it is what we look through


async def test_X4_another_key_is_refused_and_loses_nothing(open_store: Opener) -> None:
    store = await open_store()
    await store.firm.replace(FIRM, (), "root", NOW)
    await store.close()
    wrong = await open_store(key=bytes(32))
    with pytest.raises(Conflict, match="key"):
        await wrong.firm.load()
    await wrong.close()
    assert await (await open_store()).firm.load() == FIRM


async def test_X4_a_key_too_short_to_protect_is_refused(open_store: Opener) -> None:
    with pytest.raises(Faulty):
        await open_store(key=b"short")


async def test_a_password_moved_to_another_mailbox_does_not_open(open_store: Opener, data_dir: Path) -> None:
    store = await open_store()
    await store.firm.replace(FIRM, (), "root", NOW)
    await store.close()
    with closing(sqlite3.connect(data_dir / "postern.db")) as raw:
        (stolen,) = raw.execute("SELECT nonce, box FROM sealed WHERE mailbox = ?", (SUPPORT.key,)).fetchall()
        raw.execute("UPDATE sealed SET nonce = ?, box = ? WHERE mailbox = 'ana@firm.example'", stolen)
        raw.commit()
    with pytest.raises(Conflict):
        await (await open_store()).firm.load()


async def test_a_fallbacks_password_goes_with_it_and_changes_alone(store: Store, data_dir: Path) -> None:
    def sealed() -> dict[str, bytes]:
        with closing(sqlite3.connect(data_dir / "postern.db")) as raw:
            return dict(raw.execute("SELECT mailbox, box FROM sealed").fetchall())

    await store.firm.replace(FINER, (), "root", NOW)
    before = sealed()
    assert sorted(before) == ["ana@firm.example", SUPPORT.key, f"{SUPPORT.key} fallback"]
    fallback = FINER.mailboxes[0].fallback
    assert fallback is not None
    other = replace(FINER.mailboxes[0], fallback=replace(fallback, password=Secret("other")))
    changed = replace(FINER, mailboxes=(other, FINER.mailboxes[1]))
    await store.firm.replace(changed, (), "root", NOW)
    assert {row for row, box in sealed().items() if before[row] != box} == {f"{SUPPORT.key} fallback"}
    assert await store.firm.load() == changed
    await store.firm.replace(FIRM, (), "root", NOW)
    assert sorted(sealed()) == ["ana@firm.example", SUPPORT.key]


async def test_a_backup_opens_as_a_store_with_the_same_key(store: Store, open_store: Opener, tmp_path: Path) -> None:
    await store.firm.replace(FIRM, (), "root", NOW)
    await store.backup(tmp_path / "backup")
    shutil.copytree(tmp_path / "backup", tmp_path / "restored")
    restored = await open_store(tmp_path / "restored", key=KEY)
    assert await restored.firm.load() == FIRM
