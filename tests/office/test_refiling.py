"""What a change of addresses does to stored mail, as a firm would meet it, and how it is taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.access import Caller, Standing
from gateway.domain.errors import Conflict, Faulty, NotFound, Refusal
from gateway.domain.record import Direction, Duty, NewFiling
from gateway.domain.step import Doing, Tally, moves, tallies
from gateway.inbound.filing import Said, whose
from gateway.mime.facts import facts
from gateway.mime.header import Header
from gateway.office.filing import Clerk
from gateway.office.office import Applied, Office
from gateway.store.bodies import INLINE
from gateway.store.store import Store
from tests.office.shelf import NOON
from tests.store.making import KEY, standing_still

AL, LEGAL, NOTARY = "al@pacino.example", "legal@pacino.example", "notary@else.example"
OWN = "support@firm.example"


def client(name: str, *addresses: str, off: str = "", **more: Any) -> dict[str, Any]:
    entries = [{"address": one, "email_sync": one != off} for one in addresses]
    return {"name": name, "contacts": [{"name": "Boss", "addresses": entries}], **more}


def mailbox(address: str, password: str | None = "secret") -> dict[str, Any]:
    server = {"imap": {"host": "h.example"}, "smtp": {"host": "h.example"}}
    return {"address": address, "name": "S", "members": ["ana"], **server} | (
        {"password": password} if password else {}
    )


class Desk:
    """An office on a real store, and mail that comes in as the tail files it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.office = Office(store.firm)
        self.clerk = Clerk(store, firm=lambda: self.office.firm, now=lambda: NOON)
        self.count = 0

    async def apply(self, *clients: dict[str, Any], dry_run: bool = False, **more: Any) -> Applied:
        document = {"client": list(clients), **more} if clients else more
        return await self.office.apply(document, by="ana", at=NOON, dry_run=dry_run)

    async def undo(self, step: int | None, *, dry_run: bool = False) -> Applied:
        assert step is not None
        return await self.office.undo(step, by="ana", at=NOON, dry_run=dry_run)

    async def mail(
        self,
        sender: str,
        *,
        to: str = OWN,
        answers: str = "",
        size: int = 0,
        duty: Duty | None = None,
        subject: str = "letter",
    ) -> int:
        self.count += 1
        head = f"From: {sender}\r\nTo: {to}\r\nMessage-ID: <{self.count}@m>\r\nSubject: {subject} {self.count}\r\n"
        raw = (head + (f"In-Reply-To: {answers}\r\n" if answers else "") + "\r\n" + "x" * size + "\r\n").encode()
        held = await self.store.record.holders([answers]) if answers else {}
        matches = whose(self.office.firm, Said.of(Header.read(raw)), frozenset[str]().union(*held.values()))
        item = NewFiling(
            raw=raw,
            facts=facts(raw),
            clients=tuple((one.client, one.direction) for one in matches),
            marks={one.client: one.marks for one in matches if one.marks},
            filed_at=NOON,
            duty=duty,
        )
        return (await self.store.record.file(item)).message

    async def of(self, name: str) -> dict[int, tuple[str, ...]]:
        """The flags of what lies in a client's record."""
        return {one.message.id: one.flags for one in await self.store.record.list(name, None)}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await Store.open(tmp_path, url=None, key=KEY, clock=standing_still())
    made = Desk(store)
    firm: dict[str, Any] = {"firm": {"name": "F"}, "member": [{"login": "ana", "name": "Ana", "role": "owner"}]}
    await made.apply(client("Al", AL), client("Diane", "d@keaton.example"), **firm, mailbox=[mailbox(OWN)])
    yield made
    assert await store.verify() == []
    await store.close()


async def test_an_address_that_several_clients_get_brings_its_mail_to_each_and_is_in_doubt(desk: Desk) -> None:
    number = await desk.mail(AL)
    made = await desk.apply(client("Diane", "d@keaton.example", AL))
    assert (await desk.of("Al"), await desk.of("Diane")) == ({number: ("ambiguous",)}, {number: ("ambiguous",)})
    assert [(one.client, one.does) for one in made.refilings] == [("Al", Doing.DOUBTED), ("Diane", Doing.FILED)]
    assert made.searches == (), "its history is there already: no server is asked again"
    await desk.undo(made.step)
    assert (await desk.of("Al"), await desk.of("Diane")) == ({number: ()}, {})


async def test_an_address_that_goes_to_another_client_takes_its_mail_along_with_its_documents(desk: Desk) -> None:
    moved = await desk.mail(AL, duty=Duty.SAVE)
    kept = await desk.mail("d@keaton.example")
    said = await desk.apply(client("Al"), client("Diane", "d@keaton.example", AL), dry_run=True)
    assert (await desk.of("Al"), moves(said.refilings)) == ({moved: ()}, {("Al", "Diane"): 1})
    assert tallies(said.refilings) == [Tally("Al", left=1), Tally("Diane", moved_here=1)]
    await desk.apply(client("Al"), client("Diane", "d@keaton.example", AL))
    assert (await desk.of("Al"), await desk.of("Diane")) == ({}, {moved: (), kept: ()})
    due = await desk.store.saving.due(NOON)
    assert [(one.client, one.message, one.duty) for one in due] == [("Diane", moved, Duty.SAVE)]
    assert await desk.store.hand.taken_from(moved) == [], "it is not for whoever looks after Al to put it back"


