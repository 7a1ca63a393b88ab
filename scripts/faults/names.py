"""C6: DNS lies, fails or keeps silent about the upstream: mail waits, and nobody else waits with it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, cast

from scripts.faults.accounting import Outcome
from scripts.faults.client import Client
from scripts.faults.stand import Stand, stand
from tests.peers.ground import MISSING
from tests.waiting import until

HOST = "smtp.provider.example"
SERVER = "127.0.0.53", 53  # glibc asks no other port
NXDOMAIN, SERVFAIL = 3, 2  # RFC 1035 section 4.1.1
RIGHT, WRONG = bytes((127, 0, 0, 1)), bytes((127, 0, 9, 9))  # nobody listens on the second
MODES = ("NXDOMAIN", "SERVFAIL", "silence", "empty", "wrong A")
WATCHED_LONG, WATCHED_SHORT = 12.0, 2.5  # seconds; the resolver's own patience is ten
BLOCKED = 0.1  # seconds that the daemon's loop may be deaf
SERVED_WITHIN = 2.0
OTHERS = 12  # mailboxes at names that fail too: more than an event loop has threads to look names up
LEAVES_WITHIN = 60.0

_BOX = """
[[mailbox]]
address = "box{number}@others.example"
name = "Other {number}"
members = ["ana"]
password = "none"
imap = {{ host = "imap{number}.provider.example", port = 993, security = "tls" }}
smtp = {{ host = "smtp{number}.provider.example", port = 465, security = "tls" }}
"""


class Unable(Exception):
    """We may not make a mount namespace or listen as a name server here; the text says why."""


class NameServer(asyncio.DatagramProtocol):
    """Answers every question about an address in the present mode."""

    mode = "right"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's own is no subclass of it in 3.11

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        if self.mode == "silence":
            return
        end = data.index(b"\0", 12) + 5
        wants_a = data[end - 4 : end - 2] == b"\0\1"
        code = {"NXDOMAIN": NXDOMAIN, "SERVFAIL": SERVFAIL}.get(self.mode, 0)
        address = {"right": RIGHT, "wrong A": WRONG}.get(self.mode)
        answer = b""
        if wants_a and address:
            answer = struct.pack(">HHHIH", 0xC00C, 1, 1, 0, 4) + address
        head = data[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, bool(answer), 0, 0)
        self._transport.sendto(head + data[12:end] + answer, addr)


@dataclass
class Pulse:
    """How long the daemon's loop is deaf: NOOPs in short intervals, less the lateness of our own loop."""

    client: Client
    deaf: list[float] = field(default_factory=list)
    _late: float = 0.0

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._ask()), asyncio.create_task(self._watch())]
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _ask(self) -> None:
        while True:
            self._late = 0.0
            begun = time.monotonic()
            await self.client.noop()
            self.deaf.append(max(0.0, time.monotonic() - begun - self._late))
            await asyncio.sleep(0.02)

    async def _watch(self) -> None:
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.005)
            self._late += time.monotonic() - begun - 0.005


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    server = NameServer()
    transport = await listening(server)
    more = "".join(_BOX.format(number=number) for number in range(OTHERS))
    with tempfile.TemporaryDirectory() as name, contextlib.closing(transport):
        prefix = with_resolver(Path(name))
        async with stand(prefix=prefix, smtp_host=HOST, more_firm=more) as now:
            for mode in MODES[:rounds]:
                yield await wrong_names(now, server, mode, WATCHED_LONG if long else WATCHED_SHORT)


async def listening(server: NameServer) -> asyncio.DatagramTransport:
    tried = await asyncio.create_subprocess_exec("unshare", "--mount", "true", stderr=asyncio.subprocess.DEVNULL)
    if await tried.wait():
        raise Unable(f"{MISSING}: no right to a mount namespace of one's own")
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=SERVER)
    except OSError as error:
        raise Unable(f"{MISSING}: no name server can be at {SERVER}: {error}") from error
    return transport


def with_resolver(folder: Path) -> Sequence[str]:
    """A command that gives what it runs a resolv.conf of its own, in a mount namespace of its own."""
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {SERVER[0]}\n")
    script = f'mount --bind "{resolver}" /etc/resolv.conf && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", script, "sh")


async def wrong_names(now: Stand, server: NameServer, mode: str, watched: float) -> Outcome:
    outcome = Outcome("C6", f"DNS: {mode}, {OTHERS} other mailboxes too")
    now.forget()
    server.mode = mode
    now.trial.drop_connections()  # who is connected asks for no name
    slowest = 0.0
    async with now.client() as pulsing, Pulse(pulsing) as pulse:
        end = time.monotonic() + watched
        while time.monotonic() < end:
            begun = time.monotonic()
            async with now.client() as client:
                await now.send(client, random.choice((300, 400_000)))
            slowest = max(slowest, time.monotonic() - begun)
            await asyncio.sleep(0.2)
    server.mode = "right"
    begun = time.monotonic()
    inbox = now.trial.account(now.firm.client).folders["INBOX"]
    with contextlib.suppress(TimeoutError):
        await until(lambda: len(inbox.messages) >= len(now.ledger.acknowledged), timeout=LEAVES_WITHIN)
    left = time.monotonic() - begun
    outcome.settle(await now.settled(LEAVES_WITHIN))
    deaf = max(pulse.deaf)
    outcome.expect(f"deaf for {deaf * 1000:.0f} ms", kept=deaf <= BLOCKED)
    outcome.expect(f"{outcome.account.queued} still queued", kept=outcome.account.queued == 0)
    outcome.expect(f"{slowest:.1f} s to sign in and send", kept=slowest <= SERVED_WITHIN)
    outcome.seen += [
        f"deaf {deaf * 1000:.0f} ms at most of {len(pulse.deaf)}",
        f"sign in and send {slowest:.2f} s at most",
        f"all left {left:.1f} s after",
    ]
    return outcome
