"""The firm is changed while mail is on its way into the record: it comes out as the new firm has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.address import Address
from gateway.domain.errors import Outdated
from gateway.domain.firm import Client, Contact, ContactAddress, Firm
from gateway.domain.record import EventKind
from gateway.inbound.allowance import Allowance
from gateway.inbound.folder import FolderRounds
from gateway.inbound.watch import Watch
from gateway.outbound.sent_record import SentRecord
from gateway.store.room import Room
from gateway.upstream.imap.session import open_session
from tests.inbound.bounces import sent
from tests.rig import AL, STRANGER, SUPPORT, Rig, client_letter, rig
from tests.store.making import NOW, facts, filing, mail


def firm_of(r: Rig, al: str, stranger: str) -> Firm:
    """To which client each address leads; empty for none."""
    found: dict[str, list[ContactAddress]] = {}
    for name, address in ((al, AL), (stranger, STRANGER)):
        if name:
            local, _, domain = address.partition("@")
            found.setdefault(name, []).append(ContactAddress(Address(local, domain)))
    names = ("One", "Two")
    clients = tuple(Client(name, ("*",), (Contact("C", tuple(found.get(name, ()))),)) for name in names)
    return replace(r.firm, clients=clients)


class Lagging:
    """The firm of before for so many looks, though the store has the new one: so a tail that is at work may see it."""

    def __init__(self, old: Firm, new: Firm, looks: int) -> None:
        self.old, self.new, self.looks = old, new, looks

    def __call__(self) -> Firm:
        self.looks -= 1
        return self.old if self.looks >= 0 else self.new


def stranger_letter() -> bytes:
    return client_letter(message_id="<2@stranger>").replace(AL.encode(), STRANGER.encode())


async def rounds(r: Rig, lagging: Lagging) -> None:
    """As a tail makes them: again after what comes and goes."""
    watch = Watch(r.store, lagging, r.clock)
    folder = FolderRounds(watch, r.firm.mailboxes[0], "INBOX", Allowance(None))
    box = r.firm.mailboxes[0]
    session = await open_session(box.imap, box.username, box.password, trust=None, timeout=10)
    try:
        for _ in range(4):
            try:
                await folder.round(session)
            except Outdated:
                continue
    finally:
        session.abort()


@pytest.mark.parametrize("looks", range(14))
async def test_mail_that_is_looked_at_while_the_firm_changes_is_filed_as_the_new_firm_has_it(
    tmp_path: Path, looks: int
) -> None:
    async with rig(tmp_path) as r:
        await r.store.firm.replace(firm_of(r, "One", ""), [], "test", NOW)
        old = await r.store.firm.load()
        await rounds(r, Lagging(old, old, 0))
        await r.store.firm.replace(firm_of(r, "Two", "Two"), [], "test", NOW)
        new = await r.store.firm.load()
        r.provider.deliver(SUPPORT, stranger_letter())
        r.provider.deliver(SUPPORT, client_letter())
        await rounds(r, Lagging(old, new, looks))
        assert await r.store.record.list("One", None) == []
        assert len(await r.store.record.list("Two", None)) == 2
        kinds = [one.kind for one in await r.store.feed.after(0)]
        assert kinds.count(EventKind.CLIENT_MAIL) == 2, "each is told once"


async def test_what_was_decided_with_another_firm_is_refused_whole_and_what_people_say_is_not(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        old = (await r.store.firm.load()).revision
        await r.store.firm.replace(firm_of(r, "One", ""), [], "test", NOW)
        new = (await r.store.firm.load()).revision
        assert new > old > 0
        kept, late = filing(mail("kept"), "One"), filing(mail("late"), "One", known=facts("<2@m>"))
        with pytest.raises(Outdated, match="try again"):
            await r.store.record.file_all([kept, replace(late, revision=old)])
        assert await r.store.record.list("One", None) == []
        await r.store.record.file_all([kept, replace(late, revision=new)])
        assert len(await r.store.record.list("One", None)) == 2


async def test_mail_that_left_while_the_firm_changed_is_filed_as_the_new_firm_has_it(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await sent(r)
        old = await r.store.firm.load()
        await r.store.firm.replace(firm_of(r, "Two", ""), [], "test", NOW)
        lagging = Lagging(old, await r.store.firm.load(), 1)
        await SentRecord(r.store, firm=lagging, now=r.clock, room=Room(2**20)).file_all([entry])
        assert [one.message.author_login for one in await r.store.record.list("Two", None)] == [entry.login]
        assert await r.store.record.list("Al Pacino", None) == []
