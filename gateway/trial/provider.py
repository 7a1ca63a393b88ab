"""The trial mail provider: SMTP and IMAP on loopback over accounts in memory, and a plan of what goes wrong."""

from __future__ import annotations

import ssl
import time
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Self

import structlog

from gateway.proxy.acceptor import Acceptor
from gateway.proxy.imap.commands import VERBS
from gateway.proxy.imap.server import ImapServer
from gateway.proxy.imap.session import Options, Session
from gateway.proxy.wire import Wire
from gateway.trial import multiappend, notify, resync
from gateway.trial.faults import Faults
from gateway.trial.imap import TrialSession
from gateway.trial.labels import LabelledAccount
from gateway.trial.smtp import Relayed, SmtpSession
from gateway.trial.store import TrialAccount, TrialStore

log = structlog.get_logger()


class TrialProvider:
    """An async context manager; its ports are known once it is entered.

    ``tls`` offers STARTTLS on both ports and opens two more with TLS from the first octet. ``require_tls``: no password
    in clear. ``without``: capabilities and EHLO keywords (``IDLE``, ``PIPELINING``) that it is to lack. ``labels``: it
    has labels instead of folders, and all mail in one, as Gmail does.
    """

    def __init__(
        self,
        accounts: Mapping[str, str],
        *,
        faults: Faults | None = None,
        smtp_port: int = 0,
        imap_port: int = 0,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        require_tls: bool = False,
        without: Collection[str] = (),
        labels: bool = False,
    ) -> None:
        self.faults = faults or Faults()
        self.host = host
        self.smtp_port, self.imap_port = smtp_port, imap_port
        self.smtp_tls_port = self.imap_tls_port = 0
        self.outbox: list[Relayed] = []
        make = LabelledAccount if labels else TrialAccount
        self.store = TrialStore(accounts, int(time.time()), make)  # another UIDVALIDITY after each start
        self._tls = tls
        self._require_tls = require_tls
        self._without = frozenset(without)
        self._smtp = Acceptor("trial-smtp", self._serve_smtp)
        options = Options(tls, require_tls=require_tls, trust_loopback=False, without=self._without)
        self._imap = ImapServer(self.store, options, make=lambda wire: self._session(wire, options))

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def account(self, address: str) -> TrialAccount:
        """KeyError where there is none."""
        account = self.store.find(address)
        if account is None:
            raise KeyError(address)
        return account

    def deliver(self, address: str, raw: bytes, folder: str = "INBOX") -> int:
        """Puts mail in a folder and wakes who idles on it; its UID."""
        return self.account(address).folders[folder].deliver(raw)

    @property
    def connections(self) -> int:
        """How many are open now, SMTP and IMAP together."""
        return self._smtp.connections + self._imap.connections

    def drop_connections(self) -> None:
        """Hangs up on everybody; who calls again is served."""
        self._smtp.drop()
        self._imap.drop()

    async def restart(self) -> None:
        """Everything is closed and comes back on the same ports, with the mail it had."""
        await self._stop()
        await self._listen()

    async def stop_listening(self) -> None:
        """The provider is down: connections are refused until ``restart()``."""
        await self._stop()

    async def _listen(self) -> None:
        self.smtp_port = await self._smtp.listen(self.host, self.smtp_port)
        self.imap_port = await self._imap.listen(self.host, self.imap_port)
        if self._tls is not None:
            self.smtp_tls_port = await self._smtp.listen(self.host, self.smtp_tls_port, tls=self._tls)
            self.imap_tls_port = await self._imap.listen(self.host, self.imap_tls_port, tls=self._tls)

    async def _stop(self) -> None:
        await self._smtp.stop()
        await self._imap.stop()

    def _session(self, wire: Wire, options: Options) -> Session:
        verbs = {**VERBS, **resync.VERBS, **notify.VERBS, **multiappend.VERBS}
        return TrialSession(wire, self.store, options, verbs, self.faults)

    async def _serve_smtp(self, wire: Wire) -> None:
        session = SmtpSession(
            wire,
            self.store,
            self.faults,
            tls=self._tls,
            require_tls=self._require_tls,
            without=self._without,
            take=self._relay,
        )
        await session.run()

    def _relay(self, mail: Relayed) -> None:
        self.outbox.append(mail)
        for recipient in mail.recipients:
            account = self.store.find(recipient)
            if account is not None:
                account.receive(mail.raw)
        log.info("trial mail taken", sender=mail.sender, recipients=len(mail.recipients), size=len(mail.raw))
