"""Documents leave a client's with the mail that is taken out of the record, and come back with it."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.domain.errors import TemporaryFailure
from gateway.domain.firm import Client, Contact, ContactAddress, Firm
from gateway.domain.record import Direction
from gateway.domain.saving import Looked, SavingDuty, Scanned
from gateway.inbound.looking import Looking
from gateway.mime.address import parse_address
from gateway.store.migrations.versions import v0016_withdrawn as upgrade
from gateway.store.store import Store
from tests.inbound.test_saving import CLIENT, PDF, clock, come, done, mail, pdf, saving, store
from tests.rig import AL, Clock

__all__ = ["clock", "store"]  # fixtures
OTHER = "Bea"


async def unfile(store: Store, clock: Clock, number: int) -> None:
    await store.hand.unfile(await store.record.message(number), CLIENT, by="ana", at=clock())


async def file(store: Store, clock: Clock, number: int) -> None:
    await store.hand.file(await store.record.message(number), CLIENT, Direction.INBOX, by="ana", at=clock())


async def refile(store: Store, clock: Clock, number: int) -> None:
    message = await store.record.message(number)
    await store.hand.refile(message, CLIENT, OTHER, Direction.INBOX, by="ana", at=clock())


async def names(store: Store, client: str = CLIENT) -> list[str]:
    return sorted(one.original_name for one in await store.record.documents(client))


def lying(tmp_path: Path) -> dict[str, bytes]:
    clients = tmp_path / "data" / "clients"
    return {str(one.relative_to(clients)): one.read_bytes() for one in clients.rglob("*") if one.is_file()}


async def trail(store: Store) -> list[tuple[str, str, str, str, str]]:
    return [(one.who, one.kind, one.name, one.verb, one.what) for one in reversed(await store.activity.list(20))]


async def test_what_is_unfiled_takes_its_documents_along_and_brings_them_back(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    number = await come(store, clock, mail(pdf("a.pdf"), pdf("b.pdf", b"b")))
    await done(store, clock)
    before = lying(tmp_path)
    (b, a) = await store.record.documents(CLIENT)
    await unfile(store, clock, number)
    assert (await names(store), await store.record.saved_from(number)) == ([], [])
    await done(store, clock)
    assert lying(tmp_path) == {}
    assert await store.verify() == []
    await file(store, clock, number)
    await done(store, clock)
    assert (await names(store), lying(tmp_path)) == (["a.pdf", "b.pdf"], before)
    assert {one.id for one in await store.record.documents(CLIENT)} == {a.id, b.id}
    assert await store.record.document_bytes(a.id) == PDF
    assert await store.verify() == []
    assert await trail(store) == [
        ("ana", "message", str(number), "unfiled", f"from {CLIENT}"),
        ("ana", "document", str(a.id), "withdrawn", f"from {CLIENT}"),
        ("ana", "document", str(b.id), "withdrawn", f"from {CLIENT}"),
        ("ana", "message", str(number), "filed", f"under {CLIENT}"),
        ("postern", "document", str(a.id), "restored", f"to {CLIENT}"),
        ("postern", "document", str(b.id), "restored", f"to {CLIENT}"),
    ]


async def test_what_other_mail_brought_as_well_stays_and_names_nothing_that_was_taken_out(
    store: Store, clock: Clock
) -> None:
    first = await come(store, clock, mail(pdf("secret name.pdf"), pdf("own.pdf", b"own")))
    second = await come(store, clock, mail(pdf("b.pdf"), number=2))
    await done(store, clock)
    await unfile(store, clock, first)
    await done(store, clock)
    (kept,) = await store.record.documents(CLIENT)
    assert (kept.message, kept.original_name, kept.subject) == (second, "b.pdf", "2")
    assert [one.letter.message for one in await store.brought.origins(kept.id)] == [second]
    assert await store.record.document_bytes(kept.id) == PDF
    await unfile(store, clock, second)
    assert await names(store) == []
    await file(store, clock, second)
    await done(store, clock)
    assert await names(store) == ["b.pdf"]


async def test_mail_that_a_change_moves_brings_its_documents_along_and_undoing_it_brings_them_back(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    def firm(owner: str) -> Firm:
        contact = Contact("A", (ContactAddress(parse_address(AL)),))
        clients = {name: Client(name, ("*",), (contact,) if name == owner else ()) for name in (CLIENT, OTHER)}
        return Firm("F", clients=tuple(clients.values()))

    await store.firm.replace(firm(CLIENT), [], "ana", clock())
    await come(store, clock, mail(pdf("a.pdf")))
    await done(store, clock)
    before = lying(tmp_path)
    made = await store.firm.replace(firm(OTHER), [], "ana", clock())
    await done(store, clock)
    assert (await names(store), await names(store, OTHER)) == ([], ["a.pdf"])
    assert [one.split("/")[0] for one in lying(tmp_path)] == [OTHER]
    await store.firm.replace(await store.firm.without(made.step), [], "ana", clock(), undoes=made.step)
    await done(store, clock)
    assert (await names(store), await names(store, OTHER)) == (["a.pdf"], [])
    assert lying(tmp_path) == before
    assert await store.verify() == []


async def test_refiled_mail_brings_its_documents_to_the_other_client(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    number = await come(store, clock, mail(pdf("a.pdf")))
    await done(store, clock)
    await refile(store, clock, number)
    await done(store, clock)
    assert (await names(store), await names(store, OTHER)) == ([], ["a.pdf"])
    assert [one.split("/")[0] for one in lying(tmp_path)] == [OTHER]
    assert await store.verify() == []


async def test_a_name_that_became_free_may_be_another_document_s(store: Store, clock: Clock, tmp_path: Path) -> None:
    number = await come(store, clock, mail(pdf("a.pdf")))
    await done(store, clock)
    await unfile(store, clock, number)
    await done(store, clock)
    await come(store, clock, mail(pdf("a.pdf", b"other"), number=2))
    await done(store, clock)
    await file(store, clock, number)
    await done(store, clock)
    assert sorted(lying(tmp_path).values()) == [PDF, b"other"]
    assert await names(store) == ["a.pdf", "a.pdf"]
    assert await store.verify() == []


async def test_a_file_that_somebody_changed_is_theirs(store: Store, clock: Clock, tmp_path: Path) -> None:
    number = await come(store, clock, mail(pdf("a.pdf")))
    await done(store, clock)
    (one,) = await store.record.documents(CLIENT)
    path = tmp_path / "data" / one.path
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    path.write_bytes(b"notes of ours")
    await unfile(store, clock, number)
    await done(store, clock)
    assert (path.read_bytes(), await names(store)) == (b"notes of ours", [])


async def test_D5_what_was_cut_off_between_the_file_and_its_row_is_done_at_the_next_start(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    number = await come(store, clock, mail(pdf("a.pdf")))
    await done(store, clock)
    (one,) = await store.record.documents(CLIENT)
    await unfile(store, clock, number)
    (tmp_path / "data" / one.path).unlink()
    await done(store, clock)
    await file(store, clock, number)
    await done(store, clock)
    assert await names(store) == ["a.pdf"]
    assert await store.verify() == []


@pytest.mark.parametrize("then", [unfile, refile])
async def test_mail_that_is_taken_out_while_it_is_looked_through_leaves_nothing_behind(
    store: Store, clock: Clock, tmp_path: Path, then: Callable[[Store, Clock, int], Awaitable[None]]
) -> None:
    number = await come(store, clock, mail(pdf("a.pdf")))
    (duty,) = await store.saving.due(clock())
    found = await looked(store, duty)
    await then(store, clock, number)
    assert await store.saving.finish(duty, found, clock()) == 0
    assert await names(store) == []
    await done(store, clock)
    assert not [one for one in lying(tmp_path) if one.startswith(CLIENT)]
    assert await store.verify() == []


async def test_a_document_that_is_withdrawn_while_other_mail_brings_it_is_saved_for_that(
    store: Store, clock: Clock
) -> None:
    number = await come(store, clock, mail(pdf("a.pdf")))
    await done(store, clock)
    await come(store, clock, mail(pdf("b.pdf"), number=2))
    (duty,) = await store.saving.due(clock())
    found = await looked(store, duty)
    await unfile(store, clock, number)
    with pytest.raises(TemporaryFailure, match="taken out of the record at that moment"):
        await store.saving.finish(duty, found, clock())
    await saving(store, clock).some()
    assert await names(store) == ["b.pdf"]
    assert await store.verify() == []


async def test_what_was_taken_out_before_documents_left_leaves_with_the_upgrade(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    first = await come(store, clock, mail(pdf("a.pdf"), pdf("own.pdf", b"own")))
    second = await come(store, clock, mail(pdf("b.pdf"), number=2))
    await done(store, clock)
    await unfile(store, clock, first)
    with closing(sqlite3.connect(tmp_path / "data" / "postern.db")) as raw:
        raw.execute("UPDATE document SET withdrawn = '', message = ?", (first,))  # as it was left before
        for statement in (upgrade.HEIRS, upgrade.LEAVING, upgrade.AGAIN):
            raw.execute(statement)
        raw.commit()
    await done(store, clock)
    (kept,) = await store.record.documents(CLIENT)
    assert (kept.message, list(lying(tmp_path).values())) == (second, [PDF])
    await file(store, clock, first)
    await done(store, clock)
    assert sorted(lying(tmp_path).values()) == [PDF, b"own"]
    assert await store.verify() == []


async def looked(store: Store, duty: SavingDuty) -> Looked:
    """What the worker finds, with its files written, before it says so."""

    async def scanned(_: bytes) -> Scanned:
        return Scanned()

    return await Looking(store, duty, await store.bodies.get(duty.sha256), scanned).all()
