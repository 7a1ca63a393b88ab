"""Filing by hand: under, out of, and from one record into another; with a trail, and nothing lost."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.errors import Conflict, NotFound
from gateway.domain.firm import Client, Contact, ContactAddress
from gateway.domain.record import Direction, Mark, NewFiling
from gateway.mime.address import parse_address
from gateway.mime.facts import facts
from gateway.office.filing import Clerk
from tests.rig import AL, Rig, client_letter, rig

ONE, TWO = "One", "Two"


def client(name: str) -> Client:
    return Client(name, ("*",), (Contact(name, (ContactAddress(parse_address(AL)),)),))


@pytest.fixture
async def r(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path, clients=(client(ONE), client(TWO))) as built:
        yield built


async def filed(r: Rig, *clients: str, marks: tuple[Mark, ...] = (), message_id: str = "<1@pacino.example>") -> int:
    raw = client_letter(message_id=message_id)
    item = NewFiling(
        raw=raw,
        facts=facts(raw),
        clients=tuple((name, Direction.INBOX) for name in clients),
        filed_at=r.clock(),
        marks=dict.fromkeys(clients, marks),
    )
    return (await r.store.record.file(item)).message


async def lies(r: Rig, name: str) -> list[tuple[int, tuple[str, ...]]]:
    return [(one.message.id, one.flags) for one in await r.store.record.list(name, None)]


def clerk(r: Rig) -> Clerk:
    return Clerk(r.store, firm=lambda: r.firm, now=r.clock)


async def trail(r: Rig) -> list[tuple[str, str, str]]:
    return [
        (one.verb, one.name, one.what) for one in reversed(await r.store.activity.list(20)) if one.kind == "message"
    ]


async def test_a_message_is_filed_under_another_client_too_in_a_thread_of_its_own(r: Rig) -> None:
    number = await filed(r, ONE)
    await clerk(r).file(number, TWO, by="root")
    assert await lies(r, TWO) == [(number, ("by hand",))]
    assert await lies(r, ONE) == [(number, ())]
    assert await trail(r) == [("filed", str(number), "under Two")]
    ((one,), (two,)) = [await r.store.record.list(name, None) for name in (ONE, TWO)]
    assert (one.thread != two.thread, two.direction) == (True, Direction.INBOX)
    with pytest.raises(Conflict, match="already"):
        await clerk(r).file(number, TWO, by="root")


async def test_what_was_in_doubt_is_decided_for_the_one_that_a_person_names(r: Rig) -> None:
    number = await filed(r, ONE, TWO, marks=(Mark.AMBIGUOUS,))
    await clerk(r).file(number, TWO, by="root")
    await clerk(r).unfile(number, ONE, by="root")
    assert (await lies(r, ONE), await lies(r, TWO)) == ([], [(number, ("by hand",))])


async def test_what_was_taken_out_is_not_filed_there_again_by_the_tail_and_can_be_put_back(r: Rig) -> None:
    number = await filed(r, ONE)
    await clerk(r).unfile(number, ONE, by="ana")
    assert (await lies(r, ONE), await r.store.hand.taken_from(number)) == ([], [ONE])
    assert await filed(r, ONE, TWO) == number
    assert (await lies(r, ONE), await lies(r, TWO)) == ([], [(number, ())])
    await clerk(r).file(number, ONE, by="ana")
    assert await lies(r, ONE) == [(number, ("by hand",))]
    assert await r.store.hand.taken_from(number) == []
    assert [verb for verb, _, _ in await trail(r)] == ["unfiled", "filed"]


async def test_a_message_goes_from_one_record_into_another_as_one_step_or_not_at_all(r: Rig) -> None:
    number = await filed(r, ONE)
    await clerk(r).refile(number, ONE, TWO, by="root")
    assert (await lies(r, ONE), await lies(r, TWO)) == ([], [(number, ("by hand",))])
    assert await trail(r) == [("unfiled", str(number), "from One"), ("filed", str(number), "under Two")]
    both = await filed(r, ONE, TWO, message_id="<2@pacino.example>")
    with pytest.raises(Conflict, match="filed under Two already"):
        await clerk(r).refile(both, ONE, TWO, by="root")
    assert (both, ()) in await lies(r, ONE)


async def test_what_is_not_there_is_said_and_changes_nothing(r: Rig) -> None:
    number = await filed(r, ONE)
    with pytest.raises(NotFound, match="client list"):
        await clerk(r).file(number, "Nobody", by="root")
    with pytest.raises(NotFound):
        await clerk(r).file(number + 1, TWO, by="root")
    with pytest.raises(Conflict, match="not filed under Two"):
        await clerk(r).unfile(number, TWO, by="root")
    with pytest.raises(Conflict, match="name two"):
        await clerk(r).refile(number, ONE, ONE, by="root")
    assert await trail(r) == []


async def test_the_database_lets_nothing_go_without_a_trace(r: Rig, tmp_path: Path) -> None:
    number = await filed(r, ONE)
    await clerk(r).unfile(number, ONE, by="root")
    await filed(r, TWO, message_id="<2@pacino.example>")
    with closing(sqlite3.connect(tmp_path / "postern.db")) as raw:
        for statement in ("DELETE FROM filing", "DELETE FROM unfiled", "UPDATE unfiled SET who = 'nobody'"):
            with pytest.raises(sqlite3.IntegrityError, match="nobody"):
                raw.execute(statement)


async def test_a_client_who_left_the_file_keeps_their_record_and_mail_can_be_taken_out_of_it(r: Rig) -> None:
    number = await filed(r, ONE)
    r.firm = replace(r.firm, clients=(client(TWO),))
    await clerk(r).refile(number, ONE, TWO, by="root")
    assert await lies(r, TWO) == [(number, ("by hand",))]


async def test_the_attachments_of_what_a_person_files_are_looked_through_for_that_client_alone(r: Rig) -> None:
    number = await filed(r, ONE, TWO, marks=(Mark.AMBIGUOUS,))

    async def due() -> list[tuple[str, int]]:
        return [(one.client, one.message) for one in await r.store.saving.due(r.clock())]

    assert await due() == []
    await clerk(r).file(number, TWO, by="root")
    assert await due() == [(TWO, number)]
    await clerk(r).unfile(number, TWO, by="root")
    assert await due() == []
