"""A copy in Sent of what left through the gateway is the same message seen once more; a stranger's lookalike is not."""

from __future__ import annotations

from pathlib import Path

from gateway.domain.record import Direction, EventKind, Location
from gateway.inbound.departed import copies
from gateway.inbound.filing import Said, filing_of
from gateway.mime.header import Header
from tests.inbound.bounces import sent
from tests.inbound.test_returns import filed_copy
from tests.inbound.test_tails import live, tailing
from tests.rig import AL, STRANGER, SUPPORT, Rig, letter, rig
from tests.waiting import until

THEIRS = "Message-ID: <composed@laptop.example>"


async def taken_for_a_copy(r: Rig, raw: bytes) -> bool:
    where = Location(SUPPORT, "Sent", 7, 1)
    said = Said.of(Header.read(raw))
    item = filing_of(r.firm, r.firm.mailboxes[0], raw, said, location=where, cursor=None, now=r.clock(), announce=True)
    assert item is not None
    return bool(await copies(r.store, r.firm, [item]))


async def test_what_the_mail_program_saves_is_a_place_of_the_message_that_left(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await sent(r)
        await filed_copy(r, entry)
        async with tailing(r):
            await live(r)
            r.provider.deliver(SUPPORT, letter(extra=f"Message-ID: {entry.message_id}"), folder="Sent")

            async def seen() -> list[Location]:
                (one,) = await r.store.record.list("Al Pacino", Direction.SENT)
                return list(await r.store.record.locations(one.message.id))

            (place,) = await until(seen, what="the place of the saved copy")
        assert (place.mailbox, place.folder) == (SUPPORT, "Sent")
        assert [event.kind for event in await r.store.feed.after(0)] == [EventKind.MAIL_SENT]


async def test_what_is_still_on_its_way_is_not_filed_before_it_was_delivered(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await r.accepted(letter(extra=THEIRS))
        assert await taken_for_a_copy(r, letter(extra=THEIRS))


async def test_another_message_under_the_same_name_is_filed(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await r.accepted(letter(extra=THEIRS), STRANGER)
        entry = await sent(r)
        await filed_copy(r, entry)
        known = f"Message-ID: {entry.message_id}"
        assert not await taken_for_a_copy(r, letter(extra=known, subject="Something else"))
        assert not await taken_for_a_copy(r, letter(extra="Message-ID: <unheard-of@laptop.example>"))
        assert not await taken_for_a_copy(r, letter(extra=THEIRS))  # that one left for nobody's client
        received = letter(sender=AL, to=SUPPORT, extra=known)
        assert not await taken_for_a_copy(r, received)
