r"""What was answered is marked so, in the mailboxes where that is meant, and no refusal costs the message anything."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from gateway.domain.firm import Endpoint, Secret, Security
from gateway.domain.mail import QueueEntry
from gateway.domain.record import Direction, Location, NewFiling
from gateway.mime.address import parse_address
from gateway.mime.facts import facts
from gateway.outbound.sent import MARK_TRIES, RETRY, SentCopies
from gateway.trial.faults import HangUp, Refuse
from tests.outbound.copying import copying, delivered, left, settled
from tests.outbound.test_sent_once import with_box
from tests.peers.ca import Ca
from tests.peers.dovecot import Dovecot
from tests.rig import AL, ANA, SUPPORT, Rig, client_letter, letter, rig
from tests.waiting import until

ANSWERS = "In-Reply-To: <1@pacino.example>"


async def received(r: Rig, address: str = SUPPORT) -> None:
    """The client's letter lies in the mailbox, and the store knows where."""
    folder = r.provider.account(address).folders["INBOX"]
    folder.deliver(letter(sender="x@private.example", to=address))
    await known(r, Location(address, "INBOX", folder.uidvalidity, folder.deliver(client_letter())))


async def known(r: Rig, where: Location) -> None:
    raw = client_letter()
    await r.store.record.file(NewFiling(raw, facts(raw), (("Al Pacino", Direction.INBOX),), r.clock(), location=where))


def marks(r: Rig, address: str = SUPPORT) -> list[frozenset[str]]:
    return [message.flags for message in r.provider.account(address).folders["INBOX"].messages]


async def errands(r: Rig, entry: QueueEntry) -> list[tuple[str, str, int, str]]:
    history = await r.store.history.of(entry.id)
    return [(one.mailbox, one.stands.state, one.stands.attempts, one.stands.last_error) for one in history.errands]


async def test_the_answered_mail_is_marked_where_the_answer_left_from_and_with_its_author(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        await received(r)
        await received(r, ANA)
        entry = await delivered(r, copies, extra=ANSWERS)
        await settled(r, entry)
        assert marks(r) == marks(r, ANA) == [frozenset(), frozenset({"\\Answered"})]
        assert await errands(r, entry) == [(ANA, "done", 1, ""), (SUPPORT, "done", 1, "")]


async def test_the_firm_may_want_no_marks_in_a_mailbox(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        with_box(r, mark_answered=False)
        await received(r)
        await received(r, ANA)
        async with copying(r) as copies:
            await settled(r, await delivered(r, copies, extra=ANSWERS))
        assert marks(r) == [frozenset(), frozenset()]
        assert marks(r, ANA) == [frozenset(), frozenset({"\\Answered"})]


async def test_what_lies_with_a_colleague_is_theirs_to_mark(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        await received(r, ANA)
        entry = await delivered(r, copies, extra=ANSWERS, login="ion")
        await settled(r, entry)
        assert (await errands(r, entry), marks(r, ANA)) == ([], [frozenset(), frozenset()])


async def test_an_answer_to_what_nobody_knows_marks_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        await received(r)
        entry = await delivered(r, copies, extra="In-Reply-To: <unheard-of@pacino.example>")
        await settled(r, entry)
        assert (await errands(r, entry), marks(r)) == ([], [frozenset(), frozenset()])


async def test_a_mailbox_that_may_not_be_marked_is_not_asked_for_ever(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        await received(r)
        r.provider.faults.imap("store", Refuse("NO", "permission denied"), times=None)
        entry = await delivered(r, copies, extra=ANSWERS)
        for tries in range(1, MARK_TRIES):
            await until(partial(tried, r, entry, "due", tries), what=f"try {tries}")
            r.clock.forward(RETRY[tries - 1])
            copies.wake()
        await until(partial(tried, r, entry, "done", MARK_TRIES), what="the last try")
        ((_, _, _, note),) = await errands(r, entry)
        assert note.startswith("given up: ")
        sent = (await r.store.history.of(entry.id)).sent
        assert (sent and sent.state, sent and sent.attempts) == ("done", 1)


async def tried(r: Rig, entry: QueueEntry, state: str, times: int) -> bool:
    return [one[1:3] for one in await errands(r, entry)] == [(state, times)]


async def test_a_line_that_goes_dead_is_tried_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        await received(r)
        r.provider.faults.imap("store", HangUp())
        entry = await delivered(r, copies, extra=ANSWERS)
        await until(partial(tried, r, entry, "due", 1), what="the try that was cut")
        r.clock.forward(timedelta(minutes=1))
        copies.wake()
        await settled(r, entry)
        assert marks(r)[1] == {"\\Answered"}


async def test_a_folder_that_was_renumbered_meanwhile_is_not_marked_by_its_old_numbers(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        await received(r)
        folder = r.provider.account(SUPPORT).folders["INBOX"]
        folder.renew()
        entry = await delivered(r, copies, extra=ANSWERS)
        await until(partial(tried, r, entry, "due", 1), what="the try with old numbers")
        assert marks(r) == [frozenset(), frozenset()]
        await known(r, Location(SUPPORT, "INBOX", folder.uidvalidity, 2))
        r.clock.forward(timedelta(minutes=1))
        copies.wake()
        await settled(r, entry)
        assert marks(r) == [frozenset(), frozenset({"\\Answered"})]


async def test_an_errand_that_a_crash_left_under_way_is_done_after_the_next_start(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await received(r)
        async with copying(r) as copies:
            r.provider.faults.imap("select", HangUp())
            entry = await delivered(r, copies, extra=ANSWERS)
            await until(partial(tried, r, entry, "due", 1), what="the errand put off")
        r.clock.forward(timedelta(minutes=1))
        assert len(await r.store.errands.due(r.clock(), 10)) == 1  # claimed, and then nobody is there any more
        await r.reopen()
        async with copying(r):
            await settled(r, entry)
        assert marks(r) == [frozenset(), frozenset({"\\Answered"})]


@pytest.mark.real
async def test_on_dovecot_the_copy_lies_in_sent_once_and_the_answered_mail_is_marked(
    tmp_path: Path, dovecot: Dovecot, ca: Ca
) -> None:
    address = "answering@firm.example"
    await asyncio.to_thread(dovecot.add_user, address)
    await asyncio.to_thread(dovecot.deliver, address, client_letter())
    async with rig(tmp_path) as r:
        box = replace(
            r.firm.mailboxes[0],
            address=parse_address(address),
            username=address,
            password=Secret(dovecot.password),
            imap=Endpoint("localhost", dovecot.imaps_port, Security.TLS),
        )
        r.firm = replace(r.firm, mailboxes=(box,), rules=())
        await known(r, Location(address, "INBOX", await asyncio.to_thread(dovecot.uidvalidity, address), 1))
        copies = SentCopies(r.store, firm=lambda: r.firm, now=r.clock, trust=lambda: ca.trust)
        running = asyncio.create_task(copies.run())
        try:
            answer = letter(sender=f"Ana <{address}>", extra=ANSWERS)
            queue_id = await r.acceptance(r.submission(answer, AL, sender=address))
            entry = await left(r, await r.store.queue.get(queue_id))
            copies.wake()
            await settled(r, entry)
        finally:
            running.cancel()
            await asyncio.wait([running])
        assert await asyncio.to_thread(dovecot.messages, address, "Sent") == [await r.store.bodies.get(entry.sha256)]
        flags = await asyncio.to_thread(
            dovecot.doveadm, "fetch", "-u", address, "flags", "mailbox", "INBOX", "uid", "1"
        )
        assert "\\Answered" in flags
        assert "\\Seen" not in flags
