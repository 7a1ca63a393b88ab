"""What authors asked for, kept and done: reports of success and delay, a time to leave, and the same mail only once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.errors import BadMessage
from gateway.domain.mail import Notify, QueueEntry, Wish
from gateway.policy.resubmission import WINDOW
from tests.outbound.test_dispatch import dispatching, settled
from tests.rig import AL, STRANGER, Rig, letter, rig
from tests.waiting import until

ALL = Wish(frozenset(Notify), "rfc822;al@pacino.example")
NEVER = Wish(frozenset())


async def test_wishes_are_kept_with_the_entry(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        asked = replace(r.submission(letter(), AL, STRANGER), wishes=(ALL, NEVER), envid="Tax 42", return_full=True)
        entry = await r.store.queue.get(await r.acceptance(asked))
        assert [one.wish for one in entry.recipients] == [ALL, NEVER]
        assert (entry.envid, entry.return_full) == ("Tax 42", True)


async def test_who_asked_for_nothing_gets_what_the_standard_gives(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        entry = await r.accepted()
        assert [one.wish for one in entry.recipients] == [Wish()]


async def test_success_is_told_where_the_next_server_will_not(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        asked = replace(r.submission(letter(), AL, STRANGER), wishes=(ALL, Wish()))
        entry = await r.store.queue.get(await r.acceptance(asked))
        async with dispatching(r):
            await settled(r, entry)
            report = await until(lambda: _report(r), what="the report")
        assert report is not None
        assert [one.wish for one in report.recipients] == [NEVER]
        raw = await r.store.bodies.get(report.sha256)
        assert b"Action: relayed" in raw
        assert b"Final-Recipient: rfc822; al@pacino.example" in raw
        assert STRANGER.encode() not in raw


async def _report(r: Rig) -> QueueEntry | None:
    return next((one for one in await r.store.queue.list() if one.sender is None), None)


async def test_a_message_for_later_leaves_at_its_time_and_ages_from_there(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        when = r.clock() + timedelta(days=6)
        entry = await r.store.queue.get(await r.acceptance(replace(r.submission(letter()), not_before=when)))
        assert (entry.next_attempt, entry.not_before) == (when, when)
        assert await r.store.queue.claim(when - timedelta(seconds=1), 10) == []
        r.clock.at = when
        (claimed,) = await r.store.queue.claim(when, 10)
        assert (claimed.id, r.store.queue.clock.waited(claimed)) == (entry.id, timedelta())


async def test_deferred_delivery_is_a_time_to_leave_and_does_not_leave_itself(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        raw = letter(extra="Deferred-Delivery: Mon, 16 Mar 2026 08:30:00 +0200")
        entry = await r.accepted(raw)
        assert entry.next_attempt.isoformat() == "2026-03-16T06:30:00+00:00"
        assert b"Deferred-Delivery" not in await r.store.bodies.get(entry.sha256)


async def test_a_time_that_lies_too_far_ahead_is_refused(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        with pytest.raises(BadMessage, match="too far ahead"):
            await r.accepted(letter(extra="Deferred-Delivery: Mon, 13 Mar 2028 08:30:00 +0200"))


async def test_the_same_submission_within_the_hour_is_one_message(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        first = await r.acceptance(r.submission(letter(), AL, STRANGER))
        r.clock.forward(WINDOW - timedelta(seconds=1))
        assert await r.acceptance(r.submission(letter(), STRANGER, AL)) == first
        assert [one.id for one in await r.store.queue.list()] == [first]


@pytest.mark.parametrize("what", ["later", "other bytes", "other recipients", "other author"])
async def test_what_is_not_the_same_is_another_message(tmp_path: Path, what: str) -> None:
    async with rig(tmp_path, rules=()) as r:
        first = await r.acceptance(r.submission(letter()))
        if what == "later":
            r.clock.forward(WINDOW + timedelta(seconds=1))
        raw = letter(subject="Other") if what == "other bytes" else letter()
        to = (STRANGER,) if what == "other recipients" else (AL,)
        login = "ion" if what == "other author" else "ana"
        assert await r.acceptance(r.submission(raw, *to, login=login)) != first