@pytest.mark.parametrize("without", [client("Al"), client("Al", AL, off=AL)])
async def test_what_was_filed_stays_when_its_address_is_removed_or_turned_off(
    desk: Desk, without: dict[str, Any]
) -> None:
    number = await desk.mail(AL)
    made = await desk.apply(without)
    assert (made.changes != [], made.refilings) == (True, ())
    assert await desk.of("Al") == {number: ()}


async def test_mail_to_a_client_by_another_address_stays_when_one_goes_to_somebody_else(desk: Desk) -> None:
    await desk.apply(client("Al", AL, LEGAL))
    both = await desk.mail(AL, to=f"{OWN}, {LEGAL}")
    await desk.apply(client("Al", AL), client("Diane", LEGAL))
    assert (await desk.of("Al"), await desk.of("Diane")) == ({both: ()}, {both: ()})


async def test_what_people_filed_or_took_out_stays_so(desk: Desk) -> None:
    put, out = await desk.mail(AL), await desk.mail(AL)
    await desk.clerk.unfile(put, "Al", by="ana")
    await desk.clerk.file(put, "Al", by="ana")
    await desk.clerk.file(out, "Diane", by="ana")
    await desk.clerk.unfile(out, "Diane", by="ana")
    both = await desk.mail(AL, to=f"{OWN}, m@streep.example")
    await desk.clerk.file(both, "Diane", by="ana")
    await desk.clerk.unfile(both, "Diane", by="ana")
    made = await desk.apply(client("Al"), client("Diane", AL), client("Meryl", "m@streep.example"))
    assert await desk.of("Diane") == {put: ()}
    assert await desk.of("Al") == {put: ("by hand",), out: ()}, "no mail is left without a record"
    assert await desk.of("Meryl") == {both: ()}
    await desk.undo(made.step)
    assert await desk.of("Al") == {put: ("by hand",), out: (), both: ()}


async def test_a_third_partys_answer_goes_where_what_it_answers_goes(desk: Desk) -> None:
    asked = await desk.mail(AL)
    answered = await desk.mail(NOTARY, answers="<1@m>")
    assert await desk.of("Al") == {asked: (), answered: ("by thread",)}
    made = await desk.apply(client("Al"), client("Diane", AL))
    assert (await desk.of("Al"), await desk.of("Diane")) == ({}, {asked: (), answered: ("by thread",)})
    await desk.undo(made.step)
    assert await desk.of("Al") == {asked: (), answered: ("by thread",)}


async def test_a_domain_brings_what_is_stored_too_and_large_messages(desk: Desk) -> None:
    number = await desk.mail(AL, to=f"{OWN}, x@bank.example", size=INLINE)
    await desk.apply(client("Diane", domains=["bank.example"]))
    assert await desk.of("Diane") == {number: ()}


async def test_a_tag_brings_what_is_stored_with_it_and_goes_with_it_to_another(desk: Desk) -> None:
    number = await desk.mail(AL, subject="[C7] yours")
    first = await desk.apply(client("Diane", "d@keaton.example", tag="c7"))
    assert await desk.of("Diane") == {number: ("by tag",)}
    await desk.apply(client("Diane", "d@keaton.example"), client("Meryl", "m@streep.example", tag="C7"))
    assert (await desk.of("Diane"), await desk.of("Meryl")) == ({}, {number: ("by tag",)})
    assert await desk.of("Al") == {number: ()}
    with pytest.raises(Conflict, match="filed some of the same mail since"):
        await desk.undo(first.step)


async def test_undo_takes_out_what_came_since_by_the_address_and_leaves_what_people_filed(desk: Desk) -> None:
    made = await desk.apply(client("Diane", NOTARY))
    by_address, by_hand = await desk.mail(NOTARY), await desk.mail(NOTARY)
    also_als = await desk.mail(AL, to=f"{OWN}, {NOTARY}")
    await desk.clerk.unfile(by_hand, "Diane", by="ana")
    await desk.clerk.file(by_hand, "Diane", by="ana")
    assert made.searches[0].addresses == (NOTARY,)
    said = await desk.undo(made.step, dry_run=True)
    assert {one.message for one in said.refilings} == {by_address, also_als}
    taken_back = await desk.undo(made.step)
    assert (await desk.of("Diane"), await desk.of("Al")) == ({by_hand: ("by hand",)}, {also_als: ()})
    with pytest.raises(Conflict, match=f"taken back by step {taken_back.step}"):
        await desk.undo(made.step)
    await desk.undo(taken_back.step)
    assert sorted(await desk.of("Diane")) == [by_address, by_hand, also_als]


