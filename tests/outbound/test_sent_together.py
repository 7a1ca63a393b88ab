"""Copies that come at once go into Sent in one command where the server takes them so; each lies there once."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.domain.mail import QueueEntry
from gateway.domain.record import Direction
from gateway.outbound.sent import SentCopies
from gateway.trial.faults import Drop, Refuse
from tests.outbound.copying import copying, in_sent, left, settled
from tests.rig import AL, STRANGER, SUPPORT, Rig, letter, rig

SEVERAL = 5


async def several(r: Rig, *, to: str = AL) -> list[QueueEntry]:
    """Messages that left, before anybody looks for copies."""
    return [await left(r, await r.accepted(letter(extra=f"X-Number: {number}"), to)) for number in range(SEVERAL)]


async def each_lies_once(r: Rig, entries: list[QueueEntry]) -> None:
    assert sorted(in_sent(r)) == sorted([await r.store.bodies.get(entry.sha256) for entry in entries])


async def places(r: Rig) -> list[tuple[bytes, int]]:
    """The record's messages, and where it says that they lie in Sent."""
    filings = await r.store.record.list("Al Pacino", Direction.SENT)
    return [
        (await r.store.record.raw(one.message.id), place.uid)
        for one in filings
        for place in await r.store.record.locations(one.message.id)
        if place.folder == "Sent"
    ]


async def test_several_are_appended_in_one_command_and_the_record_knows_where_each_lies(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entries = await several(r)
        async with copying(r):
            for entry in entries:
                await settled(r, entry)
        assert r.provider.faults.reached["imap:append"] == 1
        await each_lies_once(r, entries)
        folder = r.provider.account(SUPPORT).folders["Sent"]
        assert sorted(await places(r)) == sorted((one.raw, one.uid) for one in folder.messages)


async def test_a_server_that_takes_one_at_a_time_gets_one_at_a_time(tmp_path: Path) -> None:
    async with rig(tmp_path, without=("MULTIAPPEND",)) as r:
        entries = await several(r)
        async with copying(r):
            for entry in entries:
                await settled(r, entry)
        assert r.provider.faults.reached["imap:append"] == SEVERAL
        await each_lies_once(r, entries)


async def test_of_several_that_are_refused_each_is_tried_alone_and_one_that_lies_there_is_not_added(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as r:
        entries = await several(r)
        kept = await r.store.bodies.get(entries[1].sha256)

        def keeps_one(_arguments: str) -> bool:
            """RFC 3502 wants all or none; not every server is honest."""
            r.provider.deliver(SUPPORT, kept, folder="Sent")
            return True

        r.provider.faults.imap("append", Refuse("NO", "[TOOBIG] one of them"), match=keeps_one)
        async with copying(r):
            for entry in entries:
                await settled(r, entry)
        await each_lies_once(r, entries)
        assert r.provider.faults.reached["imap:append"] == SEVERAL


async def test_one_of_several_that_is_refused_each_time_holds_up_no_other(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entries = await several(r)
        r.provider.faults.imap("append", Refuse("NO", "not this one"), times=2)
        async with copying(r):
            await settled(r, entries[0], "due", "not this one")
            for entry in entries[1:]:
                await settled(r, entry)
        await each_lies_once(r, entries[1:])


async def test_a_connection_that_is_lost_after_several_were_taken_makes_no_second_copies(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entries = await several(r)
        r.provider.faults.imap("append", Drop())
        async with copying(r) as copies:
            for entry in entries:
                await settled(r, entry, "due", "closed the connection")
            await again(r, copies)
            for entry in entries:
                await settled(r, entry)
        await each_lies_once(r, entries)


async def test_a_daemon_that_is_killed_before_it_heard_of_several_looks_for_them(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entries = await several(r)
        claimed = await r.store.queue.sent_due(r.clock(), 100)
        assert len(claimed) == SEVERAL
        for entry in entries[:3]:
            r.provider.deliver(SUPPORT, await r.store.bodies.get(entry.sha256), folder="Sent")
        await r.reopen()
        async with copying(r):
            for entry in entries:
                await settled(r, entry)
        await each_lies_once(r, entries)


@pytest.mark.parametrize("to", [AL, STRANGER], ids=["a client", "a stranger"])
async def test_one_whose_bytes_are_gone_holds_up_no_other(tmp_path: Path, to: str) -> None:
    async with rig(tmp_path) as r:
        large = letter() + (b"y" * 70 + b"\r\n") * 5_000
        lost = await left(r, await r.accepted(large, to))
        entries = await several(r, to=to)
        (blob,) = (path for path in (tmp_path / "blobs").rglob("*") if path.is_file())
        blob.unlink()
        async with copying(r):
            await settled(r, lost, note="damaged or gone")
            for entry in entries:
                await settled(r, entry)
        await each_lies_once(r, entries)


async def again(r: Rig, copies: SentCopies) -> None:
    """Past the first wait after a failure."""
    due = await r.store.queue.sent_next()
    assert due is not None
    r.clock.forward(due - r.clock())
    copies.wake()
