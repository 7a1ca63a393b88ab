"""A message for later: it waits across a restart, can be moved and taken back, and leaves once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.gateway_process import GatewayProcess
from tests.journey import seen
from tests.journey.firm import FirmOnPaper
from tests.journey.mail import note, submit
from tests.journey.provider import Provider
from tests.waiting import until

UNDO = '[queue]\nundo_window = "10s"\n'
CONFLICT = 65  # EX_DATAERR


async def submit_for(gateway: GatewayProcess, firm: FirmOnPaper, subject: str, after: timedelta) -> str:
    """Submit it for later; its queue id."""
    leaves = datetime.now(UTC) + after
    more = f"Deferred-Delivery: {leaves:%a, %d %b %Y %H:%M:%S} +0000\r\n"
    await submit(
        gateway.submission_port, firm.support, [firm.client], note(firm.support, firm.client, subject, more=more)
    )
    (found,) = [one["id"] for one in await seen.entries(gateway) if one["subject"] == subject]
    return str(found)


async def scheduled(gateway: GatewayProcess) -> dict[str, Any]:
    return {one["subject"]: one for one in (await gateway.cli("schedule", "list"))["scheduled"]}


async def is_done(gateway: GatewayProcess, queue_id: str) -> bool:
    return bool((await gateway.cli("queue", "show", queue_id))["state"] == "done")


@pytest.mark.parametrize("provider", ["trial"], indirect=True)
async def test_a_scheduled_message_waits_across_a_restart_and_leaves_once(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    tomorrow = await submit_for(gateway, firm, "Tomorrow", timedelta(days=1))
    never = await submit_for(gateway, firm, "Never", timedelta(days=1))
    assert set(await scheduled(gateway)) == {"Tomorrow", "Never"}
    of_client = await gateway.cli("mail", "list", "--client", "Al Pacino", "--box", "scheduled")
    assert {one["id"] for one in of_client["scheduled"]} == {tomorrow, never}
    assert (await gateway.cli("queue", "show", tomorrow))["standing"].startswith("waits for its time, ")

    await gateway.cli("schedule", "change", tomorrow, "--at", "in 2 hours")
    await gateway.restart()
    await until(lambda: seen.is_live(gateway), timeout=30, what="the mailbox live again")
    waiting = await scheduled(gateway)
    assert set(waiting) == {"Tomorrow", "Never"}
    leaves = datetime.fromisoformat(waiting["Tomorrow"]["next_attempt"])
    assert timedelta(minutes=115) < leaves - datetime.now(UTC) <= timedelta(hours=2)
    assert await provider.messages(firm.client) == []

    await gateway.cli("schedule", "cancel", never)
    await gateway.cli("schedule", "change", tomorrow, "--at", "now")
    await until(lambda: is_done(gateway, tomorrow), what="the message sent")
    assert await scheduled(gateway) == {}
    late = await gateway.say("schedule", "cancel", tomorrow)
    assert late.status == CONFLICT
    await gateway.restart()
    await submit(gateway.submission_port, firm.support, [firm.client], note(firm.support, firm.client, "The next one"))

    async def next_one() -> bool:
        return any(b"The next one" in raw for raw in await provider.messages(firm.client))

    await until(next_one, what="a later message")
    assert sum(b"Tomorrow" in raw for raw in await provider.messages(firm.client)) == 1
    assert not any(b"Never" in raw for raw in await provider.messages(firm.client))


@pytest.mark.parametrize("settings", [UNDO])
@pytest.mark.parametrize("provider", ["trial"], indirect=True)
async def test_a_sent_message_is_taken_back_within_the_undo_window(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    await submit(gateway.submission_port, firm.support, [firm.client], note(firm.support, firm.client, "Too early"))
    (entry,) = await seen.entries(gateway)
    assert "can be taken back until then" in (await gateway.cli("queue", "show", entry["id"]))["standing"]
    await gateway.cli("queue", "cancel", entry["id"])
    await submit(gateway.submission_port, firm.support, [firm.client], note(firm.support, firm.client, "In time"))
    await until(lambda: provider.messages(firm.client), timeout=30, what="the second message, after its window")
    (raw,) = await provider.messages(firm.client)
    assert b"In time" in raw
