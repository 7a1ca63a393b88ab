"""A small firm on a real store and the trial provider, with a clock that tests move: for the flows, without faces."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.domain.address import Address
from gateway.domain.firm import (
    Client,
    Contact,
    ContactAddress,
    Endpoint,
    Firm,
    Mailbox,
    Member,
    Role,
    Rule,
    Secret,
    Security,
    Signature,
)
from gateway.domain.mail import QueueEntry, Submission
from gateway.mime.address import parse_address
from gateway.outbound.accept import Acceptance
from gateway.outbound.prepare import Preparation
from gateway.outbound.rehearse import Rehearsal
from gateway.outbound.signing import Signing
from gateway.policy.resubmission import start_fingerprint
from gateway.settings.gateway import Settings, parse
from gateway.store.clock import QueueClock
from gateway.store.store import Store
from gateway.trial.provider import TrialProvider

PASSWORD = "provider-secret"
KEY = b"k" * 32
SUPPORT, ANA, ARCHIVE = "support@firm.example", "ana@firm.example", "archive@firm.example"
AL, STRANGER = "al@pacino.example", "someone@else.example"


@dataclass
class Clock:
    """Stands still until it is moved."""

    at: datetime = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
    jumped: float = 0.0  # seconds by which it was set without any time going by

    def __call__(self) -> datetime:
        return self.at

    def forward(self, by: timedelta) -> None:
        self.at += by

    def jump(self, by: timedelta) -> None:
        self.at += by
        self.jumped += by.total_seconds()


@dataclass
class Rig:
    store: Store
    provider: TrialProvider
    firm: Firm
    settings: Settings
    clock: Clock
    steady: QueueClock
    woken: int = 0

    def wake(self) -> None:
        self.woken += 1

    def book(self, entry: QueueEntry) -> QueueEntry:
        """Nobody is there to make an attempt at once."""
        return entry

    def told(self, entry: QueueEntry, kept: bool) -> None:
        if kept:
            self.wake()

    async def reopen(self) -> None:
        """As after a kill: what was under way is nobody's."""
        await self.store.close()
        self.store = await Store.open(self.settings.data_dir, url=None, key=KEY, clock=self.steady)

    @property
    def acceptance(self) -> Acceptance:
        return Acceptance(self.store, self.preparation, settings=lambda: self.settings, now=self.clock, desk=self)

    @property
    def preparation(self) -> Preparation:
        return Preparation(
            self.store,
            firm=lambda: self.firm,
            settings=lambda: self.settings,
            now=self.clock,
            signing=Signing(self.store.dkim),
        )

    @property
    def rehearsal(self) -> Rehearsal:
        return Rehearsal(self.preparation, firm=lambda: self.firm, now=self.clock)

    def submission(self, raw: bytes, *recipients: str, login: str = "ana", sender: str = SUPPORT) -> Submission:
        author, to = parse_address(sender), tuple(map(parse_address, recipients or (AL,)))
        mark = start_fingerprint(login, author, to)
        mark.update(raw)
        return Submission(
            login=login,
            sender=author,
            recipients=to,
            raw=raw,
            received_at=self.clock(),
            peer="192.0.2.7",
            fingerprint=mark.hexdigest(),
        )

    async def accepted(self, raw: bytes = b"", *recipients: str, login: str = "ana") -> QueueEntry:
        queue_id = await self.acceptance(self.submission(raw or letter(), *recipients, login=login))
        return await self.store.queue.get(queue_id)

    def arrived(self, address: str, folder: str = "INBOX") -> list[bytes]:
        return [message.raw for message in self.provider.account(address).folders[folder].messages]


def letter(
    *, sender: str = f"Ana Pop <{SUPPORT}>", to: str = AL, subject: str = "Your return", extra: str = ""
) -> bytes:
    lines = (
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        *([extra] if extra else []),
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "",
        "Dear Al,",
        "it is done.",
        "",
    )
    return "\r\n".join(lines).encode()


def client_letter(*, message_id: str = "<1@pacino.example>", subject: str = "Statement", extra: str = "") -> bytes:
    """What the client writes, with a PDF."""
    head = "\r\n".join(
        (
            f"From: Al Pacino <{AL}>",
            f"To: {SUPPORT}",
            f"Subject: {subject}",
            "Date: Sat, 14 Mar 2026 10:00:00 +0200",
            *([f"Message-ID: {message_id}"] if message_id else []),
            *([extra] if extra else []),
            "MIME-Version: 1.0",
            'Content-Type: multipart/mixed; boundary="b"',
            "",
            "--b",
            "Content-Type: text/plain",
            "",
            "Here it is.",
            "--b",
            'Content-Type: application/pdf; name="statement.pdf"',
            'Content-Disposition: attachment; filename="statement.pdf"',
            "Content-Transfer-Encoding: base64",
            "",
            "JVBERi0xLjQK",
            "--b--",
            "",
        )
    )
    return head.encode()


def small_firm(provider: TrialProvider, **changes: object) -> Firm:
    def mailbox(address: str, name: str, members: tuple[str, ...], signature: str | None = None) -> Mailbox:
        return Mailbox(
            address=parse_address(address),
            name=name,
            members=members,
            username=address,
            password=Secret(PASSWORD),
            imap=Endpoint("127.0.0.1", provider.imap_port, Security.NONE),
            smtp=Endpoint("127.0.0.1", provider.smtp_port, Security.NONE),
            signature=signature,
        )

    firm = {
        "name": "Popescu",
        "members": (Member("ana", "Ana Pop", Role.OWNER), Member("ion", "Ion Pop")),
        "mailboxes": (
            mailbox(SUPPORT, "Popescu Support", ("ana", "ion"), "support"),
            mailbox(ANA, "Ana Pop", ("ana",)),
        ),
        "signatures": (Signature("support", "-- \n{{ member.name }}"),),
        "rules": (Rule("archive", bcc=(Address("archive", "firm.example"),)),),
        "clients": (Client("Al Pacino", ("*",), (Contact("Al", (ContactAddress(parse_address(AL)),)),)),),
    }
    return Firm(**(firm | changes))  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def rig(folder: Path, **changes: object) -> AsyncIterator[Rig]:
    """``without``: capabilities that the provider lacks; ``labels``: see `TrialProvider`; all else is the firm's."""
    without, labels = changes.pop("without", ()), bool(changes.pop("labels", False))
    assert isinstance(without, Collection)
    accounts = dict.fromkeys((SUPPORT, ANA, ARCHIVE, AL), PASSWORD)
    settings = parse({"data_dir": str(folder), "submission": {"hostname": "mail.firm.example"}}, base=folder)
    async with TrialProvider(accounts, without=without, labels=labels) as provider:
        clock = Clock()
        steady = QueueClock(clock, lambda: clock().timestamp() - clock.jumped)
        store = await Store.open(folder, url=None, key=KEY, clock=steady)
        firm = small_firm(provider, **changes)
        r = Rig(store, provider, firm, settings, clock, steady)
        try:
            await store.firm.replace(firm, [], "test", datetime(2026, 3, 14, tzinfo=UTC))
            yield r
        finally:
            await r.store.close()
