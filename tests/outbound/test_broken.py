"""A fault of our own, or a damaged row, is one message's trouble and nobody else's (hostile G2)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.domain.firm import Mailbox
from gateway.domain.mail import Delivery, Outcome, QueueState
from gateway.domain.record import EventKind
from gateway.upstream.smtp import Attempt, Envelope, SmtpRelay
from tests.outbound.test_dispatch import dispatching, settled
from tests.outbound.test_sent import copying, duty_done
from tests.rig import AL, ANA, ARCHIVE, STRANGER, SUPPORT, letter, rig
from tests.waiting import until


class Buggy(SmtpRelay):
    """Breaks at every message for one recipient, as no server could make it."""

    def __init__(self, at: str) -> None:
        super().__init__(hostname="mail.firm.example")
        self._at = at

    async def deliver_all(
        self, mailbox: Mailbox, envelopes: Sequence[Envelope], raw: bytes, told: Callable[[Attempt], None]
    ) -> Attempt | None:
        for envelope in envelopes:
            if self._at in {one.key for one in envelope.recipients}:
                raise KeyError(raw)
            assert await super().deliver_all(mailbox, [envelope], raw, told) is None
        return None


async def test_an_attempt_that_breaks_is_logged_and_put_off_and_takes_nothing_else_down(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r, Buggy(STRANGER)) as dispatcher:
        with capture_logs() as lines:
            entry = await settled(r, await r.accepted(letter(), STRANGER), QueueState.QUEUED)
            await settled(r, await r.accepted(letter()))
        (line,) = (line for line in lines if line["event"] == "attempt-broke")
        assert (line["queue_id"], line["error"], line["broken"]) == (entry.id, "KeyError", 1)
        assert "in deliver_all" in line["trace"]
        assert "Dear Al" not in str(lines)
        assert timedelta(seconds=48) <= entry.next_attempt - r.clock() <= timedelta(seconds=72)
        assert entry.recipients[0].last is not None
        assert "a fault of the gateway, KeyError" in entry.recipients[0].last.text
        r.clock.forward(timedelta(minutes=2))
        dispatcher.wake()
        await settled(r, entry, QueueState.QUEUED, attempts=2)
        assert len(r.arrived(AL)) == 1


async def test_who_got_it_before_the_attempt_broke_does_not_get_it_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        async with dispatching(r, Buggy(ARCHIVE)):
            entry = await settled(r, await r.accepted(), QueueState.QUEUED)
        assert [one.delivery for one in entry.recipients] == [Delivery.DELIVERED, Delivery.PENDING]
        r.clock.forward(timedelta(minutes=2))
        async with dispatching(r):
            await settled(r, entry)
        assert (len(r.arrived(AL)), len(r.arrived(ARCHIVE))) == (1, 1)


async def test_what_breaks_for_days_is_given_up_and_reported(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r, Buggy(STRANGER)) as dispatcher:
        entry = await settled(r, await r.accepted(letter(), STRANGER), QueueState.QUEUED)
        r.clock.forward(timedelta(days=6))
        dispatcher.wake()
        done = await settled(r, entry, attempts=2)
        assert done.recipients[0].delivery is Delivery.FAILED
        await until(lambda: r.arrived(ANA), what="the report")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE queue_entry SET rules = '[\"one'",
        "UPDATE queue_entry SET accepted_at = 'never'",
        "UPDATE queue_entry SET subject = CAST(X'ff80' AS TEXT)",
        "UPDATE recipient SET delivery = 'delivexed'",
        "UPDATE recipient SET notify = 'failure dekay'",
        "UPDATE recipient SET local = CAST(X'ff80' AS TEXT)",
    ],
)
async def test_G2_a_damaged_row_is_set_aside_visible_and_the_rest_goes_on(tmp_path: Path, damage: str) -> None:
    async with rig(tmp_path, rules=()) as r:
        bad = await r.accepted()
        with closing(sqlite3.connect(tmp_path / "postern.db", isolation_level=None)) as raw:
            raw.execute(damage)
        good = await r.accepted(letter(subject="Another"))
        async with dispatching(r):
            await settled(r, good)
            held = await settled(r, bad, QueueState.HELD, attempts=0)
        assert "damaged" in held.hold_reason
        assert {one.id: one.state for one in await r.store.queue.list()}[bad.id] is QueueState.HELD
        assert len(r.arrived(AL)) == 1
        events = [(event.kind, event.queue_id) for event in await r.store.feed.after(0)]
        assert events == [(EventKind.SET_ASIDE, bad.id)]
        cancelled = await r.store.queue.act(bad.id, "cancel", r.clock())
        assert cancelled.id == bad.id
        assert (await r.store.queue.counts())["done"] == 2


async def test_G2_a_state_that_there_is_not_is_found_at_the_next_start(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        bad = await r.accepted()
        with closing(sqlite3.connect(tmp_path / "postern.db", isolation_level=None)) as raw:
            raw.execute("UPDATE queue_entry SET state = 'quexed'")
    async with rig(tmp_path, rules=()) as r:
        assert (await r.store.queue.get(bad.id)).state is QueueState.HELD
        assert [event.kind for event in await r.store.feed.after(0)] == [EventKind.SET_ASIDE]


async def test_G2_a_sent_copy_that_is_damaged_holds_up_no_other(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, copying(r) as copies:
        big = letter(subject="Big") + (b"y" * 70 + b"\r\n") * 5_000
        entry = await r.accepted(big)
        (blob,) = (path for path in (tmp_path / "blobs").rglob("*") if path.is_file())
        blob.unlink()
        for one in (entry, await r.accepted(letter(subject="Small"))):
            await r.store.queue.record(one.id, {AL: Outcome(Delivery.DELIVERED, 250, "2.0.0", "taken", "final")})
        copies.wake()
        await until(lambda: r.arrived(SUPPORT, "Sent"), what="the copy that is whole")

        async def told() -> list[str]:
            events = await r.store.feed.after(0)
            return [event.queue_id for event in events if event.kind is EventKind.SET_ASIDE]

        assert await until(told, what="a line in the feed") == [entry.id]
        await until(lambda: duty_done(r), what="both duties over")


async def test_B3_a_look_into_the_queue_that_breaks_cuts_off_no_attempt_and_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(tmp_path) as r:
        take, left = r.store.queue.take, 3

        async def no_memory(*about: object) -> object:
            nonlocal left
            left -= 1
            if left >= 0:
                raise MemoryError
            return await take(*about)  # type: ignore[arg-type]

        monkeypatch.setattr("gateway.outbound.dispatch.ROOM_WAIT", 0.01)
        monkeypatch.setattr(r.store.queue, "take", no_memory)
        with capture_logs() as lines:
            async with dispatching(r):
                await settled(r, await r.accepted())
        assert [line["error"] for line in lines if line["event"] == "claim-put-off"] == ["MemoryError"] * 3
        assert len(r.arrived(AL)) == 1
