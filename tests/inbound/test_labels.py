"""A mailbox with labels instead of folders: each message is there once, and its labels say what it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.firm import Client
from gateway.domain.record import Direction, EventKind
from gateway.office.filing import Clerk
from gateway.trial.faults import Refuse
from gateway.trial.labels import ALL_MAIL, LabelledAccount
from tests.inbound.agreement import agrees
from tests.inbound.test_folders import QUICK, tailing
from tests.inbound.test_resync import Asked
from tests.inbound.test_tails import count, kinds, live, numbered
from tests.rig import AL, SUPPORT, Rig, client_letter, letter, rig
from tests.waiting import until

ALIAS = "Ana <ana@other-firm.example>"  # an address that the account may write from, and the firm does not know of


def account(r: Rig) -> LabelledAccount:
    r.firm = replace(r.firm, mailboxes=r.firm.mailboxes[:1])
    found = r.provider.account(SUPPORT)
    assert isinstance(found, LabelledAccount)
    return found


async def sent(r: Rig, wanted: int = 1) -> None:
    async def there() -> bool:
        return len(await r.store.record.list("Al Pacino", Direction.SENT)) == wanted

    await until(there, what=f"{wanted} sent")


async def labelled(r: Rig, *labels: str) -> None:
    async def shown() -> bool:
        filings = await r.store.record.list("Al Pacino", None)
        return [at.labels for one in filings for at in await r.store.record.locations(one.message.id)] == [labels]

    await until(shown, what=f"labels {labels}")


async def test_each_message_is_there_once_whatever_its_labels(tmp_path: Path) -> None:
    async with rig(tmp_path, labels=True) as r:
        box = account(r)
        await box.create("Kunden & Größe/Pacino")
        box.take(numbered(1), ("\\Inbox", "Kunden & Größe/Pacino", 'a "quoted" one'))
        box.take(numbered(2), ())
        async with tailing(r, QUICK):
            await count(r, 2)
            await live(r)
            r.provider.deliver(SUPPORT, numbered(3))
            await count(r, 3)
        filings = await r.store.record.list("Al Pacino", None)
        places = [at for one in filings for at in await r.store.record.locations(one.message.id)]
        assert {at.folder for at in places} == {ALL_MAIL}
        assert sorted(at.labels for at in places) == [
            (),
            ("Kunden & Größe/Pacino", "\\Inbox", 'a "quoted" one'),
            ("\\Inbox",),
        ]
        assert [at.number for at in places] == [message.number for message in reversed(box.all_mail.messages)]
        assert await kinds(r) == [EventKind.CLIENT_MAIL]


async def test_what_is_labelled_as_sent_is_Sent_whatever_address_it_is_from(tmp_path: Path) -> None:
    async with rig(tmp_path, labels=True) as r:
        box = account(r)
        async with tailing(r, QUICK):
            await live(r)
            box.take(letter(sender=ALIAS), ("\\Sent",))
            await sent(r)
            box.take(letter(sender=ALIAS, subject="not ours"), ("\\Inbox",))
            await count(r, 1)
        assert await kinds(r) == [EventKind.MAIL_SENT, EventKind.CLIENT_MAIL]
        (one,) = await r.store.record.list("Al Pacino", Direction.SENT)
        assert one.message.weighed is None  # its provider took it from whoever signed in


async def test_a_draft_is_nobodys_until_it_is_sent(tmp_path: Path) -> None:
    async with rig(tmp_path, labels=True) as r:
        box = account(r)
        box.take(letter(subject="of before"), ("\\Draft",))
        async with tailing(r, QUICK) as tails:
            await live(r)
            uid = box.take(letter(), ("\\Draft",))

            async def passed() -> bool:
                cursor = await r.store.sync.cursor(SUPPORT, ALL_MAIL)
                return cursor is not None and cursor.uidnext > uid

            await until(passed, what="the cursor behind the draft")
            assert await r.store.record.list("Al Pacino", None) == []
            box.relabel(box.all_mail.messages[-1].number, ("\\Sent",))
            tails.restart(SUPPORT)
            await sent(r)
            await labelled(r, "\\Sent")
        assert await kinds(r) == [EventKind.MAIL_SENT]


async def test_a_draft_that_is_sent_while_nobody_looks_is_found(tmp_path: Path) -> None:
    async with rig(tmp_path, labels=True) as r:
        box = account(r)
        async with tailing(r, QUICK):
            await live(r)
        box.take(letter(), ("\\Draft",))
        async with tailing(r, QUICK):
            await live(r)
        box.relabel(box.all_mail.messages[-1].number, ("\\Sent", "\\Important"))
        async with tailing(r, QUICK):
            await sent(r)


async def test_labels_that_people_change_are_shown_and_nothing_is_filed_or_told_again(tmp_path: Path) -> None:
    async with rig(tmp_path, labels=True) as r:
        box = account(r)
        async with tailing(r, QUICK) as tails:
            await live(r)
            r.provider.deliver(SUPPORT, client_letter())
            await labelled(r, "\\Inbox")
            r.provider.faults.imap("fetch", Refuse("NO", "no more bodies"), times=None, match="BODY.PEEK")
            box.relabel(box.all_mail.messages[-1].number, ("\\Starred", "Work"))
            tails.restart(SUPPORT)
            await labelled(r, "Work", "\\Starred")
            assert r.provider.faults.hits["imap:fetch"] == 0
        assert await kinds(r) == [EventKind.CLIENT_MAIL]


async def test_a_message_that_gets_a_new_place_is_known_by_its_number_and_not_fetched(tmp_path: Path) -> None:
    async with rig(tmp_path, labels=True) as r:
        box = account(r)
        async with tailing(r, QUICK) as tails:
            await live(r)
            for number in range(3):
                box.take(client_letter(message_id="", subject=f"Letter {number}"), ("\\Inbox",))
            await count(r, 3)
            bodies = Asked(r, "fetch")
            box.all_mail.renew()
            tails.restart(SUPPORT)
            await agrees(r, announced=3, followed={ALL_MAIL})
            await live(r)
            assert not [one for one in bodies.arguments if "BODY.PEEK[]" in one]


async def test_a_stranger_s_message_with_a_known_ones_number_is_not_taken_for_it(tmp_path: Path) -> None:
    async with rig(tmp_path, labels=True) as r:
        box = account(r)
        async with tailing(r, QUICK) as tails:
            await live(r)
            box.take(client_letter(), ("\\Inbox",))
            await count(r, 1)
            first = box.all_mail.messages[0]
            other = client_letter(subject="Statemint")
            assert len(other) == len(first.raw)
            box.all_mail.put(replace(first, raw=other))
            tails.restart(SUPPORT)
            await agrees(r, announced=2, followed={ALL_MAIL})


async def test_folders_that_the_settings_name_give_the_same_message_once(tmp_path: Path) -> None:
    async with rig(tmp_path, labels=True) as r:
        box = account(r)
        first = replace(r.firm.mailboxes[0], folders=("INBOX", "Work"))
        r.firm = replace(r.firm, mailboxes=(first,))
        await box.create("Work")
        async with tailing(r, QUICK):
            await live(r)
            bodies = Asked(r, "fetch")
            box.take(client_letter(message_id=""), ("\\Inbox", "Work"))
            await count(r, 1)

            async def both() -> bool:
                (one,) = await r.store.record.list("Al Pacino", None)
                return {at.folder for at in await r.store.record.locations(one.message.id)} == {"INBOX", "Work"}

            await until(both, what="both places")
            assert len([one for one in bodies.arguments if "BODY.PEEK[]" in one]) <= 2
        assert await kinds(r) == [EventKind.CLIENT_MAIL]


@pytest.mark.parametrize("without", [(), ("CONDSTORE",), ("QRESYNC", "NOTIFY", "IDLE")], ids=str)
async def test_D1_mail_read_sent_trashed_and_restored_elsewhere_ends_in_agreement(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    async with rig(tmp_path, labels=True, without=without) as r:
        box = account(r)
        async with tailing(r, QUICK) as tails:
            await live(r)
            for number in range(4):
                r.provider.deliver(SUPPORT, numbered(number))
            tails.restart(SUPPORT)
            await count(r, 4)
            one, two, *_ = box.all_mail.messages
            box.folders["INBOX"].remove(1)  # archived
            box.all_mail.remove(two.uid)  # to the trash …
            r.provider.drop_connections()
            box.all_mail.put(two)  # … and back
            tails.restart(SUPPORT)

            async def agreed() -> bool:
                tails.restart(SUPPORT)
                filings = await r.store.record.list("Al Pacino", None)
                found = [at.uid for each in filings for at in await r.store.record.locations(each.message.id)]
                return sorted(found) == sorted(message.uid for message in box.all_mail.messages)

            await until(agreed, timeout=60, what="the places of All Mail")
        assert len(await r.store.record.list("Al Pacino", None)) == 4
        assert await kinds(r) == [EventKind.CLIENT_MAIL] * 4
        assert one.number != two.number
        assert AL in {contact.address.key for contact in r.firm.clients[0].addresses}


async def test_what_was_sent_stays_so_for_whomever_it_is_filed_under_later(tmp_path: Path) -> None:
    async with rig(tmp_path, labels=True) as r:
        box = account(r)
        async with tailing(r, QUICK):
            await live(r)
            box.take(letter(sender=ALIAS), ("\\Sent",))
            await sent(r)
        (one,) = await r.store.record.list("Al Pacino", Direction.SENT)
        here, there = r.firm.clients[0], Client("Diane", ("*",))
        moved = replace(r.firm, clients=(replace(here, contacts=()), replace(there, contacts=here.contacts)))
        await r.store.firm.replace(moved, [], "ana", r.clock())
        assert [found.message.id for found in await r.store.record.list("Diane", Direction.SENT)] == [one.message.id]
        assert await r.store.record.list("Diane", Direction.INBOX) == []
        clerk = Clerk(r.store, firm=lambda: moved, now=r.clock)
        await clerk.refile(one.message.id, "Diane", "Al Pacino", by="ana")
        assert [found.flags for found in await r.store.record.list("Al Pacino", Direction.SENT)] == [("by hand",)]
