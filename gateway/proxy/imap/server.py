"""Accepts mail programs on IMAP ports and gives each a session of its own."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from gateway.proxy.acceptor import Acceptor
from gateway.proxy.imap.commands import VERBS
from gateway.proxy.imap.mailstore import Mailstore
from gateway.proxy.imap.session import Options, Session
from gateway.proxy.wire import Wire


class ImapServer:
    """``make`` builds the session for a connection; the default speaks to ``store`` under ``options``."""

    def __init__(self, store: Mailstore, options: Options, *, make: Callable[[Wire], Session] | None = None) -> None:
        self._make = make or (lambda wire: Session(wire, store, options, VERBS))
        self._acceptor = Acceptor("imap", self._serve)

    async def listen(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> int:
        """The port listened on; with ``tls``, from the first octet (RFC 8314)."""
        return await self._acceptor.listen(host, port, tls=tls)

    @property
    def connections(self) -> int:
        return self._acceptor.connections

    def drop(self) -> None:
        """Hangs up on everybody."""
        self._acceptor.drop()

    async def stop(self) -> None:
        await self._acceptor.stop()

    async def _serve(self, wire: Wire) -> None:
        await self._make(wire).run()
