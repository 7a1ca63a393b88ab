"""A store with something in it, an office with a firm, and the admin face on a socket."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2

from gateway.admin.server import AdminServer
from gateway.admin.services import Services
from gateway.domain.address import Address
from gateway.domain.errors import NotFound
from gateway.domain.mail import QueueEntry, Recipient
from gateway.domain.record import Attachment, Direction, EventKind, Location, NewFiling, SyncState
from gateway.domain.status import Health, Listener, Status
from gateway.domain.verdict import Check, Result, Source, Standing, Verdict
from gateway.mime.facts import facts
from gateway.office.office import Office
from gateway.outbound.prepare import Preparation
from gateway.outbound.rehearse import Rehearsal
from gateway.outbound.signing import Signing
from gateway.settings.gateway import parse
from gateway.store.clock import QueueClock
from gateway.store.store import Store
from tests.rig import client_letter
from tests.store.making import file_with

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
CLIENT = "Al Pacino"
PASSWORDS = ("canary-member-password", "canary-mailbox-password")

FIRM: dict[str, object] = {
    "firm": {"name": "Popescu & Asociații"},
    "member": [{"login": "ana", "name": "Ana Pop", "role": "owner", "password": PASSWORDS[0]}],
    "mailbox": [
        {
            "address": "support@firm.example",
            "name": "Popescu Support",
            "members": ["ana"],
            "password": PASSWORDS[1],
            "signature": "support",
            "imap": {"host": "127.0.0.1", "port": 1143, "security": "none"},
            "smtp": {"host": "127.0.0.1", "port": 1025, "security": "none"},
        }
    ],
    "signature": [{"name": "support", "text": "-- \n{{ member.name }}", "html": "<p>{{ member.name }}</p>"}],
    "rule": [
        {"name": "all as support", "when": {"member": ["ana"], "to_client": True}, "send_as": "support@firm.example"}
    ],
    "client": [
        {
            "name": CLIENT,
            "members": ["ana"],
            "contacts": [{"name": "Al", "addresses": [{"address": "al@pacino.example"}]}],
        }
    ],
}

HOSTILE = (
    b"From: Al <al@pacino.example>\r\n"
    b"To: support@firm.example\r\n"
    b"Date: Sat, 14 Mar 2026 16:00:00 +0100\r\n"
    b"Message-ID: <one@pacino.example>\r\n"
    b"Subject: =?utf-8?q?=1B[2Jred_=E2=80=AEtxt=2Eexe?=\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"\r\n"
    b"Good day \x1b]0;owned\x07\r\nsecond line\r\n"
)


@dataclass
class House:
    """What a test holds in its hands."""

    store: Store
    office: Office
    socket: Path
    server: AdminServer
    woken: list[str] = field(default_factory=list)
    dns: dict[str, list[bytes]] = field(default_factory=dict)  # TXT records by name
    status: Status = field(
        default_factory=lambda: Status(
            health=Health.WELL,
            version="0.1.0",
            pid=4711,
            started_at=NOW,
            listeners=(Listener("submission", "127.0.0.1", 40587),),
            admin_socket="admin.sock",
            mailboxes=(),
            queue={},
            oldest_queued=None,
            disk_free=12_300_000_000,
        )
    )

    def client(self) -> httpx2.AsyncClient:
        transport = httpx2.AsyncHTTPTransport(uds=str(self.socket))
        return httpx2.AsyncClient(transport=transport, base_url="http://postern", trust_env=False)

    async def file(self, raw: bytes = HOSTILE, *, uid: int = 1, attachment: bytes | None = None) -> int:
        item = NewFiling(
            raw=raw,
            facts=facts(raw),
            clients=((CLIENT, Direction.INBOX),),
            filed_at=NOW + timedelta(minutes=uid),
            location=Location("support@firm.example", "INBOX", 7, uid),
        )
        if attachment is None:
            return (await self.store.record.file(item)).message
        saved = Attachment(1, "2026 statement\u202e.pdf", "application/pdf", attachment, part="2")
        return (await file_with(self.store, item, saved))[0].message

    async def forged(self) -> int:
        """Mail in the client's name that the provider says is not theirs, with an attachment."""
        raw = client_letter()
        reason = "The mailbox's provider says that DMARC fails: pacino.example asks to reject such mail."
        checks = (Check("dmarc", Result.FAIL, "pacino.example", "p=reject"),)
        item = NewFiling(
            raw=raw,
            facts=facts(raw),
            clients=((CLIENT, Direction.INBOX),),
            filed_at=NOW,
            location=Location("support@firm.example", "INBOX", 7, 99),
            verdict=Verdict(Standing.UNVERIFIED, reason, Source.PROVIDER, "mx.google.com", checks),
            held=True,
            withheld=True,
        )
        return (await self.store.record.file(item)).message

    async def queue(self, queue_id: str = "q1", raw: bytes = HOSTILE) -> None:
        entry = QueueEntry(
            id=queue_id,
            login="ana",
            mailbox="support@firm.example",
            sender=Address("support", "firm.example"),
            recipients=(Recipient(Address("al", "pacino.example")),),
            sha256=hashlib.sha256(raw).hexdigest(),
            size=len(raw),
            message_id="<out@firm.example>",
            subject="Statement",
            accepted_at=NOW,
            next_attempt=NOW,
            grant="attached",
        )
        await self.store.queue.add(entry, raw)

    async def happen(self, text: str) -> int:
        event = await self.store.feed.add(EventKind.SYNC_STOPPED, NOW, text, mailbox="support@firm.example")
        return event.number

    async def sync_stopped(self) -> None:
        sentence = "The provider refuses the password: apply a new one."
        await self.store.sync.set_state("support@firm.example", SyncState.STOPPED, NOW, sentence)
        self.status = replace(
            self.status,
            health=Health.DEGRADED,
            mailboxes=tuple((await self.store.sync.states()).values()),
            queue={"queued": 3, "held": 1},
            oldest_queued=NOW,
            problems=(f"support@firm.example: {sentence}",),
        )


@asynccontextmanager
async def opened(folder: Path, *, group: str | None = None, answering: bool = True) -> AsyncIterator[House]:
    """An empty house that runs; `House.office.apply` furnishes it."""
    store = await Store.open(
        folder / "data", url=None, key=bytes(range(32)), clock=QueueClock(lambda: NOW, lambda: 0.0)
    )
    try:
        office = Office(store.firm)
        await office.load()
        house: list[House] = []

        async def status() -> Status:
            return house[0].status

        async def sync_now(key: str) -> None:
            if key not in office.firm.mailbox_by_key:
                raise NotFound(f"there is no mailbox {key}")
            house[0].woken.append(f"sync {key}")

        async def find_txt(name: str) -> list[bytes]:
            return house[0].dns.get(name, [])

        prepare = Preparation(
            store,
            firm=lambda: office.firm,
            settings=lambda: parse({"data_dir": "data"}, base=folder),
            now=lambda: NOW,
            signing=Signing(store.dkim),
        )
        services = Services(
            store,
            office,
            status,
            lambda: house[0].woken.append("queue"),
            sync_now,
            lambda: NOW,
            Rehearsal(prepare, firm=lambda: office.firm, now=lambda: NOW),
            find_txt=find_txt,
        )
        server = AdminServer(services, socket_path=folder / "admin.sock", group=group)
        house.append(House(store, office, folder / "admin.sock", server))
        await server.start()
        try:
            if answering:
                await server.open()
            yield house[0]
        finally:
            await server.stop()
    finally:
        await store.close()
