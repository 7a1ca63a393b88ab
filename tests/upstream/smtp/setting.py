"""Mailboxes and messages for the relay's tests, and the servers that the contract is tested on."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.domain.address import Address
from gateway.domain.firm import Endpoint, Mailbox, Secret, Security

SUPPORT = Address("support", "firm.example")
PASSWORD = "the trial's password"


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
