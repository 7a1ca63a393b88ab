"""The firm's mail provider as a journey sees it: the trial one, or Postfix and Dovecot from the distribution."""

from __future__ import annotations

import asyncio
from typing import Protocol

from gateway.trial.provider import TrialProvider
from tests.peers.fixtures import MailServer


class Provider(Protocol):
    """Mail sent to any address of the journey's firm can be read with `messages`; all have the one password."""

    password: str
    smtp_port: int
    imap_port: int

    async def messages(self, address: str, folder: str = "INBOX") -> list[bytes]:
        """The raw messages of a folder, oldest first."""
        ...

    async def deliver(self, address: str, raw: bytes) -> None:
        """When it returns, the message lies in the INBOX."""
        ...

    async def smtp_down(self) -> None:
        """Until `smtp_up`, nobody accepts connections."""
        ...

    async def smtp_up(self) -> None: ...

    async def restart(self) -> None:
        """Every connection is cut; the mail is kept, and so are the ports."""
        ...

    async def renumber(self, address: str, folder: str = "INBOX") -> None:
        """A new UIDVALIDITY, and UIDs from 1."""
        ...

    async def sign_ins_refused(self, address: str) -> int:
        """How often the password was wrong, by IMAP and SMTP together."""
        ...


class RealProvider:
    """Postfix and Dovecot; blocking calls are made beside the event loop."""

    def __init__(self, server: MailServer) -> None:
        self.server = server
        self.password = server.password
        self.smtp_port = server.smtp_port
        self.imap_port = server.imap_port

    async def messages(self, address: str, folder: str = "INBOX") -> list[bytes]:
        return await asyncio.to_thread(self.server.dovecot.messages, address, folder)

    async def deliver(self, address: str, raw: bytes) -> None:
        await asyncio.to_thread(self.server.dovecot.deliver, address, raw)

    async def smtp_down(self) -> None:
        await asyncio.to_thread(self.server.postfix.stop)

    async def smtp_up(self) -> None:
        await asyncio.to_thread(self.server.postfix.start)

    async def restart(self) -> None:
        await asyncio.to_thread(self.server.dovecot.restart)
        await asyncio.to_thread(self.server.postfix.restart)

    async def renumber(self, address: str, folder: str = "INBOX") -> None:
        await asyncio.to_thread(self.server.dovecot.new_uidvalidity, address, folder)

    async def sign_ins_refused(self, address: str) -> int:
        log = await asyncio.to_thread(lambda: self.server.dovecot.log)
        return sum(address in line and "assword mismatch" in line for line in log.splitlines())


class TrialSide:
    """The trial provider, which runs in the test's own event loop."""

    def __init__(self, trial: TrialProvider, password: str) -> None:
        self.trial = trial
        self.password = password
        self.smtp_port = trial.smtp_port
        self.imap_port = trial.imap_port

    async def messages(self, address: str, folder: str = "INBOX") -> list[bytes]:
        return [message.raw for message in self.trial.account(address).folders[folder].messages]

    async def deliver(self, address: str, raw: bytes) -> None:
        self.trial.deliver(address, raw)

    async def smtp_down(self) -> None:
        await self.trial.stop_listening()

    async def smtp_up(self) -> None:
        await self.trial.restart()

    async def restart(self) -> None:
        await self.trial.restart()

    async def renumber(self, address: str, folder: str = "INBOX") -> None:
        self.trial.account(address).folders[folder].renew()

    async def sign_ins_refused(self, address: str) -> int:
        reached = self.trial.faults.reached
        return reached["imap:login"] + reached["imap:authenticate"] + reached["smtp:auth"]
