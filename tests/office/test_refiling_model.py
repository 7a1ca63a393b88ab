"""On any firm and record: a rehearsal says what then happens, each message ends where the rules say, undo restores."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from gateway.domain.errors import Conflict, Faulty
from gateway.domain.firm import Firm
from gateway.domain.record import Mark, NewFiling
from gateway.domain.step import Doing, Refiling
from gateway.inbound.filing import Said, whose
from gateway.mime.facts import facts
from gateway.mime.header import Header
from gateway.office.filing import Clerk
from gateway.office.office import Applied, Office
from gateway.store.store import Store
from tests.office.shelf import NOON, Between, Cut
from tests.store.making import KEY
from tests.store.test_queue_model import empty_database

T = TypeVar("T")
Lies = dict[tuple[int, str], tuple[str, frozenset[str]]]  # box and flags by message and client

CLIENTS = ("Al", "Diane", "Meryl")
OWN = "support@firm.example"
PEOPLE = ("a@x.example", "a+t@x.example", "b@x.example", "c@y.example", "d.e@gmail.com", "de@googlemail.com")
NOUN: dict[str, Any] = {
    "member": [{"login": "ana", "name": "Ana"}],
    "mailbox": [
        {
            "address": OWN,
            "name": "Support",
            "members": ["ana"],
            "password": "x",
            "imap": {"host": "h.example"},
            "smtp": {"host": "h.example"},
        }
    ],
}
SPELLINGS = st.sampled_from(([], ["plus"], ["gmail-dots"], ["plus", "gmail-dots"]))


@st.composite
def clients(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Any of the clients, each with some of the people, domains and tags; several may have the same."""
    found = []
    for number, name in enumerate(draw(st.sets(st.sampled_from(CLIENTS)).map(sorted))):
        theirs = draw(st.lists(st.sampled_from(PEOPLE), unique=True, max_size=3))
        addresses = [{"address": one, "email_sync": draw(st.integers(0, 3)) > 0} for one in theirs]
        domains = draw(st.sets(st.sampled_from(("x.example", "y.example")), max_size=1).map(sorted))
        one = {"name": name, "contacts": [{"name": "C", "addresses": addresses}], "domains": domains}
        found.append(one | ({"tag": f"T{draw(st.integers(0, 1)) * 10 + number}"} if draw(st.booleans()) else {}))
    return found


class RefilingMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(empty_database(), self.folder / "postern.db")
        self.runner = asyncio.Runner()
        self.raws: dict[int, bytes] = {}
        self.fresh: list[tuple[int, Firm, Lies]] = []  # steps that nothing came behind: firm and record before each

    def run(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self.runner.get_loop().run_until_complete(wait())  # its own `run` writes out all that is awaited

    @initialize(first=clients())
    def start(self, first: list[dict[str, Any]]) -> None:
        self.open()
        document = NOUN | {"firm": {"name": "F"}, "client": first}
        self.run(self.office.apply(document, by="test", at=NOON))
        self.clerk = Clerk(self.store, firm=lambda: self.office.firm, now=lambda: NOON)

    def open(self) -> None:
        self.store = self.run(Store.open(self.folder, url=None, key=KEY))
        self.store.firm.hold = 0  # a slice is one message
        self.between = Between(self.store.firm)
        self.office = Office(self.between)
        self.run(self.office.load())

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert self.run(self.store.verify()) == []
            self.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def lies(self) -> Lies:
        found: Lies = {}
        for name in CLIENTS:
            for one in self.run(self.store.record.list(name, None, 10_000)):
                found[one.message.id, name] = str(one.direction), frozenset(one.flags)
        return found

    @rule(
        sender=st.sampled_from((*PEOPLE, OWN, OWN)),
        to=st.lists(st.sampled_from((*PEOPLE, OWN)), min_size=1, max_size=3),
        reply_to=st.sampled_from(("", *PEOPLE)),
        tag=st.sampled_from(("", "[T0] ", "[t10] ", "[T1] ", "[T11] ", "[T2] ")),
        answers=st.integers(0, 8),
    )
    def arrive(self, sender: str, to: list[str], reply_to: str, tag: str, answers: int) -> None:
        if self.run(self.arrived(sender, to, reply_to, tag, answers)):
            self.fresh.clear()

    async def arrived(self, sender: str, to: list[str], reply_to: str, tag: str, answers: int) -> int | None:
        """Filed as the tail does it, where it is anybody's."""
        number = len(self.raws) + 1
        lines = [f"From: {sender}", f"To: {', '.join(to)}", f"Message-ID: <{number}@m>", f"Subject: {tag}{number}"]
        lines += [f"Reply-To: {reply_to}"] if reply_to else []
        lines += [f"References: <{number - answers}@m>"] if 0 < answers < number else []
        raw = "\r\n".join([*lines, "", "x", ""]).encode()
        matches = await self.matches(self.office.firm, raw)
        item = NewFiling(
            raw=raw,
            facts=facts(raw),
            clients=tuple((one.client, one.direction) for one in matches),
            marks={one.client: one.marks for one in matches if one.marks},
            filed_at=NOON,
        )
        if not matches:
            return None
        filed = (await self.store.record.file(item)).message
        self.raws[filed] = raw
        return filed

    async def matches(self, firm: Firm, raw: bytes) -> Any:
        said = Said.of(Header.read(raw))
        held = await self.store.record.holders(said.answers) if said.answers else {}
        return whose(firm, said, frozenset[str]().union(*held.values()))

    @rule(new=clients(), same=SPELLINGS, prune=st.booleans())
    def change(self, new: list[dict[str, Any]], same: list[str], prune: bool) -> None:
        document = {"firm": {"name": "F", "same_address": same}, "client": new}
        old, before = self.office.firm, self.lies()
        try:
            said = self.run(self.office.apply(document, by="test", at=NOON, prune=prune, dry_run=True))
        except Faulty:  # a tag that stays another client's
            return
        assert (self.lies(), self.office.firm) == (before, old), "a rehearsal changes nothing"
        made = self.run(self.office.apply(document, by="test", at=NOON, prune=prune))
        assert (said.changes, list(said.refilings)) == (made.changes, list(made.refilings))
        assert self.lies() == self.done(before, made.refilings)
        self.is_by_the_rules(old, before)
        if made.step is not None:
            self.fresh.append((made.step, old, before))

    def done(self, before: Lies, refilings: object) -> Lies:
        """The record once these are done to it."""
        after = dict(before)
        assert isinstance(refilings, tuple)
        for one in refilings:
            assert isinstance(one, Refiling)
            place = one.message, one.client
            if one.does is Doing.FILED:
                assert place not in before
                after[place] = str(one.direction), frozenset(map(str, one.marks))
                continue
            box, flags = after.pop(place)
            ambiguous = frozenset({str(Mark.AMBIGUOUS)})
            if one.does is not Doing.LEFT:
                assert (ambiguous <= flags) == (one.does is Doing.SETTLED)
                after[place] = box, flags - ambiguous if one.does is Doing.SETTLED else flags | ambiguous
        return after

    def is_by_the_rules(self, old: Firm, before: Lies) -> None:
        """Said anew for mail that answers nothing, from its bytes and without any index."""
        new, after = self.office.firm, self.lies()
        for number, raw in self.raws.items():
            said = Said.of(Header.read(raw))
            if said.answers:
                continue
            was = {one.client for one in whose(old, said)}
            becomes = {one.client for one in whose(new, said)}
            taken = set(self.run(self.store.hand.taken_from(number)))
            lay = {name for at, name in before if at == number}
            lies = {name for at, name in after if at == number}
            assert lies - lay <= becomes - was
            assert (becomes - was) - taken <= lies
            for name in lay - lies:
                assert name in was - becomes
                assert "by hand" not in before[number, name][1]
                assert becomes, "what is nobody's any more stays"
            by_hand = {name for name in lay if "by hand" in before[number, name][1]}
            stays = {name for name in lay & was - becomes if self.is_still_known(name, said, old, new)}
            assert stays <= lies, "what is only taken away or turned off leaves what was filed"
            if not said.tags:
                gone = lay & was - becomes - by_hand - stays
                homeless = not lay - gone and not becomes - was - taken
                assert (set() if homeless else gone) == lay - lies, "what is handed on takes its mail along"
            for name in (lay & was & becomes) - by_hand:
                doubted = [{one.client: one.is_doubtful for one in whose(firm, said)}[name] for firm in (old, new)]
                if doubted[0] != doubted[1]:
                    assert ("ambiguous" in after[number, name][1]) == doubted[1]

    def is_still_known(self, name: str, said: Said, old: Firm, new: Firm) -> bool:
        """Whether an address that led here leads to nobody now, or is this client's still."""
        for address in (*said.people.senders, *said.people.recipients, *said.people.others):
            if (name, True) in [(client.name, synced) for client, synced in old.clients_with(address)]:
                now: Mapping[str, bool] = {client.name: synced for client, synced in new.clients_with(address)}
                if name in now or not any(now.values()):
                    return True
        return False

    @precondition(lambda self: self.raws)
    @rule(which=st.integers(0, 30), client=st.sampled_from(CLIENTS), put=st.booleans())
    def by_hand(self, which: int, client: str, put: bool) -> None:
        if self.run(self.moved(which, client, put)):
            self.fresh.clear()

    async def moved(self, which: int, client: str, put: bool) -> int | None:
        """The message that a person filed or took out."""
        number = sorted(self.raws)[which % len(self.raws)]
        try:
            if put and client in self.office.firm.client_by_name:
                await self.clerk.file(number, client, by="ana")
            elif not put:
                await self.clerk.unfile(number, client, by="ana")
        except Conflict:
            return None
        return number

    @precondition(lambda self: self.raws)
    @rule(
        new=clients(),
        prune=st.booleans(),
        hands=st.lists(st.tuples(st.integers(0, 30), st.sampled_from(CLIENTS), st.booleans()), max_size=4),
        letters=st.lists(st.tuples(st.sampled_from((*PEOPLE, OWN)), st.sampled_from((*PEOPLE, OWN))), max_size=3),
        order=st.randoms(use_true_random=False),
        cuts=st.integers(0, 2),
    )
    def change_while_others_work(
        self,
        new: list[dict[str, Any]],
        prune: bool,
        hands: list[tuple[int, str, bool]],
        letters: list[tuple[str, str]],
        order: random.Random,
        cuts: int,
    ) -> None:
        """What nobody touched lies as if nobody had come in between; what came or was moved lies where that says."""
        document = {"firm": {"name": "F"}, "client": new}
        old, before = self.office.firm, self.lies()
        self.run(self.store.backup(self.folder / "twin"))
        touched: set[int | None] = set()
        came: dict[int, bytes] = {}

        async def hand(which: int, client: str, put: bool) -> None:
            touched.add(await self.moved(which, client, put))

        async def letter(sender: str, to: str) -> None:
            if (number := await self.arrived(sender, [to], "", "", 0)) is not None:
                came[number] = self.raws[number]

        async def cut() -> None:
            raise Cut

        acts: list[Callable[[], Awaitable[None]]] = (
            [partial(hand, *one) for one in hands] + [partial(letter, *one) for one in letters] + [cut] * cuts
        )
        order.shuffle(acts)
        self.between.acts = acts
        step = self.applied(document, prune)
        if step is None:  # it is refused, and nothing was done; or nothing differs
            assert (self.lies(), self.office.firm) == (before, old)
            shutil.rmtree(self.folder / "twin")
            return
        assert self.run(self.store.firm.load()) == self.office.firm
        expected = self.run(self.twin(document, prune))
        answering = {number for number in self.raws if b"\nReferences:" in self.raws[number]}
        untouched = self.raws.keys() - touched - came.keys() - (answering if touched else set())
        after = self.lies()
        assert {at: one for at, one in after.items() if at[0] in untouched} == {
            at: one for at, one in expected.items() if at[0] in untouched
        }
        for number in came.keys() - touched:
            said = Said.of(Header.read(came[number]))
            assert {name for at, name in after if at == number} == {one.client for one in whose(self.office.firm, said)}
        assert ({at for at, _ in before} | came.keys()) - touched <= {at for at, _ in after}, "nothing is lost"
        self.fresh.clear()
        self.run(self.office.undo(step, by="test", at=NOON))
        assert self.office.firm == old
        restored = self.lies()
        assert {at: one for at, one in restored.items() if at[0] in untouched} == {
            at: one for at, one in before.items() if at[0] in untouched
        }

    def applied(self, document: dict[str, Any], prune: bool) -> int | None:
        """The step's number, whatever cut it; None where there was nothing to change, or it was refused."""
        try:
            step = self.run(self.office.apply(document, by="test", at=NOON, prune=prune)).step
            self.between.acts.clear()
        except Faulty:
            self.between.acts.clear()
            return None
        except Cut:
            step = self.reopened()
        return step

    def reopened(self) -> int:
        """After the end of the process: another goes on, and may be cut too."""
        acts = self.between.acts
        self.run(self.store.close())
        self.open()
        self.clerk = Clerk(self.store, firm=lambda: self.office.firm, now=lambda: NOON)
        self.between.acts = acts
        try:
            self.run(self.office.apply({}, by="test", at=NOON))
        except Cut:
            return self.reopened()
        self.between.acts.clear()
        lines = self.run(self.store.activity.list(50))
        return max(int(one.name) for one in lines if one.kind == "step")

    async def twin(self, document: dict[str, Any], prune: bool) -> Lies:
        """Where mail lies after the same change of the same firm, made without anybody between."""
        store = await Store.open(self.folder / "twin", url=None, key=KEY)
        office = Office(store.firm)
        await office.load()
        await office.apply(document, by="test", at=NOON, prune=prune)
        found: Lies = {}
        for name in CLIENTS:
            for one in await store.record.list(name, None, 10_000):
                found[one.message.id, name] = str(one.direction), frozenset(one.flags)
        await store.close()
        shutil.rmtree(self.folder / "twin")
        return found

    @precondition(lambda self: self.fresh)
    @rule()
    def undo_the_last(self) -> None:
        step, firm, before = self.fresh.pop()
        now = self.lies()
        said = self.run(self.office.undo(step, by="test", at=NOON, dry_run=True))
        assert self.lies() == now
        made = self.run(self.office.undo(step, by="test", at=NOON))
        assert (said.changes, list(said.refilings)) == (made.changes, list(made.refilings))
        assert self.lies() == before
        assert self.office.firm == firm == self.run(self.store.firm.load())

    @precondition(lambda self: self.fresh)
    @rule(which=st.integers(0, 5))
    def undo_another_and_redo(self, which: int) -> None:
        """Any step: it is refused in words that say what came between, or taken back and then made again."""
        step = self.fresh[which % len(self.fresh)][0]
        firm, now = self.office.firm, self.lies()
        made = self.undone(step)
        if made is None:
            assert (self.lies(), self.office.firm) == (now, firm)
            return
        assert made.step is not None
        assert self.lies() == self.done(now, made.refilings)
        self.run(self.office.undo(made.step, by="test", at=NOON))
        assert (self.lies(), self.office.firm) == (now, firm)

    def undone(self, step: int) -> Applied | None:
        """None where it is refused."""
        said = re.compile("(changed again|filed some of the same mail) since|has nothing left to take back")
        try:
            return self.run(self.office.undo(step, by="test", at=NOON))
        except Conflict as refused:
            if not said.search(refused.sentence):
                raise
            return None


TestRefilingModel = RefilingMachine.TestCase
TestRefilingModel.settings = settings(max_examples=10, stateful_step_count=18, deadline=None)
