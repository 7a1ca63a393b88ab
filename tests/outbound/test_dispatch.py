"""From the queue to every recipient's result: retries, reports, refused sign-ins, and copies that nobody can join."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.firm import Secret
from gateway.domain.mail import Delivery, QueueEntry, QueueState
from gateway.domain.record import EventKind, SyncState
from gateway.outbound.bounce import Bounces
from gateway.outbound.dispatch import Dispatcher, release_after_change
from gateway.trial.faults import Drop, Refuse
from gateway.upstream.smtp import SmtpRelay
from tests.rig import AL, ANA, PASSWORD, STRANGER, SUPPORT, Rig, letter, rig, small_firm
from tests.waiting import until


@contextlib.asynccontextmanager
async def dispatching(r: Rig, relay: SmtpRelay | None = None) -> AsyncIterator[Dispatcher]:
    relay = relay or SmtpRelay(hostname="mail.firm.example")
    bounces = Bounces(r.store, firm=lambda: r.firm, hostname=lambda: "mail.firm.example", now=r.clock)
    dispatcher = Dispatcher(
        r.store, relay, bounces, firm=lambda: r.firm, settings=lambda: r.settings, now=r.clock, delivered=r.wake
    )
    vars(r)["wake"] = dispatcher.wake  # what is accepted from here on wakes it, as in the daemon
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(dispatcher.run())
        yield dispatcher
        dispatcher.stop()
    await relay.close()


async def settled(r: Rig, entry: QueueEntry, state: QueueState = QueueState.DONE, attempts: int = 1) -> QueueEntry:
    async def reached() -> QueueEntry | None:
        now = await r.store.queue.get(entry.id)
        return now if now.state is state and now.attempts >= attempts else None

    found = await until(reached, what=f"{entry.id} {state.value} after {attempts} attempts")
    assert found is not None
    return found


async def test_every_recipient_gets_the_same_bytes_and_a_result(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, dispatching(r):
        entry = await settled(r, await r.accepted(letter(), AL, STRANGER))
        assert {one.delivery for one in entry.recipients} == {Delivery.DELIVERED}
        raw = await r.store.bodies.get(entry.sha256)
        assert {relayed.raw for relayed in r.provider.outbox} == {raw}
        assert r.arrived(AL) == [raw]


async def test_B2_a_rules_copy_is_relayed_in_a_transaction_of_its_own(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, dispatching(r):
        await settled(r, await r.accepted(letter(), AL, STRANGER))
        assert sorted(relayed.recipients for relayed in r.provider.outbox) == [
            (AL, STRANGER),
            ("archive@firm.example",),
        ]


async def test_C1_who_was_refused_for_now_is_tried_again_and_nobody_gets_it_twice(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r) as dispatcher:
        r.provider.faults.smtp("rcpt", Refuse(450, "4.2.1 busy"), match=STRANGER)
        entry = await settled(r, await r.accepted(letter(), AL, STRANGER), QueueState.QUEUED)
        assert [one.delivery for one in entry.recipients] == [Delivery.DELIVERED, Delivery.PENDING]
        assert r.clock() < entry.next_attempt <= r.clock() + timedelta(minutes=2)
        r.clock.forward(timedelta(minutes=2))
        dispatcher.wake()
        await settled(r, entry, attempts=2)
        assert sorted(relayed.recipients for relayed in r.provider.outbox) == [(AL,), (STRANGER,)]


async def test_C1_a_refusal_for_good_is_reported_to_the_author_once(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r):
        r.provider.faults.smtp("rcpt", Refuse(550, "5.1.1 no such user here"), match=STRANGER, times=None)
        entry = await settled(r, await r.accepted(letter(), AL, STRANGER))
        assert [one.delivery for one in entry.recipients] == [Delivery.DELIVERED, Delivery.FAILED]
        reports = await until(lambda: r.arrived(ANA), what="the report in the author's own mailbox")
        assert len(reports) == 1
        assert b"no such user here" in reports[0]
        assert b"Final-Recipient: rfc822; someone@else.example" in reports[0]
        assert AL.encode() not in reports[0].partition(b"text/rfc822-headers")[0]
        assert [event.kind for event in await r.store.feed.after(0)] == [EventKind.BOUNCE]
        assert [str(relayed.sender or "") for relayed in r.provider.outbox][-1] in {"", "<>"}


@pytest.mark.parametrize("stage", ["connect", "greeting", "ehlo", "mail", "rcpt", "data", "final"])
async def test_C1_a_refusal_for_good_at_any_stage_is_one_report_that_names_its_code(tmp_path: Path, stage: str) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r):
        r.provider.faults.smtp(stage, Refuse(554, "5.7.27 never from you"))
        entry = await settled(r, await r.accepted())
        assert [(one.delivery, one.last and one.last.code) for one in entry.recipients] == [(Delivery.FAILED, 554)]

        async def nothing_waits() -> bool:
            return all(one.state is QueueState.DONE for one in await r.store.queue.list())

        await until(nothing_waits, what="the report on its way")
        (report,) = r.arrived(ANA)
        assert b"Diagnostic-Code: smtp; 554" in report
        assert b"never from you" in report
        assert r.arrived(AL) == []


async def test_C7_a_report_that_fails_is_not_reported(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r):
        r.provider.faults.smtp("rcpt", Refuse(550, "5.1.1 nobody"), times=None)
        await settled(r, await r.accepted())

        async def both_done() -> bool:
            entries = await r.store.queue.list()
            return len(entries) == 2 and all(entry.state is QueueState.DONE for entry in entries)

        await until(both_done, what="message and report done")
        assert len(await r.store.queue.list()) == 2


async def test_what_can_not_be_delivered_for_days_is_given_up_and_reported(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r) as dispatcher:
        r.provider.faults.smtp("rcpt", Refuse(450, "4.2.2 mailbox full"), match=AL, times=None)
        entry = await settled(r, await r.accepted(), QueueState.QUEUED)
        r.clock.forward(timedelta(days=6))
        dispatcher.wake()
        entry = await settled(r, entry, attempts=2)
        assert entry.recipients[0].delivery is Delivery.FAILED
        assert entry.recipients[0].last is not None
        assert "mailbox full" in entry.recipients[0].last.text
        await until(lambda: r.arrived(ANA), what="the report")


async def test_C5_a_refused_sign_in_holds_the_mailbox_and_bounces_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        entries = [await r.accepted(letter(subject=str(number))) for number in range(3)]
        r.provider.faults.smtp("auth", Refuse(535, "5.7.8 bad credentials"), times=None)
        async with dispatching(r) as dispatcher:
            for entry in entries:
                await settled(r, entry, QueueState.HELD, attempts=0)
            tries = r.provider.faults.reached["smtp:auth"]
            assert tries <= len(entries)
            assert r.arrived(ANA) == []
            r.provider.faults.clear()
            fixed = small_firm(r.provider, rules=())
            old = small_firm(r.provider, rules=(), mailboxes=())
            assert await release_after_change(r.store, old, fixed, r.clock()) == len(entries)
            dispatcher.wake()
            for entry in entries:
                await settled(r, entry)
        assert len(r.arrived(AL)) == len(entries)


async def test_what_was_held_stays_held_when_the_account_did_not_change(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await r.accepted()
        assert await r.store.queue.hold_mailbox(SUPPORT, "refused") == 1
        assert await release_after_change(r.store, r.firm, r.firm, r.clock()) == 0


async def test_C2_an_answer_that_never_came_is_tried_again(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r) as dispatcher:
        r.provider.faults.smtp("final", Drop())
        entry = await settled(r, await r.accepted(), QueueState.QUEUED)
        r.clock.forward(timedelta(minutes=2))
        dispatcher.wake()
        await settled(r, entry, attempts=2)
        assert len(r.arrived(AL)) == 2  # RFC 1047: nobody can know; never lost is what matters


async def test_mail_of_a_mailbox_that_is_gone_waits_for_a_person(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await r.accepted()
        r.firm = small_firm(r.provider, mailboxes=())
        async with dispatching(r):
            held = await settled(r, entry, QueueState.HELD)
            assert "not set up any more" in held.hold_reason


async def test_mail_of_a_mailbox_that_a_person_stopped_says_who_and_how_it_starts_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        sentence = f"stopped by ion; `postern mailbox sync {SUPPORT}` starts it again"
        await r.store.sync.set_state(SUPPORT, SyncState.OFF, r.clock(), sentence)
        entry = await r.accepted()
        r.firm = small_firm(r.provider, mailboxes=())  # as `Stops.sending` has it
        async with dispatching(r):
            held = await settled(r, entry, QueueState.HELD)
        assert held.hold_reason == f"{SUPPORT} was {sentence}"


def changed(blob: Path) -> None:
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:-3] + b"z\r\n")


def cut(blob: Path) -> None:
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:100_000])


def linked(blob: Path) -> None:
    blob.rename(blob.with_suffix(".away"))
    blob.symlink_to(blob.with_suffix(".away"))


def a_folder(blob: Path) -> None:
    blob.unlink()
    blob.mkdir()


@pytest.mark.parametrize("spoil", [changed, cut, linked, a_folder, Path.unlink])
async def test_G2_bytes_that_are_not_those_that_were_accepted_are_never_sent_and_the_rest_goes_on(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    async with rig(tmp_path, rules=()) as r:
        entry = await r.accepted(letter() + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 5_000)
        (blob,) = (path for path in (tmp_path / "blobs").rglob("*") if path.is_file())
        spoil(blob)
        other = await r.accepted(letter(subject="Another"))
        async with dispatching(r):
            held = await settled(r, entry, QueueState.HELD)
            await settled(r, other)
        assert "can't be read back" in held.hold_reason
        assert len(r.provider.outbox) == 1
        (event,) = await r.store.feed.after(0)
        assert (event.kind, event.queue_id) == (EventKind.SET_ASIDE, entry.id)


async def test_A3_stopping_waits_for_what_is_under_way(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        entries = [await r.accepted(letter(subject=str(number))) for number in range(5)]
        async with dispatching(r):
            await until(lambda: r.provider.outbox, what="the first delivery")
        states = {(await r.store.queue.get(entry.id)).state for entry in entries}
        assert QueueState.ACTIVE not in states
        done = [entry for entry in entries if (await r.store.queue.get(entry.id)).state is QueueState.DONE]
        assert len(r.arrived(AL)) == len(done)


async def test_the_password_of_the_account_is_in_no_row_of_the_queue(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await r.accepted()
        assert str(Secret(PASSWORD)) == "[secret]"
    assert not any(PASSWORD.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
