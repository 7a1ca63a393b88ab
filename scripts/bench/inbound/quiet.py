"""Many mailboxes in which nothing happens: memory and processor time of each, and how soon all come back."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.inbound.server import Server, firm, settings
from scripts.bench.outbound import usage
from tests.gateway_process import GatewayProcess
from tests.waiting import until

FOLDERS = ("INBOX", "Sent")  # each with a connection that idles
WATCHED = 20.0  # seconds of idleness
PATIENCE = 300.0  # seconds for all to be live


@dataclass(frozen=True, slots=True)
class Quiet:
    """Octets and milliseconds of the whole daemon, seconds until all mailboxes were live."""

    bare: int
    full: int
    cpu_ms_a_minute: float
    first: float  # from the apply
    again: float  # from the moment in which a restarted Dovecot answers


async def measured(server: Server, mailboxes: int) -> Quiet:
    addresses = [f"quiet-{number}@firm.example" for number in range(mailboxes)]
    for address in addresses:
        await asyncio.to_thread(server.dovecot.add_user, address)
    with tempfile.TemporaryDirectory(prefix="bench-postern-") as room:
        async with GatewayProcess(Path(room), firm(server, [], ()), settings(server.trust)) as gateway:
            await gateway.get("/v1/status")
            bare = usage.rss([gateway.pid])
            gateway.firm.write_text(firm(server, addresses, FOLDERS))
            begun = time.monotonic()
            await gateway.cli("apply", str(gateway.firm))
            await until(lambda: _live(gateway, mailboxes), timeout=PATIENCE, what="all to be live")
            first = time.monotonic() - begun
            before = usage.cpu_ms([gateway.pid])
            await asyncio.sleep(WATCHED)
            spent = (usage.cpu_ms([gateway.pid]) - before) * 60 / WATCHED
            full = usage.rss([gateway.pid])
            return Quiet(bare, full, spent, first, await _again(server, gateway, mailboxes))


async def _again(server: Server, gateway: GatewayProcess, mailboxes: int) -> float:
    await asyncio.to_thread(server.cut)
    await until(lambda: _none_live(gateway), timeout=PATIENCE, what="all to be gone")
    await asyncio.to_thread(server.dovecot.start)
    begun = time.monotonic()
    await until(lambda: _live(gateway, mailboxes), timeout=PATIENCE, what="all to be live again")
    return time.monotonic() - begun


async def _live(gateway: GatewayProcess, mailboxes: int) -> bool:
    await asyncio.sleep(0.2)  # the look itself costs the daemon something
    found = (await gateway.get("/v1/status"))["mailboxes"]
    return len([one for one in found if one["state"] == "live"]) == mailboxes


async def _none_live(gateway: GatewayProcess) -> bool:
    found = (await gateway.get("/v1/status"))["mailboxes"]
    return all(one["state"] != "live" for one in found)
