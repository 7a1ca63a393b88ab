"""All folders of a mailbox: found, followed, and what moves between them or vanishes from them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from gateway.domain.firm import Client, Contact, ContactAddress
from gateway.domain.record import Direction, EventKind, SyncState
from gateway.inbound.reading import TRIES
from gateway.inbound.tails import Tails
from gateway.inbound.watch import Watch
from gateway.mime.address import parse_address
from gateway.store.room import Room
from gateway.trial.faults import HangUp, Refuse, Stall
from gateway.upstream.providers import Facts
from tests.inbound.test_tails import count, fetched, inbox, kinds, live, numbered
from tests.rig import AL, ANA, SUPPORT, Rig, client_letter, letter, rig
from tests.waiting import until

QUICK = Facts(name="trial", first_wait=0.01, logins_a_second=1000, answer=5)
RECEIVED = "Received: from pacino.example by firm.example; Sat, 14 Mar 2026 10:00:01 +0200"


@contextlib.asynccontextmanager
async def tailing(r: Rig, facts: Facts = QUICK, *, room: Room | None = None) -> AsyncIterator[Tails]:
    watch = Watch(r.store, lambda: r.firm, r.clock, facts=lambda _host: facts, room=room or Room())
    tails = Tails(watch, trust=None)
    async with running(tails):
        yield tails


@contextlib.asynccontextmanager
async def running(tails: Tails) -> AsyncIterator[None]:
    task = asyncio.create_task(tails.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def body_of(wanted: int) -> Callable[[str], bool]:
    """Whether a FETCH asks for the whole of that message, among others or alone."""

    def asked(arguments: str) -> bool:
        uids, _, items = arguments.strip().partition(" ")
        runs = ((run.partition(":")[0], run.rpartition(":")[2]) for run in uids.split(","))
        return "BODY.PEEK[]" in items and any(int(low) <= wanted <= int(high) for low, high in runs)

    return asked


async def lies(r: Rig, tails: Tails, *places: tuple[str, int]) -> None:
    """Wait until the one message of the client is seen at exactly these."""

    async def there() -> bool:
        tails.restart(SUPPORT)
        found = [at for one in await inbox(r) for at in await r.store.record.locations(one.message.id)]
        return sorted((at.folder, at.uid) for at in found) == sorted(places)

    await until(there, what=f"the message at {places}")


async def test_mail_that_is_moved_keeps_its_filing_and_gets_its_new_place_without_a_download(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r) as tails:
        await live(r)
        account = r.provider.account(SUPPORT)
        raw = client_letter(extra=RECEIVED)
        r.provider.deliver(SUPPORT, raw)
        await lies(r, tails, ("INBOX", 1))
        r.provider.faults.imap("fetch", Refuse("NO", "no more bodies"), times=None, match="BODY.PEEK[]")
        account.folders["INBOX"].remove(1)
        account.folders["Archive"].deliver(raw)
        await lies(r, tails, ("Archive", 1))
        assert r.provider.faults.hits["imap:fetch"] == 0
        assert await kinds(r) == [EventKind.CLIENT_MAIL]


async def test_a_repeated_message_id_and_size_are_not_taken_for_the_message(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r) as tails:
        await live(r)
        r.provider.deliver(SUPPORT, client_letter(extra=RECEIVED))
        await count(r, 1)
        forged = client_letter(extra=RECEIVED.replace("10:00:01", "10:00:02")).replace(b"Here it is.", b"Pay to me..")
        assert len(forged) == len(client_letter(extra=RECEIVED))
        r.provider.deliver(SUPPORT, forged, folder="Archive")
        tails.restart(SUPPORT)
        await count(r, 2)


async def test_what_is_expunged_is_no_location_any_more_and_stays_in_the_record(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r) as tails:
        await live(r)
        r.provider.deliver(SUPPORT, client_letter())
        await lies(r, tails, ("INBOX", 1))
        r.provider.account(SUPPORT).folders["INBOX"].remove(1)
        await lies(r, tails)
        assert len(await inbox(r)) == 1


async def test_a_folder_made_later_is_followed_without_a_new_connection_to_the_first(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        account = r.provider.account(SUPPORT)
        del account.folders["Sent"], account.folders["Archive"]
        async with tailing(r) as tails:
            await live(r)
            lost = r.provider.faults.reached["imap:connect"]
            for name in ("Sent", "Clients & Co"):
                await account.create(name)
            r.provider.deliver(SUPPORT, letter(), folder="Sent")
            r.provider.deliver(SUPPORT, client_letter(), folder="Clients & Co")
            tails.restart(SUPPORT)
            await count(r, 1)

            async def sent() -> bool:
                return len(await r.store.record.list("Al Pacino", Direction.SENT)) == 1

            await until(sent, what="the sent mail")
            assert r.provider.faults.reached["imap:connect"] - lost == 2  # Sent's own, and one to look into the other


async def test_a_folder_that_is_deleted_takes_its_locations_along(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r) as tails:
        await live(r)
        r.provider.deliver(SUPPORT, client_letter(), folder="Archive")
        await lies(r, tails, ("Archive", 1))
        del r.provider.account(SUPPORT).folders["Archive"]
        await lies(r, tails)
        assert "Archive" not in await r.store.sync.folders(SUPPORT)


async def test_a_folder_that_is_refused_or_missing_is_shown_and_holds_no_other_up(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        r.provider.faults.imap("examine", Refuse("NO", "not yours"), times=None, match="Archive")
        first = replace(r.firm.mailboxes[0], folders=("INBOX", "Sent", "Archive", "Nowhere"))
        r.firm = replace(r.firm, mailboxes=(first,))
        async with tailing(r):
            await live(r)
            r.provider.deliver(SUPPORT, client_letter())
            await count(r, 1)
            detail = (await r.store.sync.states())[SUPPORT].detail
            assert "Archive" in detail
            assert "Nowhere" in detail


async def test_D3_a_message_over_which_the_server_breaks_is_set_aside_counted_and_tried_again_next_day(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as r, tailing(r) as tails:
        await live(r)
        r.provider.faults.imap("fetch", HangUp(after_bytes=60), times=None, match=body_of(2))
        for number in range(3):
            r.provider.deliver(SUPPORT, numbered(number))
        await count(r, 2)

        async def aside() -> bool:
            return (await r.store.sync.states())[SUPPORT].skipped == 1

        await until(aside, what="one set aside")
        await live(r)
        assert r.provider.faults.hits["imap:fetch"] in {TRIES, TRIES + 1}  # the first time maybe with its neighbours
        assert (await kinds(r)).count(EventKind.SET_ASIDE) == 1
        r.provider.faults.clear()
        r.clock.forward(timedelta(days=1))
        tails.restart(SUPPORT)
        await count(r, 3)

        async def none() -> bool:
            return (await r.store.sync.states())[SUPPORT].skipped == 0

        await until(none, what="nothing set aside")


async def test_mail_of_the_time_in_which_an_address_was_not_synced_is_found_once_it_is_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r) as tails:
        await live(r)
        on = r.firm
        off = replace(on, clients=(Client("Al Pacino", ("*",), (_contact(synced=False),)),))
        r.firm = off
        tails.firm_changed(on, off)
        r.provider.deliver(SUPPORT, client_letter())

        async def passed() -> bool:
            cursor = await r.store.sync.cursor(SUPPORT, "INBOX")
            return cursor is not None and cursor.uidnext == 2

        await until(passed, what="the cursor behind the message")
        assert await inbox(r) == []
        r.firm = on
        tails.firm_changed(off, on)
        await count(r, 1)


async def test_new_mail_does_not_wait_for_history(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        for number in range(120):
            r.provider.deliver(SUPPORT, numbered(number))
        r.provider.faults.imap("fetch", Stall(), match=body_of(70))
        async with tailing(r):
            await r.provider.faults.wait_hit("imap:fetch")
            r.provider.deliver(SUPPORT, numbered(1000))
            r.provider.faults.release()
            await count(r, 121)
            order = [one.message.facts.subject for one in reversed(await r.store.record.list("Al Pacino", None, 200))]
            assert order.index("Letter 1000") <= 50
            assert await kinds(r) == [EventKind.CLIENT_MAIL]


async def test_history_keeps_within_the_providers_download_of_a_day(tmp_path: Path) -> None:
    facts = replace(QUICK, download_a_day=80_000)
    async with rig(tmp_path) as r:
        for number in range(120):
            r.provider.deliver(SUPPORT, numbered(number))
        async with tailing(r, facts) as tails:
            await until(lambda: r.provider.account(SUPPORT).folders["INBOX"].watchers == 1, what="the pause")
            await live(r, SUPPORT, SyncState.BACKFILLING)
            filed = len(await inbox(r))
            assert 10 < filed < 120
            r.provider.deliver(SUPPORT, numbered(1000))
            await count(r, filed + 1)
        async with tailing(r, facts) as tails:  # a restart does not begin the day anew
            await until(lambda: r.provider.account(SUPPORT).folders["INBOX"].watchers == 1, what="the pause again")
            await live(r, SUPPORT, SyncState.BACKFILLING)
            assert len(await inbox(r)) == filed + 1
            r.clock.forward(timedelta(days=1))
            tails.restart(SUPPORT)
            await count(r, 121)
            await live(r)


async def test_D1_a_connection_that_says_nothing_any_more_is_found_dead_when_IDLE_is_renewed(tmp_path: Path) -> None:
    facts = replace(QUICK, renew_idle=0.3, answer=0.5)
    async with rig(tmp_path) as r:
        r.firm = replace(r.firm, mailboxes=r.firm.mailboxes[:1])
        r.provider.faults.imap("idle", Stall(), times=2)  # nothing is said, and DONE is not answered either
        async with tailing(r, facts):
            await r.provider.faults.wait_hit("imap:idle", 2)
            r.provider.deliver(SUPPORT, client_letter())
            await count(r, 1)


async def test_one_client_more_on_a_known_message_is_filed_for_them_too(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r) as tails:
        await live(r)
        r.provider.deliver(SUPPORT, client_letter(extra=f"Cc: bob@client.example\r\n{RECEIVED}"))
        await count(r, 1)
        bodies = fetched(r)
        bob = Client("Bob", ("*",), (Contact("B", (ContactAddress(parse_address("bob@client.example")),)),))
        old, r.firm = r.firm, replace(r.firm, clients=(*r.firm.clients, bob))
        tails.firm_changed(old, r.firm)

        async def there() -> bool:
            return len(await inbox(r, "Bob")) == 1

        await until(there, what="the message with Bob")
        assert fetched(r) - bodies == 1  # its header
        assert await kinds(r) == [EventKind.CLIENT_MAIL]
        assert ANA in r.firm.mailbox_by_key


def _contact(*, synced: bool) -> Contact:
    return Contact("Al", (ContactAddress(parse_address(AL), email_sync=synced),))
