"""What the author hears of a message: what was wished, once, and of a report nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from gateway.domain.mail import Delivery, Notify, Outcome, QueueEntry, Wish
from gateway.domain.record import EventKind
from gateway.outbound.bounce import Bounces
from gateway.policy.dsn import DELAY_AFTER
from tests.rig import AL, ANA, STRANGER, Rig, letter, rig

GONE = Outcome(Delivery.FAILED, 550, "5.1.1", "no such user here", "rcpt")
BUSY = Outcome(Delivery.PENDING, 450, "4.2.1", "busy", "rcpt")
TAKEN = Outcome(Delivery.DELIVERED, 250, "2.0.0", "queued as 4711", "final")
NEVER = Wish(frozenset())


def bounces(r: Rig) -> Bounces:
    return Bounces(r.store, firm=lambda: r.firm, hostname=lambda: "mail.firm.example", now=r.clock)


async def after(r: Rig, outcomes: Mapping[str, Outcome], wishes: Mapping[str, Wish], **changes: object) -> QueueEntry:
    """Return an entry to Al and a stranger as it stands after an attempt."""
    entry = await r.accepted(letter(), AL, STRANGER)
    await r.store.queue.record(entry.id, outcomes)
    entry = await r.store.queue.get(entry.id)
    wished = tuple(replace(one, wish=wishes.get(str(one.address), one.wish)) for one in entry.recipients)
    return replace(entry, recipients=wished, **changes)  # type: ignore[arg-type]


async def reports(r: Rig, entry: QueueEntry) -> list[bytes]:
    found = [one for one in await r.store.queue.list() if one.id != entry.id]
    assert all(one.sender is None for one in found)
    assert all([str(to.address) for to in one.recipients] == [ANA] for one in found)
    return [await r.store.bodies.get(one.sha256) for one in found]


async def test_who_wants_no_report_gets_none_and_the_firm_still_sees_it(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        entry = await after(r, {AL: GONE}, {AL: NEVER})
        await bounces(r).report(entry)
        assert await reports(r, entry) == []
        assert await r.store.queue.unreported(entry.id) == []
        events = await r.store.feed.after(0)
        assert [event.kind for event in events] == [EventKind.BOUNCE]
        assert AL in events[0].text


async def test_of_two_failures_only_the_one_wished_for_is_reported(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        entry = await after(r, {AL: GONE, STRANGER: GONE}, {AL: Wish(frozenset({Notify.SUCCESS, Notify.DELAY}))})
        await bounces(r).report(entry)
        (report,) = await reports(r, entry)
        assert report.count(b"Final-Recipient") == 1
        assert f"Final-Recipient: rfc822; {STRANGER}".encode() in report
        await bounces(r).report(entry)
        assert len(await reports(r, entry)) == 1


async def test_a_report_says_what_the_author_calls_envelope_and_recipient(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        wish = Wish(orcpt="rfc822;Al.Pacino@pacino.example")
        entry = await after(r, {AL: GONE}, {AL: wish}, envid="QQ 1", return_full=True)
        await bounces(r).report(entry)
        (report,) = await reports(r, entry)
        assert b"Original-Envelope-Id: QQ 1\r\n" in report
        assert b"Original-Recipient: rfc822; Al.Pacino@pacino.example\r\n" in report
        assert await r.store.bodies.get(entry.sha256) in report


async def test_delay_is_told_once_after_four_hours_to_who_wants_to_know(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        entry = await after(r, {AL: BUSY, STRANGER: BUSY}, {STRANGER: NEVER})
        r.clock.forward(DELAY_AFTER - timedelta(seconds=1))
        assert not await bounces(r).delayed(entry)
        r.clock.forward(timedelta(seconds=1))
        assert await bounces(r).delayed(entry, until=entry.accepted_at + timedelta(days=5))
        (report,) = await reports(r, entry)
        assert b"Action: delayed\r\n" in report
        assert b"Will-Retry-Until: Thu, 19 Mar 2026 09:00:00 +0000\r\n" in report
        assert STRANGER.encode() not in report.partition(b"text/rfc822-headers")[0]
        r.clock.forward(timedelta(hours=20))
        assert not await bounces(r).delayed(entry)
        assert len(await reports(r, entry)) == 1


async def test_what_was_to_leave_later_is_not_late_before_that(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        entry = await after(r, {AL: BUSY}, {})
        r.clock.forward(timedelta(days=3))
        assert not await bounces(r).delayed(entry, since=r.clock() - timedelta(hours=3))
        assert await bounces(r).delayed(entry, since=r.clock() - timedelta(hours=4))


async def test_what_was_never_tried_has_nothing_to_tell_yet(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        entry = await r.accepted(letter(), AL)
        r.clock.forward(timedelta(hours=5))
        assert not await bounces(r).delayed(entry)


async def test_handing_over_is_told_to_who_asked_for_it_once(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        entry = await after(r, {AL: TAKEN, STRANGER: TAKEN}, {AL: Wish(frozenset({Notify.SUCCESS}))})
        assert not await bounces(r).relayed(entry, [])
        assert await bounces(r).relayed(entry, [AL, STRANGER])
        (report,) = await reports(r, entry)
        assert b"Action: relayed\r\nStatus: 2.1.9\r\n" in report
        assert report.count(b"Final-Recipient") == 1
        assert not await bounces(r).relayed(entry, [AL])
        assert len(await reports(r, entry)) == 1


async def test_recipients_that_were_reached_one_after_the_other_are_told_of_one_after_the_other(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        wish = Wish(frozenset({Notify.SUCCESS}))
        entry = await after(r, {AL: TAKEN, STRANGER: TAKEN}, {AL: wish, STRANGER: wish})
        assert await bounces(r).relayed(entry, [AL])
        assert await bounces(r).relayed(entry, [STRANGER])
        assert len(await reports(r, entry)) == 2


async def test_C7_of_a_report_nothing_is_reported(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        everything = Wish(frozenset(Notify))
        entry = await after(r, {AL: BUSY, STRANGER: TAKEN}, {AL: everything, STRANGER: everything}, sender=None)
        r.clock.forward(timedelta(hours=5))
        assert not await bounces(r).delayed(entry)
        assert not await bounces(r).relayed(entry, [STRANGER])
        await r.store.queue.record(entry.id, {AL: GONE})
        await bounces(r).report(entry)
        assert await reports(r, entry) == []
