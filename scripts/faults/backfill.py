"""D5: the daemon is killed at moments chosen at random while it reads a mailbox; then store and server are compared."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from gateway.app.keys import load_key
from gateway.domain.record import EventKind
from gateway.store.store import Store
from gateway.trial.provider import TrialProvider
from scripts.faults.accounting import Account, Outcome
from scripts.faults.letters import letter
from scripts.figures.setting import TRIAL_PASSWORD
from tests.gateway_process import GatewayProcess
from tests.journey.firm import FirmOnPaper
from tests.journey.provider import TrialSide
from tests.waiting import until

LONG, SHORT = 100, 3  # kills
A_MAILBOX = 10  # kills: then it is mostly read, and another one begins
OLD, NEW = 150, 3  # letters that lie there at first, and such as come while nobody reads
SIZES = (300, 300, 3_000, 300, 40_000, 300, 300, 1_200_000)  # octets: the last are taken alone, and through a file
LATEST = 1.0  # seconds from READY to the kill: a whole backfill takes little more
CAUGHT_UP_WITHIN = 120.0  # seconds
CLIENT = "Al Pacino"


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    kills = rounds or (LONG if long else SHORT)
    outcome = Outcome("D5", "SIGKILL during a backfill")
    total, twice, false = Account(), 0, 0
    for first in range(0, kills, A_MAILBOX):
        account, told, untrue = await one_mailbox(min(A_MAILBOX, kills - first))
        total, twice, false = total + account, twice + told, false + untrue
    outcome.settle(total)
    outcome.expect(f"{twice} announced twice, or though they were history", kept=twice == 0)
    outcome.expect(f"{false} places that are not true", kept=false == 0)
    outcome.seen += [f"{kills} kills", f"{twice} announced wrongly", f"{false} false places"]
    yield outcome


async def one_mailbox(kills: int) -> tuple[Account, int, int]:
    """Its account, how many were announced that should not be, and how many places are wrong."""
    firm = FirmOnPaper()
    with tempfile.TemporaryDirectory() as name:
        async with TrialProvider(dict.fromkeys(firm.accounts, TRIAL_PASSWORD)) as trial:
            inbox = trial.account(firm.support).folders["INBOX"]
            for number in range(OLD):
                inbox.deliver(letter(firm.client, firm.support, SIZES[number % len(SIZES)]).raw)
            async with GatewayProcess(Path(name), firm.toml(TrialSide(trial, TRIAL_PASSWORD))) as daemon:
                for _ in range(kills):
                    await asyncio.sleep(random.uniform(0, LATEST))
                    await daemon.kill9()
                    for _ in range(NEW):
                        inbox.deliver(letter(firm.client, firm.support).raw)
                    await daemon.start()
                await until(lambda: _caught_up(daemon, len(inbox.messages)), timeout=CAUGHT_UP_WITHIN, what="all filed")
            return await _compared(daemon.data_dir, [(message.uid, message.raw) for message in inbox.messages])


async def _caught_up(daemon: GatewayProcess, wanted: int) -> bool:
    await asyncio.sleep(0.1)
    status: dict[str, Any] = await daemon.get("/v1/status")
    return bool(status["mailboxes"]) and all(
        one["state"] == "live" and one["filed"] >= wanted for one in status["mailboxes"]
    )


async def _compared(data_dir: Path, server: list[tuple[int, bytes]]) -> tuple[Account, int, int]:
    """Message by message; the letters are all different."""
    store = await Store.open(data_dir, url=None, key=load_key(data_dir))
    try:
        filings = await store.record.list(CLIENT, None, 100_000)
        raws = {one.message.id: await store.record.raw(one.message.id) for one in filings}
        seen = [(at.uid, raws[one]) for one in raws for at in await store.record.locations(one)]
        events = await store.feed.after(0, 100_000)
        damage = await store.verify()
    finally:
        await store.close()
    filed, places = Counter(raws.values()), Counter(seen)
    there = {raw for _, raw in server}
    history = {raw for _, raw in server[:OLD]}
    told = Counter(event.message for event in events if event.kind is EventKind.CLIENT_MAIL)
    wrong = sum(times - 1 for times in told.values()) + sum(raws.get(number or 0) in history for number in told)
    account = Account(
        acknowledged=len(server),
        delivered=len(there & set(filed)),
        lost=len(there - set(filed)),
        doubled=sum(filed.values()) - len(filed),
        damaged=len(set(filed) - there) + len(damage),
    )
    return account, wrong, len(Counter(server) - places) + len(places - Counter(server))
