"""A provider with two accounts, and connections to its IMAP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.trial.provider import TrialProvider
from tests.proxy.talk import Talk

AL, SUPPORT = "al@pacino.example", "support@firm.example"

LETTER = (
    b"From: =?utf-8?q?Al_P=C4=83cino?= <al@pacino.example>\r\n"
    b'To: support@firm.example, "Pop, Ana" <ana@firm.example>\r\n'
    b"Cc: \r\n"
    b"Subject: A (small) letter\r\n"
    b"Date: Sun, 22 Nov 2026 10:00:00 +0200\r\n"
    b"Message-ID: <1@pacino.example>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n"
    b"\r\n"
    b"preamble\r\n"
    b"--b\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"\r\n"
    b"first line\r\nsecond line\r\n"
    b"--b\r\n"
    b"Content-Type: application/pdf; name=a.pdf\r\n"
    b"Content-Disposition: attachment; filename*=utf-8''%C4%83.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\n"
    b"\r\n"
    b"JVBERg==\r\n"
    b"--b--\r\n"
)


@pytest.fixture
async def provider() -> AsyncIterator[TrialProvider]:
    """Give one for this test alone."""
    async with TrialProvider({AL: "secret", SUPPORT: "secret"}) as running:
        yield running


@pytest.fixture
async def talk(provider: TrialProvider) -> AsyncIterator[Talk]:
    """Give a connection that is signed in as the client."""
    async with Talk(provider.imap_port) as talking:
        yield await talking.sign_in()
