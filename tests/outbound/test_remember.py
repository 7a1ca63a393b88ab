"""What an attempt came to is kept for people, unless it delivered to all at the first try."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.errors import Conflict
from gateway.domain.mail import Delivery, QueueState
from gateway.settings.gateway import parse
from gateway.trial.faults import Refuse
from tests.outbound.test_dispatch import dispatching, settled
from tests.rig import AL, STRANGER, letter, rig
from tests.waiting import until


async def test_every_attempt_until_the_delivery_is_kept_with_what_the_server_said(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r) as dispatcher:
        r.provider.faults.smtp("rcpt", Refuse(450, "4.2.1 busy"), match=STRANGER)
        entry = await settled(r, await r.accepted(letter(), AL, STRANGER), QueueState.QUEUED)
        first = r.clock()
        r.clock.forward(timedelta(minutes=2))
        dispatcher.wake()
        await settled(r, entry, attempts=2)

        async def both() -> bool:
            return len((await r.store.history.of(entry.id)).tried) == 2

        await until(both, what="both attempts kept")
        tried = (await r.store.history.of(entry.id)).tried
        assert [(one.attempt, one.at) for one in tried] == [(1, first), (2, r.clock())]
        assert {key: (said.delivery, said.code, said.text) for key, said in tried[0].answers.items()} == {
            AL: (Delivery.DELIVERED, 250, tried[0].answers[AL].text),
            STRANGER: (Delivery.PENDING, 450, "busy"),
        }
        assert list(tried[1].answers) == [STRANGER]
        assert tried[1].upstream == f"127.0.0.1:{r.provider.smtp_port}"


async def test_a_delivery_at_once_leaves_no_attempt_behind(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        async with dispatching(r):
            entry = await settled(r, await r.accepted(letter(), AL, STRANGER))
        assert (await r.store.history.of(entry.id)).tried == ()


async def test_a_failure_is_followed_to_its_report(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        async with dispatching(r):
            r.provider.faults.smtp("rcpt", Refuse(550, "5.1.1 no such user here"), match=STRANGER, times=None)
            entry = await settled(r, await r.accepted(letter(), STRANGER))
        history = await r.store.history.of(entry.id)
        assert [said.code for one in history.tried for said in one.answers.values()] == [550]
        (report,) = history.reports
        assert (await r.store.queue.get(report.queue_id)).sender is None
        assert history.sent is None


async def test_within_the_undo_window_a_sent_message_is_taken_back(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        r.settings = parse({"data_dir": "data", "queue": {"undo_window": "10s"}}, base=tmp_path)
        async with dispatching(r) as dispatcher:
            kept, regretted = await r.accepted(letter(subject="kept")), await r.accepted(letter(subject="regretted"))
            assert await r.store.queue.claim(r.clock() + timedelta(seconds=9), 10) == []
            await r.store.queue.act(regretted.id, "cancel", r.clock())
            r.clock.forward(timedelta(seconds=10))
            dispatcher.wake()
            await settled(r, kept)
        assert [b"regretted" in relayed.raw for relayed in r.provider.outbox] == [False]
        with pytest.raises(Conflict):
            await r.store.scheduled.cancel(kept.id, r.clock())


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=30)])
async def test_a_clock_that_jumps_sends_a_scheduled_message_once(tmp_path: Path, jump: timedelta) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r) as dispatcher:
        when = r.clock() + timedelta(days=2)
        asked = replace(r.submission(letter()), not_before=when)
        entry = await r.store.queue.get(await r.acceptance(asked))
        r.clock.forward(jump)
        dispatcher.wake()
        if jump < timedelta(0):
            assert await r.store.queue.claim(r.clock(), 10) == []
            r.clock.forward(when - r.clock())
            dispatcher.wake()
        await settled(r, entry)
        r.clock.forward(-jump)
        dispatcher.wake()
        other = await r.accepted(letter(subject="after it"))
        r.clock.forward(abs(jump))
        dispatcher.wake()
        await settled(r, other)
        assert sum(b"Your return" in relayed.raw for relayed in r.provider.outbox) == 1
