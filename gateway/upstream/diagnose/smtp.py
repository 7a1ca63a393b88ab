"""The steps of sending, up to the sign-in: no mail is sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gateway.domain.firm import Mailbox, Secret, Security
from gateway.upstream.diagnose.found import Found
from gateway.upstream.diagnose.place import Place
from gateway.upstream.smtp.account import open_account
from gateway.upstream.smtp.patience import Patience

PATIENCE = Patience(connect=10.0, command=15.0)  # seconds: a person waits; the relay itself has more


class Smtp(Place):
    """The mailbox's submission server; ``hostname`` is what we call ourselves."""

    def __init__(self, mailbox: Mailbox, hostname: str, trust: Path | None) -> None:
        super().__init__(mailbox, mailbox.smtp, trust)
        self._hostname = hostname

    async def tls(self) -> Found:
        if self.endpoint.security is Security.TLS:
            return await self.handshake()
        if not self.protects:
            return self.in_clear()
        await self._visit(replace(self.mailbox, password=Secret("")))  # as far as one comes without a password
        return Found("STARTTLS, with a certificate that holds.")

    async def login(self) -> Found:
        await self._visit(self.mailbox)
        if not self.mailbox.password.value:
            return Found("No password is set: the server has to know this machine otherwise.")
        return Found(f"Signed in as {self.mailbox.username}; no mail was sent.")

    async def _visit(self, mailbox: Mailbox) -> None:
        line = await open_account(mailbox, hostname=self._hostname, trust=self.trust, patience=PATIENCE)
        line.conversation.hang_up()
