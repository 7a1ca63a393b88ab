"""The record against a model: in whatever order mail is seen, known again and renumbered, each is filed once."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.domain.record import Cursor, Direction, Location
from gateway.store.store import Store
from tests.store.making import KEY, document, facts, file_with, filing, mail
from tests.store.test_queue_model import empty_database

T = TypeVar("T")

# Message-IDs are few, and one is empty: they are doubled on purpose, and refer to each other in circles.
NAMES = ("<0@x>", "<1@x>", "<2@x>", "")
MAILS = tuple(
    (mail(f"mail {number}", 60), facts(NAMES[number % 4], references=[NAMES[(number * 3 + 1) % 4]]))
    for number in range(8)
)
MAILBOXES = ("ana@firm.example", "ion@firm.example")
CLIENTS = ("Al", "Diane")


class RecordMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(empty_database(), self.folder / "postern.db")
        self.runner = asyncio.Runner()
        self.filed: set[tuple[str, bytes]] = set()
        self.upstream: dict[str, dict[int, int]] = {mailbox: {} for mailbox in MAILBOXES}  # UID to mail
        self.epoch = dict.fromkeys(MAILBOXES, 1)

    def run(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self.runner.get_loop().run_until_complete(wait())  # its own `run` writes out all that is awaited

    @initialize()
    def start(self) -> None:
        self.store = self.run(Store.open(self.folder, url=None, key=KEY))

    def teardown(self) -> None:
        assert self.run(self.store.verify()) == []
        self.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    @rule(mailbox=st.sampled_from(MAILBOXES), which=st.integers(0, 7))
    def arrive(self, mailbox: str, which: int) -> None:
        there = self.upstream[mailbox]
        there[max(there, default=0) + 1] = which

    @rule(mailbox=st.sampled_from(MAILBOXES), clients=st.sets(st.sampled_from(CLIENTS), min_size=1))
    def read_whole_folder(self, mailbox: str, clients: set[str]) -> None:
        """A round from the first UID on, as after a crash that lost nothing but its own memory."""
        for uid, which in self.upstream[mailbox].items():
            raw, known = MAILS[which]
            place = Location(mailbox, "INBOX", self.epoch[mailbox], uid)
            if self.run(self.store.record.resight(place, known.message_id, len(raw))):
                continue
            names = sorted(clients)
            cursor = Cursor(mailbox, "INBOX", self.epoch[mailbox], uid + 1)
            item = filing(raw, *names, known=known, at=place, cursor=cursor)
            filed, _ = self.run(file_with(self.store, item, document("paper.pdf", raw[:12])))
            pairs = {(name, raw) for name in names}
            assert filed.new == bool(pairs - self.filed)
            self.filed |= pairs

    @rule(mailbox=st.sampled_from(MAILBOXES), keep=st.lists(st.integers(0, 30), max_size=6, unique=True))
    def renumber(self, mailbox: str, keep: list[int]) -> None:
        """The server starts anew, in any order, with any loss."""
        old = list(self.upstream[mailbox].values())
        self.upstream[mailbox] = {at + 1: old[place] for at, place in enumerate(keep) if place < len(old)}
        self.epoch[mailbox] += 1
        self.run(self.store.sync.renew(Cursor(mailbox, "INBOX", self.epoch[mailbox], 1)))

    @rule(which=st.integers(0, 7), client=st.sampled_from(CLIENTS))
    def sent_copy(self, which: int, client: str) -> None:
        raw, known = MAILS[which]
        self.run(self.store.record.file(filing(raw, client, direction=Direction.SENT, known=known)))
        self.filed.add((client, raw))

    @invariant()
    def each_is_filed_and_announced_once(self) -> None:
        for client in CLIENTS:
            filings = self.run(self.store.record.list(client, None, limit=1000))
            bodies = [self.run(self.store.record.raw(one.message.id)) for one in filings]
            assert Counter(bodies) == Counter(raw for name, raw in self.filed if name == client)
        events = self.run(self.store.feed.after(0, limit=1000))
        assert max(Counter((one.client, one.message) for one in events).values(), default=1) == 1
        assert len(events) == len(self.filed)

    @invariant()
    def threads_hold_together_and_apart(self) -> None:
        threads = {
            client: {one.message.id: one.thread for one in self.run(self.store.record.list(client, None, limit=1000))}
            for client in CLIENTS
        }
        assert not set(threads["Al"].values()) & set(threads["Diane"].values())
        for client in CLIENTS:
            by_name: dict[str, set[int]] = {}
            for one in self.run(self.store.record.list(client, None, limit=1000)):
                for name in {one.message.facts.message_id, *one.message.facts.references} - {""}:
                    by_name.setdefault(name, set()).add(one.thread)
            present = {
                one.message.facts.message_id for one in self.run(self.store.record.list(client, None, limit=1000))
            }
            assert all(len(threads) == 1 for name, threads in by_name.items() if name in present)

    @invariant()
    def documents_are_one_a_content(self) -> None:
        for client in CLIENTS:
            saved = [one.sha256 for one in self.run(self.store.record.documents(client, limit=1000))]
            assert len(saved) == len(set(saved))


TestRecordModel = RecordMachine.TestCase
TestRecordModel.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
