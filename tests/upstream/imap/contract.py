"""The peers that the contract of an IMAP session is tested on: how each is reached, and how mail gets into it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from gateway.domain.firm import Endpoint, Secret, Security
from gateway.trial.provider import TrialProvider
from gateway.upstream.imap import ImapSession, open_session
from tests.peers.ca import Ca
from tests.peers.dovecot import Dovecot

_numbers = itertools.count(1)


class Peer(Protocol):
    """One account on one server; a fresh one for each test."""

    address: str
    password: str
    trust: Path

    def endpoint(self, security: Security) -> Endpoint: ...

    async def deliver(self, raw: bytes) -> None:
        """Into the INBOX; readable when it returns."""
        ...

    async def drop(self) -> None:
        """Hang up on the account's connections."""
        ...


class DovecotPeer:
    """A Dovecot from the distribution."""

    def __init__(self, dovecot: Dovecot, ca: Ca) -> None:
        self.address = f"account{next(_numbers)}@firm.example"
        self.password = dovecot.password
        self.trust = ca.trust
        self._dovecot = dovecot

    def endpoint(self, security: Security) -> Endpoint:
        port = self._dovecot.imaps_port if security is Security.TLS else self._dovecot.imap_port
        return Endpoint("localhost", port, security)

    async def deliver(self, raw: bytes) -> None:
        await asyncio.to_thread(self._dovecot.deliver, self.address, raw)

    async def drop(self) -> None:
        await asyncio.to_thread(self._dovecot.doveadm, "kick", self.address)


class TrialPeer:
    """The trial provider."""

    def __init__(self, provider: TrialProvider, address: str, password: str, ca: Ca) -> None:
        self.address = address
        self.password = password
        self.trust = ca.trust
        self._provider = provider

    def endpoint(self, security: Security) -> Endpoint:
        port = self._provider.imap_tls_port if security is Security.TLS else self._provider.imap_port
        return Endpoint("localhost", port, security)

    async def deliver(self, raw: bytes) -> None:
        self._provider.deliver(self.address, raw)

    async def drop(self) -> None:
        self._provider.drop_connections()


@asynccontextmanager
async def trial_peer(ca: Ca, *, without: tuple[str, ...] = ()) -> AsyncIterator[TrialPeer]:
    """Its own provider for each test, since it lives on the test's event loop."""
    address, password = "ana@firm.example", 'pass"wörd\\'
    async with TrialProvider({address: password}, tls=ca.server_context(), without=without) as provider:
        yield TrialPeer(provider, address, password, ca)


async def connect(peer: Peer, security: Security = Security.NONE, *, password: str | None = None) -> ImapSession:
    """A session on the peer's account."""
    secret = Secret(peer.password if password is None else password)
    return await open_session(peer.endpoint(security), peer.address, secret, trust=peer.trust, timeout=20)


def mail(sender: str, recipient: str, *, message_id: str = "", body: bytes = b"hello\r\n", **fields: str) -> bytes:
    """A small message; further fields by name."""
    lines = [f"From: {sender}", f"To: {recipient}", "Subject: test"]
    lines += [f"Message-ID: {message_id}"] if message_id else []
    lines += [f"{name.title()}: {value}" for name, value in fields.items()]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body
