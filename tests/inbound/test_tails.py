"""Mailboxes followed: history, new mail, interruptions, and that nobody's other mail is fetched."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from gateway.domain.firm import Client, Contact, ContactAddress, Firm, Mailbox, Secret
from gateway.domain.record import Direction, EventKind, Filing, SyncState
from gateway.inbound.saving import Saving
from gateway.inbound.tails import Tails
from gateway.inbound.watch import Watch
from gateway.mime.address import parse_address
from gateway.store.room import Room
from gateway.trial.faults import Garbage, HangUp, Refuse
from tests.rig import AL, ANA, SUPPORT, Rig, client_letter, letter, rig
from tests.waiting import until

NEWCOMER = "new@client.example"


@contextlib.asynccontextmanager
async def tailing(r: Rig) -> AsyncIterator[Tails]:
    tails = Tails(Watch(r.store, lambda: r.firm, r.clock), trust=None)
    task = asyncio.create_task(tails.run())
    try:
        yield tails
    finally:
        task.cancel()
        await asyncio.wait([task])


async def inbox(r: Rig, client: str = "Al Pacino") -> list[Filing]:
    return await r.store.record.list(client, Direction.INBOX, 1000)


async def count(r: Rig, wanted: int) -> None:
    async def there() -> bool:
        return len(await inbox(r)) == wanted

    await until(there, what=f"{wanted} messages filed")


async def live(r: Rig, mailbox: str = SUPPORT, state: SyncState = SyncState.LIVE) -> None:
    async def reached() -> bool:
        states = await r.store.sync.states()
        return mailbox in states and states[mailbox].state is state

    await until(reached, what=f"{mailbox} {state.value}")


async def kinds(r: Rig) -> list[EventKind]:
    """What was announced; that history was filed is told as well, and tested below."""
    return [event.kind for event in await r.store.feed.after(0) if event.kind is not EventKind.HISTORY]


def fetched(r: Rig) -> int:
    return r.provider.faults.reached["imap:fetch"]


def numbered(number: int) -> bytes:
    return client_letter(message_id=f"<{number}@pacino.example>", subject=f"Letter {number}")


async def test_history_is_filed_and_announced_to_nobody(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        for number in range(3):
            r.provider.deliver(SUPPORT, numbered(number))
        r.provider.deliver(SUPPORT, letter(sender="x@private.example", to=SUPPORT))
        async with tailing(r):
            await count(r, 3)
            await live(r)
        assert await kinds(r) == []


async def test_new_mail_is_filed_announced_and_its_attachment_is_a_plain_file(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r):
        await live(r)
        r.provider.deliver(SUPPORT, client_letter())
        await count(r, 1)
        (one,) = await inbox(r)
        assert await r.store.record.raw(one.message.id) == client_letter()
        while await Saving(r.store, room=Room(), now=r.clock).some():
            pass
        (saved,) = await r.store.record.documents("Al Pacino")
        assert (tmp_path / saved.path).read_bytes() == b"%PDF-1.4\n"
        assert saved.path.endswith("/documents/2026/2026-03-14 statement.pdf")
        assert await kinds(r) == [EventKind.CLIENT_MAIL]


async def test_private_mail_is_never_fetched_whole_and_nothing_is_marked_as_read(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r):
        await live(r)
        r.provider.deliver(SUPPORT, letter(sender="x@private.example", to=SUPPORT, subject="private"))
        r.provider.deliver(SUPPORT, client_letter())
        await count(r, 1)
        messages = r.provider.account(SUPPORT).folders["INBOX"].messages
        assert [message.flags for message in messages] == [frozenset(), frozenset()]
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"x@private.example" not in everything


async def test_the_same_mail_in_two_mailboxes_is_one_message_with_two_locations(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r):
        await live(r)
        await live(r, ANA)
        r.provider.deliver(SUPPORT, client_letter())
        r.provider.deliver(ANA, client_letter())

        async def seen_twice() -> bool:
            found = await inbox(r)
            return bool(found) and len(await r.store.record.locations(found[0].message.id)) == 2

        await until(seen_twice, what="both sightings")
        assert len(await inbox(r)) == 1
        assert await kinds(r) == [EventKind.CLIENT_MAIL]


async def test_an_answer_joins_the_thread_of_what_it_answers(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r):
        await live(r)
        r.provider.deliver(SUPPORT, client_letter())
        r.provider.deliver(
            SUPPORT, client_letter(message_id="<2@pacino.example>", extra="In-Reply-To: <1@pacino.example>")
        )
        r.provider.deliver(SUPPORT, client_letter(message_id="<3@pacino.example>", subject="Else"))
        await count(r, 3)
        third, second, first = await inbox(r)
        assert first.thread == second.thread != third.thread


async def test_mail_written_from_a_phone_is_filed_as_sent(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r):
        await live(r)
        r.provider.deliver(SUPPORT, letter(), folder="Sent")

        async def there() -> list[Filing]:
            return await r.store.record.list("Al Pacino", Direction.SENT)

        await until(there, what="the sent mail")
        assert await kinds(r) == [EventKind.MAIL_SENT]


async def test_D1_a_restarted_server_is_found_again_and_nothing_is_missed(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r):
        await live(r)
        for number in range(5):
            r.provider.deliver(SUPPORT, numbered(number))
            await r.provider.restart()
        await count(r, 5)
        assert await kinds(r) == [EventKind.CLIENT_MAIL] * 5


async def test_D1_a_connection_cut_in_the_middle_of_a_body_misses_and_doubles_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r):
        await live(r)
        r.provider.faults.imap("fetch", HangUp(after_bytes=200), times=2)
        for number in range(3):
            r.provider.deliver(SUPPORT, numbered(number))
        await count(r, 3)
        assert await kinds(r) == [EventKind.CLIENT_MAIL] * 3


async def test_D2_a_new_uidvalidity_announces_nothing_twice_and_misses_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r) as tails:
        await live(r)
        for number in range(3):
            r.provider.deliver(SUPPORT, numbered(number))
        await count(r, 3)
        bodies = fetched(r)
        r.provider.account(SUPPORT).folders["INBOX"].renew()
        r.provider.deliver(SUPPORT, numbered(9))
        tails.restart(SUPPORT)
        await count(r, 4)
        assert await kinds(r) == [EventKind.CLIENT_MAIL] * 4
        for one in await inbox(r):
            assert len(await r.store.record.locations(one.message.id)) == 1
        assert fetched(r) - bodies <= 3  # a search, the headers, and one body: what is known is not fetched again


async def test_D4_garbage_costs_one_connection_and_not_the_mailbox(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r):
        await live(r)
        r.provider.faults.imap("fetch", Garbage())
        r.provider.deliver(SUPPORT, client_letter())
        await count(r, 1)
        assert r.provider.faults.hits["imap:fetch"] == 1


async def test_a_wrong_password_stops_the_mailbox_says_so_once_and_storms_nobody(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        r.firm = with_mailbox(r.firm, password=Secret("wrong"))
        async with tailing(r) as tails:
            await live(r, SUPPORT, SyncState.STOPPED)
            await live(r, ANA)
            events = await r.store.feed.after(0)
            assert [event.kind for event in events] == [EventKind.SYNC_STOPPED]
            assert "postern apply" in events[0].text
            assert "wrong" not in events[0].text.replace("wrong password", "")
            tried = r.provider.faults.reached["imap:login"] + r.provider.faults.reached["imap:authenticate"]
            r.provider.deliver(ANA, client_letter())
            await count(r, 1)
            again = r.provider.faults.reached["imap:login"] + r.provider.faults.reached["imap:authenticate"]
            assert again == tried
            old, r.firm = r.firm, with_mailbox(r.firm, password=Secret("provider-secret"))
            tails.firm_changed(old, r.firm)
            await live(r)


async def test_history_of_an_address_that_is_added_appears_on_its_own(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r) as tails:
        r.provider.deliver(SUPPORT, letter(sender=NEWCOMER, to=SUPPORT, subject="from before"))
        await live(r)
        client = Client("New", ("*",), (Contact("N", (ContactAddress(parse_address(NEWCOMER)),)),))
        old, r.firm = r.firm, replace(r.firm, clients=(*r.firm.clients, client))
        tails.firm_changed(old, r.firm)

        async def there() -> list[Filing]:
            return await inbox(r, "New")

        await until(there, what="the newcomer's history")


async def test_an_address_without_email_sync_is_nobodys(tmp_path: Path) -> None:
    toggled = (Client("Al Pacino", ("*",), (Contact("Al", (ContactAddress(parse_address(AL), email_sync=False),)),)),)
    async with rig(tmp_path, clients=toggled) as r, tailing(r):
        await live(r)
        r.provider.deliver(SUPPORT, client_letter())

        async def looked_at() -> bool:
            cursor = await r.store.sync.cursor(SUPPORT, "INBOX")
            return cursor is not None and cursor.uidnext == 2

        await until(looked_at, what="the cursor behind the message")
        assert await inbox(r) == []


async def test_a_mailbox_taken_out_of_the_firm_is_off_and_left_alone(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r) as tails:
        await live(r)
        old, r.firm = r.firm, replace(r.firm, mailboxes=r.firm.mailboxes[1:])
        tails.firm_changed(old, r.firm)
        await live(r, SUPPORT, SyncState.OFF)
        assert not tails.restart(SUPPORT)


async def test_D3_a_refused_command_is_retried_and_not_taken_for_an_empty_folder(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        r.provider.deliver(SUPPORT, client_letter())
        r.provider.faults.imap("search", Refuse("NO", "try later"))
        async with tailing(r):
            await count(r, 1)


def with_mailbox(firm: Firm, **changes: object) -> Firm:
    first: Mailbox = replace(firm.mailboxes[0], **changes)  # type: ignore[arg-type]
    return replace(firm, mailboxes=(first, *firm.mailboxes[1:]))
