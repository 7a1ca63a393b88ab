"""From the end of a delivery by LMTP to the filing, beside what a bare IDLE is told and when."""

from __future__ import annotations

import asyncio
import random
import re
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.domain.firm import Endpoint, Secret, Security
from gateway.upstream.imap import ImapSession, open_session
from scripts.bench.inbound.letters import OFFICE, letter
from scripts.bench.inbound.server import Server, firm, settings
from tests.gateway_process import GatewayProcess
from tests.waiting import until

SIZE = 5_000  # octets
PAUSE = (0.8, 1.2)  # seconds between two letters: Dovecot tells of one after the other, half a second late


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds, one for each letter: delivered to filed, and told by Dovecot to filed."""

    whole: list[float]
    own: list[float]


async def measured(server: Server, letters: int) -> Latency:
    with tempfile.TemporaryDirectory(prefix="bench-postern-") as room:
        address = f"latency-{time.time_ns()}@firm.example"
        server.dovecot.add_user(address)
        async with GatewayProcess(Path(room), firm(server, [address], ("INBOX",)), settings(server.trust)) as gateway:
            await until(lambda: _live(gateway), timeout=30, what="the mailbox")
            endpoint = Endpoint("localhost", server.dovecot.imaps_port, Security.TLS)
            session = await open_session(endpoint, address, Secret(server.dovecot.password), trust=server.trust)
            try:
                return await _run(server, gateway, session, address, letters)
            finally:
                await session.close()


async def _run(server: Server, gateway: GatewayProcess, session: ImapSession, address: str, count: int) -> Latency:
    seed = random.Random(count)
    await session.examine("INBOX")
    delivered, told = [], []
    for number in range(count):
        raw = letter(number, SIZE, file=False, seed=seed).replace(OFFICE.encode(), address.encode())
        listening = asyncio.create_task(session.idle(30))
        await asyncio.sleep(seed.uniform(*PAUSE))
        await asyncio.to_thread(server.dovecot.deliver, address, raw)
        delivered.append(time.time())
        await listening
        told.append(time.time())
    await until(lambda: len(_filed(gateway)) >= count, timeout=30, what="the last letter")
    filed = _filed(gateway)
    whole = [at - begun for at, begun in zip(filed, delivered, strict=True)]
    return Latency(whole, [at - begun for at, begun in zip(filed, told, strict=True)])


def _filed(gateway: GatewayProcess) -> list[float]:
    """When the daemon's log says that a message was filed: it says so after the transaction."""
    return [
        datetime.fromisoformat(re.sub(r"Z$", "+00:00", str(event["timestamp"]))).timestamp()
        for event in gateway.events
        if event.get("event") == "filed"
    ]


async def _live(gateway: GatewayProcess) -> bool:
    found = (await gateway.get("/v1/status"))["mailboxes"]
    return bool(found) and found[0]["state"] == "live"
