"""Any interleaving of mail, moves, renumbering, lost lines and crashes ends with store and server in agreement."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.errors import PosternError
from gateway.domain.record import Direction
from gateway.inbound.tails import Tails
from gateway.inbound.watch import Watch
from gateway.proxy.imap.mailstore import FlagChange
from gateway.trial.faults import Drop, Garbage, HangUp, Refuse
from gateway.trial.store import TrialAccount, TrialFolder
from gateway.upstream.providers import Facts
from tests.rig import SUPPORT, Rig, client_letter, letter, rig
from tests.waiting import until

FOLDERS = ("INBOX", "Sent", "Archive")
QUICK = Facts(name="trial", first_wait=0.01, logins_a_second=1000, answer=5)
FAULTS = (HangUp(), HangUp(after_bytes=150), HangUp(after_answer=True), Drop(), Garbage(), Refuse("NO", "not now"))

STAGES = ("fetch", "search", "examine", "list", "enable", "notify", "idle")
RESYNC = {"QRESYNC", "NOTIFY"}
ABLE: tuple[set[str], ...] = (
    set(),
    {"NOTIFY"},
    {"QRESYNC"},
    RESYNC,
    RESYNC | {"CONDSTORE", "ESEARCH", "LIST-STATUS", "IDLE"},
)

folders = st.sampled_from(FOLDERS)
able = st.sampled_from(ABLE).map(sorted)
steps = st.one_of(
    st.tuples(st.just("deliver"), folders, st.integers(0, 5)),
    st.tuples(st.just("private"), folders, st.just(0)),
    st.tuples(st.just("expunge"), folders, st.integers(0, 5)),
    st.tuples(st.just("move"), folders, st.integers(0, 5)),
    st.tuples(st.just("renew"), folders, st.just(0)),
    st.tuples(st.just("go_back"), folders, st.just(0)),
    st.tuples(st.just("flag"), folders, st.integers(0, 5)),
    st.tuples(st.just("remake"), st.just("Archive"), st.just(0)),
    st.tuples(st.just("rename"), st.just("Archive"), st.just(0)),
    st.tuples(st.just("drop"), folders, st.just(0)),
    st.tuples(st.just("crash"), folders, st.just(0)),
    st.tuples(st.just("fault"), st.sampled_from(STAGES), st.integers(0, 5)),
    st.tuples(st.just("run"), folders, st.integers(1, 200)),
    st.tuples(st.just("settle"), folders, st.just(0)),
)


@dataclass
class World:
    """The provider's truth, and the gateway that is to find it."""

    r: Rig
    running: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    delivered: set[bytes] = field(default_factory=set)

    def folder(self, name: str) -> TrialFolder:
        return self.account.folders[name]

    @property
    def account(self) -> TrialAccount:
        return self.r.provider.account(SUPPORT)

    async def start(self) -> None:
        self.tails = await self.running.enter_async_context(_tailing(self.r))

    async def step(self, kind: str, where: str, number: int) -> None:
        if kind == "deliver":
            raw = mail(number)
            self.delivered.add(raw)
            self.folder(where).deliver(raw)
        elif kind == "private":
            self.folder(where).deliver(letter(sender="x@private.example", to=SUPPORT))
        elif kind in {"expunge", "move"}:
            await self.take(kind, where, number)
        elif kind == "flag":
            uids = [message.uid for message in self.folder(where).messages[number:]]
            await self.folder(where).flag(uids, {"\\Seen"}, FlagChange.ADD)  # read elsewhere
        elif kind in {"remake", "rename"}:
            await self.refile(kind, where)
        elif kind == "renew":
            self.folder(where).renew()
        elif kind == "go_back":
            self.folder(where).go_back(max(1, self.folder(where).uidnext - 1))
            await self.settled()  # a UID that is given twice meanwhile can't be noticed by anybody
        elif kind == "fault":
            self.r.provider.faults.imap(where, FAULTS[number])
        else:
            await self.happen(kind, number)

    async def take(self, kind: str, where: str, number: int) -> None:
        found = self.folder(where).messages[number : number + 1]
        for message in found:
            self.folder(where).remove(message.uid)
            if kind == "move":
                self.folder(FOLDERS[FOLDERS.index(where) - 1]).deliver(message.raw)

    async def refile(self, kind: str, where: str) -> None:
        """The folder goes, or goes by another name; one of its old name is there again."""
        if kind == "remake":
            self.account.delete(where)
        else:
            self.account.rename(where, f"Old {len(self.account.folders)}")
        await self.account.create(where)

    async def happen(self, kind: str, number: int) -> None:
        if kind == "drop":
            self.r.provider.drop_connections()
        elif kind == "crash":
            await self.running.aclose()
            await self.r.reopen()
            await self.start()
        elif kind == "settle":
            await self.settled()
        for _ in range(number):
            await asyncio.sleep(0)  # the loop turns: whatever is ready goes on

    async def settled(self) -> None:
        async def same() -> bool:
            assert not self.tails.is_halted(SUPPORT)
            self.tails.restart(SUPPORT)
            return await self.seen() == self.truth()

        await until(same, timeout=20, what=f"what is filed to be {sorted(self.truth())}")

    def truth(self) -> Counter[tuple[str, int, int, bytes]]:
        return Counter(
            (name, folder.uidvalidity, message.uid, message.raw)
            for name, folder in self.account.folders.items()
            for message in folder.messages
            if b"private.example" not in message.raw
        )

    async def seen(self) -> Counter[tuple[str, int, int, bytes]]:
        found: Counter[tuple[str, int, int, bytes]] = Counter()
        for filing in await self.r.store.record.list("Al Pacino", None, 1000):
            raw = await self.r.store.record.raw(filing.message.id)
            for at in await self.r.store.record.locations(filing.message.id):
                found[at.folder, at.uidvalidity, at.uid, raw] += 1
        return found


@contextlib.asynccontextmanager
async def _tailing(r: Rig) -> AsyncIterator[Tails]:
    tails = Tails(Watch(r.store, lambda: r.firm, r.clock, facts=lambda _host: QUICK), trust=None)
    task = asyncio.create_task(tails.run())
    try:
        yield tails
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError | PosternError)


def mail(number: int) -> bytes:
    """Some with what a server writes on the way, some alike but for the body, some without a Message-ID."""
    extra = f"Received: from a by b; {number}" if number % 2 else ""
    named = f"<{number // 2}@pacino.example>" if number < 4 else ""
    return client_letter(message_id=named, extra=extra).replace(b"Here it is.", b"Here is %d." % number)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=3, max_size=25), able)
def test_D1_D2_D5_whatever_happens_each_message_is_there_once_and_where_it_lies(
    plan: list[tuple[str, str, int]], without: list[str]
) -> None:
    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with rig(Path(folder), without=without) as r:
                r.firm = replace(r.firm, mailboxes=r.firm.mailboxes[:1])
                world = World(r)
                async with world.running:
                    await world.start()
                    for step in plan:
                        await world.step(*step)
                    r.provider.faults.clear()
                    await world.settled()
                    await check(world)

    asyncio.run(play())


async def check(world: World) -> None:
    store = world.r.store
    filings = await store.record.list("Al Pacino", None, 1000)
    raws = [await store.record.raw(filing.message.id) for filing in filings]
    assert len(raws) == len(set(raws))
    assert set(raws) <= world.delivered
    assert all(filing.direction is Direction.INBOX for filing in filings)
    told = Counter(event.message for event in await store.feed.after(0) if event.message is not None)
    assert all(times == 1 for times in told.values())
