"""Mailboxes and messages for the relay's tests, and the servers that the contract is tested on."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.domain.address import Address
from gateway.domain.firm import Endpoint, Mailbox, Secret, Security
from gateway.domain.mail import Outcome
from gateway.upstream.smtp import SmtpRelay

SUPPORT = Address("support", "firm.example")
PASSWORD = "the trial's password"

Dialogue = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def mailbox(
    port: int,
    *,
    security: Security = Security.NONE,
    password: str = PASSWORD,
    host: str = "127.0.0.1",
    address: Address = SUPPORT,
) -> Mailbox:
    """Return a mailbox that sends through a server on loopback."""
    endpoint = Endpoint(host, port, security)
    return Mailbox(
        address=address,
        name="Support",
        members=("ana",),
        username=str(address),
        password=Secret(password),
        imap=Endpoint(host, 1, security),
        smtp=endpoint,
    )


async def deliver(
    relay: SmtpRelay,
    box: Mailbox,
    sender: Address | None,
    recipients: Sequence[Address],
    raw: bytes,
    *,
    smtputf8: bool = False,
) -> dict[str, Outcome]:
    """Hand a message to the relay; what it came to, by address key."""
    return (await relay.deliver(box, sender, recipients, raw, smtputf8=smtputf8)).outcomes


def message(body: bytes = b"Hello\r\n", subject: str = "x") -> bytes:
    """Return a message like no other."""
    head = (
        f"From: support@firm.example\r\nTo: c@client.example\r\nSubject: {subject}\r\n"
        f"Date: Sun, 22 Nov 2026 03:00:00 +0000\r\nMessage-ID: <{uuid.uuid4()}@firm.example>\r\n\r\n"
    )
    return head.encode() + body


def to(*locals_: str) -> tuple[Address, ...]:
    """Return recipients at a client's."""
    return tuple(Address(local, "client.example") for local in locals_)


@dataclass(frozen=True)
class Server:
    """A server that takes mail from `SUPPORT`; ``arrived`` waits for what one address got, without trace headers."""

    name: str
    port: int
    tls_port: int
    password: str
    arrived: Callable[[Address, bytes], Awaitable[bytes]]
    refuse: Callable[[], tuple[str, str]]  # arranges for local parts that get 550 and 450


@asynccontextmanager
async def serving(dialogue: Dialogue) -> AsyncIterator[int]:
    """Run a server that plays one part; the connection ends with it."""
    tasks: set[asyncio.Task[None]] = set()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await dialogue(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0, limit=10_000_000)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
