"""The peers as fixtures of one test session; a test that asks for a missing one is skipped, loudly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.peers import dovecot as dovecot_peer
from tests.peers import ground
from tests.peers import postfix as postfix_peer
from tests.peers.ca import Ca
from tests.peers.dovecot import Dovecot
from tests.peers.postfix import Postfix


@dataclass(frozen=True)
class MailServer:
    """Postfix and Dovecot wired: what is sent to any address can be read by IMAP with the one password."""

    postfix: Postfix
    dovecot: Dovecot
    ca: Ca
    host: str = "127.0.0.1"

    @property
    def password(self) -> str:
        return self.dovecot.password

    @property
    def smtp_port(self) -> int:
        return self.postfix.smtp_port

    @property
    def imap_port(self) -> int:
        return self.dovecot.imap_port


@pytest.fixture(scope="session")
def ca() -> Iterator[Ca]:
    """Give the session's certificate authority."""
    folder = ground.folder("ca")
    yield Ca(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def dovecot(ca: Ca) -> Iterator[Dovecot]:
    """Give a running Dovecot, or skip."""
    if reason := dovecot_peer.why_missing():
        pytest.skip(reason)
    peer = Dovecot(ca)
    try:
        peer.start()
        yield peer
    finally:
        peer.remove()


@pytest.fixture(scope="session")
def postfix(ca: Ca, dovecot: Dovecot) -> Iterator[Postfix]:
    """Give a running Postfix that delivers to Dovecot, or skip."""
    if reason := postfix_peer.why_missing():
        pytest.skip(reason)
    peer = Postfix(ca, dovecot)
    try:
        peer.start()
        yield peer
    finally:
        peer.remove()


@pytest.fixture(scope="session")
def mail_server(ca: Ca, postfix: Postfix, dovecot: Dovecot) -> MailServer:
    """Give both, wired."""
    return MailServer(postfix, dovecot, ca)
