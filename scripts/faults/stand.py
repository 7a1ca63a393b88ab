"""The stand that every fault is done on: a provider in this process, a daemon as a child, clients, and the count."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket as net
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.trial.provider import TrialProvider
from scripts.faults.accounting import Account, Ledger, account
from scripts.faults.client import Client, Gone, Refused, connected
from scripts.faults.letters import Arrived, letter, look
from scripts.figures.setting import TRIAL_PASSWORD
from tests.gateway_process import GatewayProcess
from tests.journey.firm import ANA_PASSWORD, FirmOnPaper
from tests.journey.provider import TrialSide
from tests.waiting import until

SETTLED_WITHIN = 180.0  # seconds after a fault until nothing waits any more
_PAGE = os.sysconf("SC_PAGESIZE")


class Daemon(GatewayProcess):
    """The daemon behind a command that changes the world for it: ``prlimit``, ``env``, ``unshare`` with ``exec``."""

    prefix: Sequence[str] = ()
    ready_cpu = 0.0  # seconds of CPU until READY=1 at the last start: the wall's depend on what else the machine does

    async def start(self) -> None:
        name = f"postern-{uuid.uuid4().hex}"
        self._manager = net.socket(net.AF_UNIX, net.SOCK_DGRAM | net.SOCK_NONBLOCK)
        self._manager.bind(f"\0{name}")
        begun = time.monotonic()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(*self.prefix, sys.executable, "-m", "gateway", "serve", "--config", str(self.config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"NOTIFY_SOCKET": f"@{name}"},
            )
        await self._ready(self._manager)
        self.ready_after = time.monotonic() - begun
        self.ready_cpu = self.cpu
        self.submission_port = await self.port("submission")

    @property
    def rss(self) -> int:
        """Octets in memory now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE

    @property
    def peak(self) -> int:
        """Octets in memory at most so far, since the start or `forget_peak`."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208 - only their number matters


@dataclass
class Stand:
    """The daemon runs and the firm is applied; the ledger holds what the clients saw since."""

    firm: FirmOnPaper
    trial: TrialProvider
    daemon: Daemon
    ledger: Ledger = field(default_factory=Ledger)

    def client(self, local: str = "127.0.0.1") -> contextlib.AbstractAsyncContextManager[Client]:
        return connected(self.daemon.submission_port, "ana", ANA_PASSWORD, local=local)

    async def send(self, client: Client, carries: int = 300) -> int:
        """Send a letter, book what was said to it, and return the code; Gone is booked and raised."""
        one = letter(self.firm.support, self.firm.client, carries)
        try:
            await client.send(self.firm.support, self.firm.client, one)
        except Refused as refused:
            self.ledger.refused[refused.code] += 1
            return refused.code
        except Gone:
            self.ledger.unanswered.add(one.mark)
            raise
        self.ledger.acknowledged.add(one.mark)
        return 250

    async def send_until_gone(self, most: int, carries: Sequence[int] = (300,), local: str = "127.0.0.1") -> None:
        """One mail program's work: up to ``most`` letters over one connection, as long as there is somebody."""
        with contextlib.suppress(Gone, Refused):
            async with self.client(local) as client:
                for number in range(most):
                    await self.send(client, carries[number % len(carries)])

    async def load(self, clients: int, each: int, carries: Sequence[int] = (300,)) -> None:
        """Several mail programs at once."""
        await asyncio.gather(*(self.send_until_gone(each, carries) for _ in range(clients)))

    async def revived(self) -> int:
        """Start the daemon where it has ended, as systemd does; how often that was needed: 0 or 1."""
        if self.daemon.running:
            return 0
        await self.daemon.kill9()
        await self.daemon.start()
        return 1

    async def waiting(self) -> int:
        """How many entries are neither delivered nor bounced."""
        queue = (await self.daemon.get("/v1/status"))["queue"]
        return sum(int(queue.get(state, 0)) for state in ("queued", "active", "held"))

    async def settled(self, within: float = SETTLED_WITHIN) -> Account:
        """Wait until nothing is queued, then count; what still waits in the end is counted as queued."""

        async def idle() -> bool:
            return await self.waiting() == 0

        with contextlib.suppress(TimeoutError):
            await until(idle, timeout=within, what="an empty queue")
        return await self.count()

    async def count(self) -> Account:
        arrived = self._arrived()
        delivered = Counter(one.mark for one in arrived)
        damaged = sum(not one.whole for one in arrived)
        return account(self.ledger, delivered, self.bounced(), await self.waiting(), damaged)

    def delivered(self) -> set[str]:
        """The marks of what the client got."""
        return {one.mark for one in self._arrived()}

    def _arrived(self) -> list[Arrived]:
        messages = self.trial.account(self.firm.client).folders["INBOX"].messages
        return [one for message in messages if (one := look(message.raw)) is not None]

    def bounced(self) -> set[str]:
        """The marks of what came back to the author."""
        reports = (message.raw for message in self.trial.account(self.firm.support).folders["INBOX"].messages)
        return {arrived.mark for raw in reports if b"multipart/report" in raw and (arrived := look(raw)) is not None}

    def forget(self) -> None:
        """Begin a new account on the same stand."""
        self.ledger = Ledger()
        self.trial.outbox.clear()
        for address in self.firm.accounts:
            for folder in self.trial.account(address).folders.values():
                folder.messages.clear()


@contextlib.asynccontextmanager
async def stand(
    *,
    prefix: Sequence[str] = (),
    settings: str = "",
    data_dir: Path | None = None,
    smtp_host: str = "",
    more_firm: str = "",
    quick_end: bool = False,
) -> AsyncIterator[Stand]:
    """A fresh firm, provider and daemon. ``quick_end``: it ends by SIGKILL, where what it is left in can't drain."""
    firm = FirmOnPaper()
    async with TrialProvider(dict.fromkeys(firm.accounts, TRIAL_PASSWORD)) as trial:
        toml = firm.toml(TrialSide(trial, TRIAL_PASSWORD)) + more_firm
        if smtp_host:
            toml = toml.replace('smtp = { host = "127.0.0.1"', f'smtp = {{ host = "{smtp_host}"')
        with tempfile.TemporaryDirectory() as name:
            daemon = Daemon(Path(name), toml, settings, data_dir=data_dir)
            daemon.prefix = prefix
            async with daemon:
                yield Stand(firm, trial, daemon)
                if quick_end:
                    await daemon.kill9()
