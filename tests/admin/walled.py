"""A firm with walls: clients with a secret each, members of every role, and a way to ask as any of them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx2

from gateway.domain.address import Address
from gateway.domain.mail import QueueEntry, Recipient
from gateway.domain.record import Direction, EventKind, Location, NewFiling
from gateway.mime.attachments import attachments
from gateway.mime.facts import facts
from tests.admin.house import NOW, House, opened
from tests.store.making import file_with

ENDPOINT = {"host": "127.0.0.1", "port": 1, "security": "none"}
ACCESS = {"Alpha": ["ana"], "Beta": ["ion"], "Gamma": ["ana", "ion"], "Delta": ["adam"], "Omega": []}
MEMBERS = {"olga": "owner", "adam": "admin", "ana": "employee", "ion": "employee"}
MAILBOXES = {"support": ["ana", "ion"], "ana": ["ana"], "ion": ["ion"]}


def secret(client: str) -> str:
    """What only those with access may ever read."""
    return f"secret-of-{client.lower()}"


def contact(client: str) -> Address:
    return Address("boss", f"{client.lower()}.example")


def client_of(name: str, *members: str) -> dict[str, object]:
    """As the firm's file has it."""
    contacts = [{"name": "Boss", "addresses": [{"address": str(contact(name))}]}]
    return {"name": name, "members": list(members), "contacts": contacts}


def mailbox_of(name: str, *members: str) -> dict[str, object]:
    address, password = f"{name}@firm.example", "canary-mailbox"
    known = {"address": address, "name": name, "members": list(members), "password": password}
    return known | {"imap": ENDPOINT, "smtp": ENDPOINT}


def firm(*, without: str = "") -> dict[str, object]:
    """Without a member, where that is said, and without all that they have."""

    def left(members: Sequence[str]) -> list[str]:
        return [login for login in members if login != without]

    return {
        "firm": {"name": "Firm"},
        "member": [{"login": one, "name": one.title(), "role": MEMBERS[one]} for one in left(list(MEMBERS))],
        "mailbox": [mailbox_of(name, *left(members)) for name, members in MAILBOXES.items()],
        "client": [client_of(name, *left(members)) for name, members in ACCESS.items()],
    }


@dataclass
class Walled:
    """The house, what lies in it by client, and the members' tokens."""

    house: House
    tokens: dict[str, str] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)
    documents: dict[str, int] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    threads: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)

    def client(self, token: str | None) -> httpx2.AsyncClient:
        made = self.house.client()
        if token is not None:
            made.headers["authorization"] = f"Bearer {token}"
        return made

    def as_member(self, login: str) -> httpx2.AsyncClient:
        return self.client(self.tokens[login])

    async def file(self, number: int, *clients: str) -> int:
        """Mail with the secrets of all these clients, filed under each, with an attachment."""
        words = " ".join(secret(one) for one in clients)
        raw = (
            f"From: boss@{clients[0].lower()}.example\r\nTo: support@firm.example\r\n"
            f"Message-ID: <{number}@x.example>\r\nSubject: {words}\r\n"
            f"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{words}\r\n--b\r\n"
            f'Content-Type: application/pdf; name="{words}.pdf"\r\n\r\n%PDF {words}\r\n--b--\r\n'
        ).encode()
        (attachment,) = attachments(raw)
        item = NewFiling(
            raw=raw,
            facts=facts(raw),
            clients=tuple((one, Direction.INBOX) for one in clients),
            filed_at=NOW,
            location=Location("support@firm.example", "INBOX", 7, number),
        )
        filed, _ = await file_with(self.house.store, item, attachment)
        return filed.message

    async def answer(self, client: str, message_id: str, references: str) -> int:
        """Mail of the client that belongs with what it refers to."""
        lines = [f"From: boss@{client.lower()}.example", "To: support@firm.example", f"Message-ID: {message_id}"]
        lines += [f"References: {references}"] if references else []
        raw = "\r\n".join([*lines, "Subject: more", "", "more", ""]).encode()
        new = NewFiling(raw=raw, facts=facts(raw), clients=((client, Direction.INBOX),), filed_at=NOW)
        return (await self.house.store.record.file(new)).message

    async def queue(self, name: str, login: str, subject: str, recipients: Sequence[Address]) -> None:
        """It leaves in a day."""
        raw = f"Subject: {subject}\r\n\r\n{name}\r\n".encode()
        leaves = NOW + timedelta(days=1)
        entry = QueueEntry(
            id=name,
            login=login,
            mailbox="support@firm.example",
            sender=Address("support", "firm.example"),
            recipients=tuple(Recipient(one) for one in recipients),
            sha256=hashlib.sha256(raw).hexdigest(),
            size=len(raw),
            message_id=f"<{name}@firm.example>",
            subject=subject,
            accepted_at=NOW,
            next_attempt=leaves,
            not_before=leaves,
        )
        await self.house.store.queue.add(entry, raw)


@asynccontextmanager
async def walled(folder: Path) -> AsyncIterator[Walled]:
    """A message, a document, a queue entry and two events of each client; who wrote the entry has left."""
    (folder / "data").mkdir()
    async with opened(folder) as house:
        await house.office.apply(firm(), by="test", at=NOW)
        made = Walled(house)
        for number, client in enumerate(ACCESS, 1):
            made.messages[client] = await made.file(number, client)
            (document,) = await house.store.record.documents(client)
            made.documents[client] = document.id
            (filed,) = await house.store.record.list(client, None)
            made.threads[client] = filed.thread
            made.entries[client] = f"entry-{client.lower()}"
            await made.queue(made.entries[client], "left", secret(client), [contact(client)])
            event = await house.store.feed.add(
                EventKind.BOUNCE, NOW, f"{secret(client)} could not be delivered", client=client, login="left"
            )
            made.events[client] = event.number
        for login in MEMBERS:
            made.tokens[login] = (await house.server._services.tokens.make(login, "test"))[0].value
        yield made