async def test_a_step_that_was_taken_back_and_made_again_can_be_taken_back_again(desk: Desk) -> None:
    number = await desk.mail(AL)
    made = await desk.apply(client("Al"), client("Diane", AL))
    await desk.undo((await desk.undo(made.step)).step)
    assert (await desk.of("Al"), await desk.of("Diane")) == ({}, {number: ()})
    await desk.undo(made.step)
    assert (await desk.of("Al"), await desk.of("Diane")) == ({number: ()}, {})


async def test_undo_is_refused_where_something_was_changed_again_and_says_by_which_step(desk: Desk) -> None:
    first = await desk.apply(client("Diane", NOTARY))
    second = await desk.apply(client("Diane", NOTARY, LEGAL))
    with pytest.raises(Conflict, match=f"Client Diane was changed again since by step {second.step}: `postern undo"):
        await desk.undo(first.step)
    await desk.undo(second.step)
    await desk.undo(first.step)
    with pytest.raises(NotFound, match="postern activity"):
        await desk.undo(99)


async def test_undo_is_refused_where_later_steps_refiled_the_same_mail(desk: Desk) -> None:
    await desk.mail(AL)
    first = await desk.apply(client("Al"), client("Diane", AL))
    second = await desk.apply(client("Meryl", AL))
    with pytest.raises(Conflict, match=f"Step {second.step} filed some of the same mail since"):
        await desk.undo(first.step)


async def test_undo_is_refused_where_the_firm_would_make_no_sense(desk: Desk) -> None:
    made = await desk.apply(member=[{"login": "ion", "name": "Ion"}])
    await desk.apply(client("Al", AL, members=["ion"]))
    with pytest.raises(Faulty, match='there is no member "ion"'):
        await desk.undo(made.step)


async def test_undo_brings_back_no_password_and_leaves_those_that_are(desk: Desk) -> None:
    new = await desk.apply(member=[{"login": "ana", "name": "Anna", "role": "owner", "password": "new"}])
    hashed = desk.office.firm.members[0].password_hash
    await desk.undo(new.step)
    assert (desk.office.firm.members[0].name, desk.office.firm.members[0].password_hash) == ("Ana", hashed)
    added = await desk.apply(mailbox=[mailbox("x@firm.example")])
    gone = await desk.office.apply({"mailbox": [mailbox(OWN) | {"name": "T"}]}, by="ana", at=NOON, prune=True)
    with pytest.raises(Conflict, match=r"password of x@firm\.example was not kept: apply the mailbox"):
        await desk.undo(gone.step)
    await desk.apply(mailbox=[mailbox("x@firm.example")])
    await desk.undo(gone.step)
    assert [(one.key, one.name) for one in desk.office.firm.mailboxes] == [(OWN, "S"), ("x@firm.example", "S")]
    assert added.searches[0].mailbox == "x@firm.example"


async def test_a_step_that_only_set_a_password_has_nothing_to_take_back(desk: Desk) -> None:
    made = await desk.apply(mailbox=[mailbox(OWN, "other")])
    for dry_run in (True, False):
        with pytest.raises(Conflict, match="passwords stay as they are"):
            await desk.undo(made.step, dry_run=dry_run)
    assert desk.office.firm.mailboxes[0].password.value == "other"


async def test_the_very_first_step_can_be_taken_back_with_others_behind_it(desk: Desk) -> None:
    await desk.apply(client("Meryl"))
    await desk.undo(1)
    assert ([one.name for one in desk.office.firm.clients], desk.office.firm.name) == (["Meryl"], "")
    assert await desk.store.firm.load() == desk.office.firm


async def test_undo_gives_rules_their_order_back(desk: Desk) -> None:
    await desk.apply(rule=[{"name": "one", "sender": True}, {"name": "two"}])
    made = await desk.apply(rule=[{"name": "three"}, {"name": "two"}, {"name": "one"}])
    await desk.undo(made.step)
    assert [(one.name, one.sender) for one in desk.office.firm.rules] == [("one", True), ("two", None)]


async def test_an_admin_takes_back_nothing_that_makes_an_owner(desk: Desk) -> None:
    made = await desk.apply(member=[{"login": "ana", "name": "Ana", "role": "admin"}])
    with pytest.raises(Refusal, match="owner"):
        await desk.office.undo(made.step or 0, by="a", at=NOON, caller=Caller(Standing.ADMIN, "ana"))


async def test_every_step_is_in_the_activity_and_names_no_client_whose_mail_moved(desk: Desk) -> None:
    await desk.mail(AL)
    made = await desk.apply(client("Al"), client("Diane", AL))
    await desk.undo(made.step)
    lines = [one for one in await desk.store.activity.list(50) if one.kind == "step"]
    told = [(one.name, one.verb, one.what) for one in reversed(lines)]
    assert told[1:] == [("2", "applied", "1 filed, 1 taken out"), ("3", "took back 2", "1 filed, 1 taken out")]


async def test_a_client_who_gets_mail_sees_it_in_the_box_where_it_belongs(desk: Desk) -> None:
    await desk.apply(client("Al", AL))
    number = await desk.mail(OWN, to=f"{AL}, {NOTARY}")
    await desk.apply(client("Diane", NOTARY))
    (filed,) = await desk.store.record.list("Diane", None)
    assert (filed.message.id, filed.direction) == (number, Direction.SENT)
