"""Shortcuts into a session: signed in, and behind 354."""

from __future__ import annotations

import base64

from tests.submission.dialogue import Peer
from tests.submission.house import LOGIN, PASSWORD


def plain(login: str = LOGIN, password: str = PASSWORD, authzid: str = "") -> str:
    """Return the command that signs in by PLAIN."""
    return "AUTH PLAIN " + base64.b64encode(f"{authzid}\0{login}\0{password}".encode()).decode()


async def greeted(port: int) -> Peer:
    """Return a session after EHLO."""
    peer = await Peer.connect(port)
    assert (await peer.reply()).startswith("220 ")
    assert (await peer.ask("EHLO mail.program")).startswith("250-")
    return peer


async def signed_in(port: int) -> Peer:
    """Return a session after AUTH."""
    peer = await greeted(port)
    assert (await peer.ask(plain())).startswith("235 ")
    return peer


async def to_data(port: int) -> Peer:
    """Return a session that waits for the message."""
    peer = await signed_in(port)
    assert (await peer.ask("MAIL FROM:<ana@firm.example>")).startswith("250 ")
    assert (await peer.ask("RCPT TO:<c@client.example>")).startswith("250 ")
    assert (await peer.ask("DATA")).startswith("354 ")
    return peer
