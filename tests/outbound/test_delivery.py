"""Delivery under load and in trouble: fairness, dead servers, results kept at once, and a line for each attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from gateway.domain.address import Address
from gateway.domain.firm import Endpoint, Security
from gateway.domain.mail import Delivery, QueueEntry, QueueState
from gateway.outbound.course import MAX_RECIPIENTS
from gateway.trial.faults import Refuse, Stall
from tests.cost import spent
from tests.outbound.test_dispatch import dispatching, settled
from tests.rig import AL, ANA, STRANGER, SUPPORT, Rig, letter, rig
from tests.waiting import stays, until


async def test_C3_a_stalled_account_holds_up_nobody_else(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r):
        r.provider.faults.smtp("mail", Stall(), times=None, match=SUPPORT)
        stuck = [await r.accepted(letter(subject=f"{number}")) for number in range(40)]
        await until(lambda: r.provider.faults.hits["smtp:mail"] >= 2, what="the account to stall")
        template = await r.store.queue.get(stuck[0].id)
        raw = await r.store.bodies.get(template.sha256)
        for number in range(10):
            sender = Address(*ANA.split("@"))
            await r.store.queue.add(again(r, template, f"OTHER{number}", mailbox=ANA, sender=sender), raw)
        r.wake()
        for number in range(10):
            await settled(r, replace(template, id=f"OTHER{number}"))
        assert len(r.provider.outbox) == 10  # while the account's own still wait
        r.provider.faults.clear()
        for entry in stuck:
            await settled(r, entry)
    assert len(r.provider.outbox) == 50


async def test_mail_for_a_dead_server_dials_little_and_leaves_within_seconds_when_it_is_back(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        entries = [await r.accepted(letter(subject=f"{number}")) for number in range(60)]
        await r.provider.stop_listening()
        async with dispatching(r):
            first = await until(lambda: _attempted(r), what="an attempt")
            assert first

            async def few() -> bool:
                return sum(entry.attempts for entry in await r.store.queue.list()) <= 60

            with spent() as cost:
                await stays(few, 1.5, "nobody is tried again and again")
            assert cost.seconds < 1.0
            await r.provider.restart()
            for entry in entries:  # the clock stands still: what was tried is due again because the server is back
                await settled(r, entry)
        assert len(r.arrived(AL)) == 60


async def test_C5_an_account_that_can_not_sign_in_now_is_asked_by_one_message_at_a_time(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        for number in range(50):
            await r.accepted(letter(subject=f"{number}"))
        r.provider.faults.smtp("auth", Refuse(454, "4.7.0 not now"), times=None)
        async with dispatching(r):
            await until(lambda: _attempted(r), what="an attempt")
            await stays(lambda: _asked_little(r), 1.2, "few sign-ins")


async def test_C1_who_was_taken_is_recorded_while_the_rules_copy_is_still_on_its_way(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, dispatching(r):
        r.provider.faults.smtp("rcpt", Stall(), match="archive@")
        entry = await r.accepted(letter(), AL, STRANGER)

        async def recorded() -> bool:
            now = await r.store.queue.get(entry.id)
            return [one.delivery.value for one in now.recipients] == ["delivered", "delivered", "pending"]

        await until(recorded, what="the first transaction's results")
        r.provider.faults.clear()
        await settled(r, entry)
        assert len(r.provider.outbox) == 2


async def test_more_recipients_than_a_transaction_takes_all_get_it_once(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r):
        entry = await r.accepted(letter())
        await settled(r, entry)
        raw = await r.store.bodies.get(entry.sha256)
        (one,) = entry.recipients
        many = tuple(
            replace(one, address=Address(f"c{number}", "client.example"), delivery=Delivery.PENDING)
            for number in range(2 * MAX_RECIPIENTS + 1)
        )
        await r.store.queue.add(again(r, entry, "MANY", recipients=many), raw)
        r.wake()
        done = await settled(r, replace(entry, id="MANY"))
        assert {who.delivery for who in done.recipients} == {Delivery.DELIVERED}
        sizes = [len(relayed.recipients) for relayed in r.provider.outbox[1:]]
        assert sizes == [MAX_RECIPIENTS, MAX_RECIPIENTS, 1]


async def test_an_attempt_is_one_line_with_its_delays_and_no_content(tmp_path: Path) -> None:
    with capture_logs() as lines:
        async with rig(tmp_path, rules=()) as r, dispatching(r):
            r.provider.faults.smtp("rcpt", Refuse(450, "4.2.1 busy"), match=STRANGER)
            entry = await r.accepted(letter(to=f"{AL}, {STRANGER}"), AL, STRANGER)
            await settled(r, entry, QueueState.QUEUED)
    (line,) = [line for line in lines if line["event"] == "attempt"]
    assert (line["queue_id"], line["mailbox"], line["attempt"]) == (entry.id, SUPPORT, 1)
    assert line["upstream"] == f"127.0.0.1:{r.provider.smtp_port}"
    assert (line["delivered"], line["pending"]) == (1, 1)
    assert line["not_taken"] == [f"{STRANGER}: 450 4.2.1 busy"]
    delays = [float(delay) for delay in line["delays"].split("/")]
    assert len(delays) == 4
    assert delays[2] > 0
    assert delays[3] > 0


async def test_a_mailbox_whose_server_moved_is_tried_there(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        right = r.firm
        (wrong,) = (box for box in right.mailboxes if box.key == SUPPORT)
        dead = replace(wrong, smtp=Endpoint("127.0.0.1", 1, Security.NONE))
        r.firm = replace(right, mailboxes=tuple(dead if box.key == SUPPORT else box for box in right.mailboxes))
        entry = await r.accepted()
        async with dispatching(r) as dispatcher:
            await settled(r, entry, QueueState.QUEUED)
            r.firm = right
            r.clock.forward(timedelta(seconds=1))
            dispatcher.wake()
            await settled(r, entry, attempts=2)


def again(r: Rig, entry: QueueEntry, name: str, **changes: Any) -> QueueEntry:
    """Return the same message as a new entry that is due."""
    return replace(entry, id=name, state=QueueState.QUEUED, attempts=0, next_attempt=r.clock(), **changes)


async def _asked_little(r: Rig) -> bool:
    return r.provider.faults.reached["smtp:auth"] <= 6


async def _attempted(r: Rig) -> bool:
    entries = await r.store.queue.list()
    return any(entry.attempts and entry.state is QueueState.QUEUED for entry in entries)
