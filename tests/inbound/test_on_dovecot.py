"""The tail on a real Dovecot: restarts, renumbering, folders renamed and removed, messages expunged."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gateway.domain.firm import Endpoint, Secret, Security
from gateway.domain.record import EventKind, SyncState
from gateway.inbound.tails import Tails
from gateway.inbound.watch import Watch
from gateway.mime.address import parse_address
from gateway.store.store import Store
from gateway.upstream.providers import Facts
from tests.peers.ca import Ca
from tests.peers.dovecot import Dovecot
from tests.rig import Clock, Rig, client_letter, rig
from tests.waiting import until

pytestmark = pytest.mark.real

QUICK = Facts(name="dovecot", first_wait=0.05, logins_a_second=1000, answer=20)
WAIT = 60.0  # seconds: hostile.md D1
_numbers = itertools.count(1)


@dataclass
class Followed:
    """One account, followed."""

    address: str
    dovecot: Dovecot
    store: Store
    tails: Tails

    async def deliver(self, number: int) -> None:
        raw = client_letter(message_id=f"<{number}@pacino.example>", subject=f"Letter {number}")
        await asyncio.to_thread(self.dovecot.deliver, self.address, raw)

    async def admin(self, *args: str) -> None:
        verb = 2 if args[0] == "mailbox" else 1
        await asyncio.to_thread(self.dovecot.doveadm, *args[:verb], "-u", self.address, *args[verb:])

    async def places(self) -> list[tuple[str, int]]:
        filings = await self.store.record.list("Al Pacino", None, 1000)
        found = [at for one in filings for at in await self.store.record.locations(one.message.id)]
        return sorted((at.folder, at.uid) for at in found)

    async def reach(self, filed: int, *places: tuple[str, int]) -> None:
        async def there() -> bool:
            self.tails.restart(self.address)
            filings = await self.store.record.list("Al Pacino", None, 1000)
            return len(filings) == filed and await self.places() == sorted(places)

        await until(there, timeout=WAIT, what=f"{filed} filed, at {places}")

    async def live(self) -> None:
        async def reached() -> bool:
            states = await self.store.sync.states()
            return self.address in states and states[self.address].state is SyncState.LIVE

        await until(reached, timeout=WAIT, what="live")

    async def announced(self) -> int:
        return [event.kind for event in await self.store.feed.after(0)].count(EventKind.CLIENT_MAIL)


@pytest.fixture
async def followed(tmp_path: Path, dovecot: Dovecot, ca: Ca) -> AsyncIterator[Followed]:
    """Give an account of its own."""
    address = f"tail{next(_numbers)}@firm.example"
    await asyncio.to_thread(dovecot.add_user, address)
    async with rig(tmp_path) as r, _following(r, address, dovecot, ca) as found:
        await found.live()
        yield found


@contextlib.asynccontextmanager
async def _following(r: Rig, address: str, dovecot: Dovecot, ca: Ca) -> AsyncIterator[Followed]:
    box = replace(
        r.firm.mailboxes[0],
        address=parse_address(address),
        username=address,
        password=Secret(dovecot.password),
        imap=Endpoint("localhost", dovecot.imaps_port, Security.TLS),
    )
    firm = replace(r.firm, mailboxes=(box,))
    tails = Tails(Watch(r.store, lambda: firm, Clock(), facts=lambda _host: QUICK), trust=ca.trust)
    task = asyncio.create_task(tails.run())
    try:
        yield Followed(address, dovecot, r.store, tails)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_D1_restarts_between_deliveries_lose_and_double_nothing(followed: Followed) -> None:
    for number in range(1, 7):
        await followed.deliver(number)
        if number % 2:
            await asyncio.to_thread(followed.dovecot.restart)
    await followed.reach(6, *(("INBOX", uid) for uid in range(1, 7)))
    assert await followed.announced() == 6


async def test_D2_a_renumbered_folder_announces_nothing_twice_and_has_true_places(followed: Followed) -> None:
    for number in range(1, 5):
        await followed.deliver(number)
    await followed.reach(4, *(("INBOX", uid) for uid in range(1, 5)))
    await followed.admin("expunge", "mailbox", "INBOX", "uid", "1")
    await followed.reach(4, *(("INBOX", uid) for uid in range(2, 5)))
    await asyncio.to_thread(followed.dovecot.new_uidvalidity, followed.address)
    await followed.deliver(5)
    await followed.reach(5, *(("INBOX", uid) for uid in range(1, 5)))
    assert await followed.announced() == 5


async def test_D2_a_folder_renamed_and_removed_takes_its_places_along(followed: Followed) -> None:
    await followed.admin("mailbox", "create", "Klienten & Co")
    await followed.deliver(1)
    await followed.reach(1, ("INBOX", 1))
    await followed.admin("move", "Klienten & Co", "mailbox", "INBOX", "all")
    await followed.reach(1, ("Klienten & Co", 1))
    await followed.admin("mailbox", "rename", "Klienten & Co", "Kunden/Größe")
    await followed.reach(1, ("Kunden/Größe", 1))
    await followed.admin("mailbox", "delete", "Kunden/Größe")
    await followed.reach(1)
    assert await followed.announced() == 1


async def test_what_goes_from_a_folder_while_we_are_away_is_told_when_we_are_back(followed: Followed) -> None:
    for number in range(1, 6):
        await followed.deliver(number)
    await followed.reach(5, *(("INBOX", uid) for uid in range(1, 6)))
    await asyncio.to_thread(followed.dovecot.stop)
    await asyncio.to_thread(followed.dovecot.start)
    await followed.admin("expunge", "mailbox", "INBOX", "uid", "2:3")
    await followed.reach(5, ("INBOX", 1), ("INBOX", 4), ("INBOX", 5))
    assert await followed.announced() == 5


async def test_mail_in_a_folder_that_nobody_idles_on_is_filed_when_the_server_tells(followed: Followed) -> None:
    await followed.deliver(1)
    await followed.reach(1, ("INBOX", 1))
    await followed.admin("move", "Archive", "mailbox", "INBOX", "all")

    async def moved() -> bool:
        return await followed.places() == [("Archive", 1)]

    await until(moved, timeout=WAIT, what="the move; nobody asked for a look, and the next is minutes away")
    assert await followed.announced() == 1


async def test_D2_a_folder_removed_and_made_again_under_its_name_is_a_new_one(followed: Followed) -> None:
    for number in (1, 2):
        await followed.deliver(number)
    await followed.reach(2, ("INBOX", 1), ("INBOX", 2))
    await followed.admin("mailbox", "create", "Work")
    await followed.admin("move", "Work", "mailbox", "INBOX", "all")
    await followed.reach(2, ("Work", 1), ("Work", 2))
    await followed.admin("mailbox", "delete", "Work")
    await followed.admin("mailbox", "create", "Work")
    await followed.deliver(3)
    await followed.reach(3, ("INBOX", 3))
    await followed.admin("move", "Work", "mailbox", "INBOX", "all")
    await followed.reach(3, ("Work", 1))
    assert await followed.announced() == 3


@pytest.fixture
def dotted(ca: Ca, dovecot: Dovecot) -> Iterator[Dovecot]:
    """Give one whose folders are parted by dots, below INBOX; the other is there for its reasons to skip."""
    peer = Dovecot(ca)
    peer.configure("namespace inbox {\n  separator = .\n  prefix = INBOX.\n}\n")
    try:
        peer.start()
        yield peer
    finally:
        peer.remove()


async def test_folders_parted_by_dots_below_INBOX_are_followed_under_any_name(
    tmp_path: Path, dotted: Dovecot, ca: Ca
) -> None:
    address = f"tail{next(_numbers)}@firm.example"
    await asyncio.to_thread(dotted.add_user, address)
    async with rig(tmp_path) as r, _following(r, address, dotted, ca) as followed:
        await followed.live()
        await followed.deliver(1)
        await followed.reach(1, ("INBOX", 1))
        before = "INBOX"
        for name in ('INBOX.Kunden & Söhne.R&D "x"', "INBOX.日本.送信 済み"):
            await followed.admin("mailbox", "create", name)
            await followed.admin("move", name, "mailbox", before, "all")
            await followed.reach(1, (name, 1))
            before = name
        sent = client_letter(message_id="<9@pacino.example>", subject="Letter 9")
        await asyncio.to_thread(dotted.append, address, "INBOX.Sent", sent)
        await followed.reach(2, ("INBOX.Sent", 1), ("INBOX.日本.送信 済み", 1))
