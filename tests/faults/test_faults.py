"""Each fault in its short form: acknowledged = delivered + bounced + queued, and what else the plan promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from scripts.faults import (
    backfill,
    backlog,
    clock,
    crowd,
    descriptors,
    kill9,
    large,
    memory,
    names,
    powercut,
    readonly,
    sigterm,
    strace,
    syscalls,
)
from scripts.faults.accounting import Outcome

WITHIN = (
    240.0  # seconds for a fault: then the stand is taken down in order, which the end of a test by a signal does not do
)

pytestmark = [pytest.mark.fault, pytest.mark.timeout(WITHIN + 60)]


async def kept(outcomes: AsyncIterator[Outcome]) -> None:
    """Hold every outcome to its promises; a machine that can't do the fault skips it, loudly."""
    try:
        async with asyncio.timeout(WITHIN):
            done = [outcome async for outcome in outcomes]
    except (powercut.Unable, strace.Unable, clock.Unable, names.Unable) as unable:
        pytest.skip(str(unable))
    assert done
    broken = {outcome.fault: outcome.broken for outcome in done if outcome.broken}
    assert not broken
    print(*(outcome.line() for outcome in done), sep="\n")


async def test_A1_kill_9_at_any_moment_loses_nothing() -> None:
    await kept(kill9.run(long=False, rounds=1))


async def test_A3_an_end_under_load_loses_and_doubles_nothing() -> None:
    await kept(sigterm.run(long=False, rounds=1))


async def test_A2_a_power_cut_loses_nothing_and_damages_no_database() -> None:
    await kept(powercut.run(long=False, rounds=1))


async def test_B2_no_call_that_fails_makes_a_message_disappear_and_no_failed_sync_is_acknowledged() -> None:
    await kept(syscalls.run(long=False, rounds=1))


async def test_B3_without_descriptors_the_daemon_waits_and_recovers() -> None:
    await kept(descriptors.run(long=False))


async def test_B3_without_memory_the_daemon_puts_off_and_recovers() -> None:
    await kept(memory.run(long=False))


async def test_B3_a_read_only_file_system_is_said_and_left_without_a_restart() -> None:
    await kept(readonly.run(long=False))


async def test_C6_a_name_that_cannot_be_found_delays_only_its_own_mail() -> None:
    await kept(names.run(long=False, rounds=1))


async def test_D5_kill_9_at_any_moment_of_a_backfill_misses_doubles_and_changes_nothing() -> None:
    await kept(backfill.run(long=False))


async def test_E1_a_clock_that_is_set_forward_an_hour_delays_nothing() -> None:
    await kept(clock.run(long=False, rounds=1))


async def test_F1_an_idle_crowd_does_not_hinder_a_good_client() -> None:
    await kept(crowd.run(long=False))


async def test_F7_large_messages_at_once_stay_within_memory() -> None:
    await kept(large.run(long=False, rounds=2))


async def test_a_dead_upstream_costs_no_cpu_and_mail_leaves_when_it_is_back() -> None:
    await kept(backlog.run(long=False, rounds=400))
