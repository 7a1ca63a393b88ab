"""A certificate authority for one test session, and the certificate of the peers on loopback."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Ca:
    """Files in `folder`: what clients trust, and certificate and key for localhost and 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self._server = self._authority.issue_cert("localhost", "127.0.0.1")
        self.trust = folder / "ca.pem"
        self.certificate = folder / "server.pem"
        self.key = folder / "server.key"
        self._authority.cert_pem.write_to_path(self.trust)
        self._server.private_key_pem.write_to_path(self.key)
        self.key.chmod(0o600)
        for number, blob in enumerate(self._server.cert_chain_pems):
            blob.write_to_path(self.certificate, append=number > 0)

    def server_context(self) -> ssl.SSLContext:
        """Return a context for a TLS server that presents the certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return a context for a client that trusts nothing but this authority."""
        return ssl.create_default_context(cafile=str(self.trust))
