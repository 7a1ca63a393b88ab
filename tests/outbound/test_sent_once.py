"""Sent holds the message once, whoever else files it there, and the author's own mailbox gets what it is to get."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from gateway.domain.firm import Mailbox, Secret
from gateway.domain.mail import ErrandKind, QueueEntry
from gateway.outbound.sent_placing import THERE, WAITS
from gateway.policy.sent import PROVIDER_LOOKS
from gateway.trial.faults import Drop, Refuse
from tests.outbound.copying import FILES, copying, delivered, in_sent, settled
from tests.rig import ANA, PASSWORD, SUPPORT, Rig, rig
from tests.waiting import until

THEIRS = "Message-ID: <composed@laptop.example>"


def with_box(r: Rig, address: str = SUPPORT, **changes: object) -> None:
    def changed(box: Mailbox) -> Mailbox:
        return replace(box, **changes) if box.key == address else box  # type: ignore[arg-type]

    r.firm = replace(r.firm, mailboxes=tuple(changed(box) for box in r.firm.mailboxes))


def upload(r: Rig, address: str = SUPPORT) -> None:
    """What the mail program saves: as it was submitted, with its own Message-ID."""
    raw = f"{THEIRS}\r\nFrom: {SUPPORT}\r\nSubject: Your return\r\n\r\nDear Al\r\n".encode()
    r.provider.deliver(address, raw, folder="Sent")


async def looked(r: Rig, entry: QueueEntry, times: int) -> bool:
    sent = (await r.store.history.of(entry.id)).sent
    return sent is not None and (sent.state, sent.attempts, sent.last_error) == ("due", times, WAITS)


async def put_off(r: Rig, entry: QueueEntry) -> bool:
    """Whether the copy is done and the errand was tried in vain."""
    history = await r.store.history.of(entry.id)
    errands = [(one.stands.state, bool(one.stands.last_error)) for one in history.errands]
    return history.sent is not None and history.sent.state == "done" and errands == [("due", True)]


async def test_the_copy_of_a_provider_that_fills_sent_is_waited_for_and_none_is_added(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r, FILES) as copies:
        entry = await delivered(r, copies)
        await settled(r, entry, "due", WAITS)
        assert in_sent(r) == []
        r.provider.deliver(SUPPORT, await r.store.bodies.get(entry.sha256), folder="Sent")
        r.clock.forward(PROVIDER_LOOKS[0])
        copies.wake()
        await settled(r, entry, note=THERE)
        assert len(in_sent(r)) == 1


async def test_a_copy_that_the_provider_has_filed_by_then_is_not_waited_for(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        with_box(r, files_sent_mail=True)
        upload(r)
        async with copying(r) as copies:
            entry = await delivered(r, copies, extra=THEIRS)
            await settled(r, entry, "due")
            r.clock.forward(timedelta(seconds=6))
            copies.wake()
            await settled(r, entry, note=THERE)
        assert len(in_sent(r)) == 1


async def test_a_providers_copy_that_never_comes_is_put_there_by_us_in_the_end(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r, FILES) as copies:
        entry = await delivered(r, copies)
        for looks, wait in enumerate(PROVIDER_LOOKS, 1):
            await until(partial(looked, r, entry, looks), what=f"look {looks}")
            assert in_sent(r) == []
            r.clock.forward(wait)
            copies.wake()
        await settled(r, entry)
        assert in_sent(r) == [await r.store.bodies.get(entry.sha256)]


async def test_the_firm_may_know_better_than_we_what_its_provider_does(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        with_box(r, files_sent_mail=False)
        async with copying(r, FILES) as copies:
            await settled(r, await delivered(r, copies))
        assert len(in_sent(r)) == 1


@pytest.mark.parametrize("before", [True, False], ids=["uploaded before delivery", "uploaded after our 250"])
async def test_the_mail_programs_own_copy_is_the_one_that_remains(tmp_path: Path, *, before: bool) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        if before:
            upload(r)
        entry = await delivered(r, copies, extra=THEIRS)
        await settled(r, entry, "due", "the mail program")
        if not before:
            upload(r)
        r.clock.forward(timedelta(seconds=6))
        copies.wake()
        await settled(r, entry, note=THERE)
        assert len(in_sent(r)) == 1


async def test_a_mail_program_that_saves_none_is_waited_for_for_seconds_only(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        entry = await delivered(r, copies, extra=THEIRS)
        await settled(r, entry, "due", "the mail program")
        r.clock.forward(timedelta(seconds=6))
        copies.wake()
        await settled(r, entry)
        assert in_sent(r) == [await r.store.bodies.get(entry.sha256)]


async def test_a_message_named_by_us_is_not_looked_for(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        await settled(r, await delivered(r, copies))
        assert r.provider.faults.reached["imap:search"] == 0


async def test_one_copy_that_is_refused_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, copying(r) as copies:
        r.provider.faults.imap("append", Refuse("NO", "too large for you"))
        first = await delivered(r, copies)
        await settled(r, first, "due", "too large for you")
        await settled(r, await delivered(r, copies, extra="X-Other: yes"))
        assert len(in_sent(r)) == 1


async def test_the_authors_own_mailbox_gets_a_copy_too_where_that_is_wanted(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        with_box(r, sent_copy_to_author=True)
        async with copying(r) as copies:
            entry = await delivered(r, copies)
            await settled(r, entry)
            raw = await r.store.bodies.get(entry.sha256)
            assert (in_sent(r), in_sent(r, ANA)) == ([raw], [raw])
            (errand,) = (await r.store.history.of(entry.id)).errands
            assert (errand.kind, errand.mailbox, errand.stands.state) == (ErrandKind.AUTHOR_COPY, ANA, "done")
            await settled(r, await delivered(r, copies, login="ion"))  # who has no mailbox of his own
            assert len(in_sent(r, ANA)) == 1


async def test_a_copy_that_the_program_saved_with_the_author_is_the_one_there(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        with_box(r, sent_copy_to_author=True)
        upload(r, ANA)
        async with copying(r) as copies:
            entry = await delivered(r, copies, extra=THEIRS)
            await settled(r, entry, "due")
            r.clock.forward(timedelta(seconds=6))
            copies.wake()
            await settled(r, entry, note=THERE)
        assert (len(in_sent(r)), len(in_sent(r, ANA))) == (1, 1)


async def test_trouble_in_the_authors_mailbox_is_tried_again_and_costs_the_other_copy_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        with_box(r, sent_copy_to_author=True)
        async with copying(r) as copies:
            with_box(r, ANA, password=Secret("changed meanwhile"))
            entry = await delivered(r, copies)
            await until(partial(put_off, r, entry), what="the trouble")
            assert (len(in_sent(r)), len(in_sent(r, ANA))) == (1, 0)
            with_box(r, ANA, password=Secret(PASSWORD))
            r.clock.forward(timedelta(minutes=1))
            copies.wake()
            await settled(r, entry)
        assert (len(in_sent(r)), len(in_sent(r, ANA))) == (1, 1)


async def test_a_crash_after_the_authors_append_makes_no_second_copy(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        with_box(r, sent_copy_to_author=True)
        async with copying(r) as copies:
            r.provider.faults.imap("append", Drop(), times=2)  # done, and the line goes dead: in both mailboxes
            entry = await delivered(r, copies)

            async def both_put_off() -> bool:
                history = await r.store.history.of(entry.id)
                stands = [history.sent, *(one.stands for one in history.errands)]
                return len(stands) == 2 and all(one and one.attempts and one.state == "due" for one in stands)

            await until(both_put_off, what="both put off")
            r.clock.forward(timedelta(minutes=1))
            copies.wake()
            await settled(r, entry, note=THERE)
        assert (len(in_sent(r)), len(in_sent(r, ANA))) == (1, 1)
