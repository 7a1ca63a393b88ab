"""What is accepted leaves at once, its attempt booked in the same commit; who came before is never overtaken."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from gateway.domain.errors import Conflict
from gateway.domain.mail import QueueEntry, QueueState
from gateway.outbound.dispatch import Dispatcher
from gateway.outbound.flow import PER_MAILBOX
from tests.outbound.test_dispatch import dispatching, settled
from tests.rig import AL, Rig, letter, rig
from tests.store.making import entry as new_entry
from tests.waiting import until

RAW = letter()
numbers = count()


def new(r: Rig, wait: timedelta = timedelta()) -> QueueEntry:
    """An entry that nobody has kept yet."""
    return replace(new_entry(f"N{next(numbers)}", RAW), accepted_at=r.clock(), next_attempt=r.clock() + wait)


def is_booked(dispatcher: Dispatcher, entry: QueueEntry) -> bool:
    return dispatcher.book(entry).state is QueueState.ACTIVE


def would_be_booked(dispatcher: Dispatcher, entry: QueueEntry) -> bool:
    booked = dispatcher.book(entry)
    if booked.state is QueueState.ACTIVE:
        dispatcher.told(booked, kept=False)
    return booked.state is QueueState.ACTIVE


async def at_rest(r: Rig, dispatcher: Dispatcher) -> None:
    """The dispatcher has looked into the queue, and found nothing."""
    await until(lambda: would_be_booked(dispatcher, new(r)))


async def test_the_attempt_is_booked_in_the_commit_that_accepts_the_message(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r) as dispatcher:
        await at_rest(r, dispatcher)
        kept: list[QueueEntry] = []
        vars(r).update(book=dispatcher.book, told=lambda entry, _: kept.append(entry))
        entry = await r.accepted(RAW, AL)
        assert (entry.state, entry.attempts) == (QueueState.ACTIVE, 1)
        assert kept == [entry]
        dispatcher.told(entry, kept=True)
        await settled(r, entry)
        assert len(r.arrived(AL)) == 1


async def test_room_that_was_booked_for_what_was_not_kept_is_given_back(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r) as dispatcher:
        await at_rest(r, dispatcher)
        known = new(r)
        await r.store.queue.add(known, RAW)
        for _ in range(PER_MAILBOX + 1):
            with pytest.raises(Conflict):
                await r.store.queue.add(known, RAW, desk=dispatcher)
        await at_rest(r, dispatcher)


async def test_nothing_is_booked_beyond_the_room_of_a_mailbox_or_before_its_time(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r) as dispatcher:
        await at_rest(r, dispatcher)
        assert not is_booked(dispatcher, new(r, timedelta(minutes=1)))
        assert [is_booked(dispatcher, new(r)) for _ in range(PER_MAILBOX + 1)] == [True] * PER_MAILBOX + [False]


async def test_a_message_does_not_overtake_those_that_are_due_before_it(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r) as dispatcher:
        await at_rest(r, dispatcher)
        booked = [dispatcher.book(new(r)) for _ in range(PER_MAILBOX)]
        vars(r).update(book=dispatcher.book, told=dispatcher.told)
        first = await r.accepted(RAW, AL)
        assert first.state is QueueState.QUEUED  # there was no room
        dispatcher.told(booked[0], kept=False)
        assert not is_booked(dispatcher, new(r))
        await settled(r, first)


async def test_who_has_gone_before_the_answer_has_the_message_sent_once(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r, dispatching(r) as dispatcher:
        await at_rest(r, dispatcher)
        gone = asyncio.ensure_future(r.store.queue.add(new(r), RAW, desk=dispatcher))
        await asyncio.sleep(0)  # it is with the writer now
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert gone.cancelled()
        await until(lambda: len(r.arrived(AL)) == 1)
