"""The sent copy: in Sent once, whatever breaks, and under the client at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from gateway.domain.address import Address
from gateway.domain.mail import Delivery, Outcome, QueueEntry
from gateway.domain.record import Direction, Filing
from gateway.outbound.sent import SentCopies
from gateway.trial.faults import Drop, HangUp, Refuse
from tests.rig import AL, STRANGER, SUPPORT, Rig, letter, rig
from tests.waiting import until


@contextlib.asynccontextmanager
async def copying(r: Rig) -> AsyncIterator[SentCopies]:
    copies = SentCopies(r.store, firm=lambda: r.firm, now=r.clock, trust=lambda: None)
    task = asyncio.create_task(copies.run())
    try:
        yield copies
    finally:
        task.cancel()
        await asyncio.wait([task])


async def delivered(r: Rig, copies: SentCopies, *recipients: str) -> QueueEntry:
    entry = await r.accepted(letter(), *(recipients or (AL,)))
    good = Outcome(Delivery.DELIVERED, 250, "2.0.0", "taken", "final")
    await r.store.queue.claim(r.clock(), 1)
    await r.store.queue.record(entry.id, {one.address.key: good for one in entry.recipients})
    copies.wake()
    return entry


async def filed(r: Rig) -> list[Filing]:
    return await r.store.record.list("Al Pacino", Direction.SENT)


def in_sent(r: Rig) -> list[bytes]:
    return r.arrived(SUPPORT, "Sent")


async def duty_done(r: Rig) -> bool:
    return await r.store.queue.sent_next() is None


async def test_the_copy_lies_in_sent_and_under_the_client_with_who_wrote(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        entry = await delivered(r, copies)
        raw = await r.store.bodies.get(entry.sha256)
        await until(lambda: in_sent(r) == [raw], what="the copy in Sent")

        async def located() -> bool:
            found = await filed(r)
            return bool(found) and bool(await r.store.record.locations(found[0].message.id))

        await until(located, what="the filing with its location")
        (one,) = await filed(r)
        assert (one.message.author_login, one.message.grant) == ("ana", "attached")
        (place,) = await r.store.record.locations(one.message.id)
        assert (place.mailbox, place.folder) == (SUPPORT, "Sent")


async def test_mail_to_nobodys_client_is_in_sent_and_not_in_the_record(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        entry = await delivered(r, copies, STRANGER)
        await until(lambda: in_sent(r), what="the copy in Sent")
        assert await r.store.record.by_sha(entry.sha256) is None


async def test_a_connection_lost_after_append_does_not_make_a_second_copy(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        r.provider.faults.imap("append", Drop())
        await delivered(r, copies)
        await until(lambda: len(in_sent(r)) == 1, what="the copy in Sent")
        await until(lambda: waiting(r), what="the duty put off")
        r.clock.forward(timedelta(minutes=1))
        copies.wake()
        await until(lambda: duty_done(r), what="the duty done")
        assert len(in_sent(r)) == 1


async def waiting(r: Rig) -> bool:
    due = await r.store.queue.sent_next()
    return due is not None and due > r.clock()


async def test_a_provider_that_fails_is_tried_again_and_the_record_does_not_wait_for_it(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        r.provider.faults.imap("append", HangUp())
        await delivered(r, copies)
        await until(lambda: waiting(r), what="the duty put off")
        assert in_sent(r) == []
        assert len(await filed(r)) == 1
        r.clock.forward(timedelta(minutes=1))
        copies.wake()
        await until(lambda: in_sent(r), what="the copy in Sent")


async def test_a_refused_append_is_tried_again_later(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        r.provider.faults.imap("append", Refuse("NO", "over quota"))
        await delivered(r, copies)
        await until(lambda: waiting(r), what="the duty put off")
        assert in_sent(r) == []


async def test_a_message_to_several_clients_is_filed_under_each(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        entry = await delivered(r, copies, AL)
        await until(lambda: filed(r), what="the filing")
        message = await r.store.record.by_sha(entry.sha256)
        assert message is not None
        assert await r.store.record.clients_of(message.id) == ["Al Pacino"]
        assert Address("archive", "firm.example") in [one.address for one in entry.recipients]
