"""STARTTLS and implicit TLS: no plaintext is obeyed behind the handshake, no password is taken before it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.submission.server import SubmissionServer
from gateway.submission.terms import Timers
from tests.peers.ca import Ca
from tests.submission.dialogue import Peer
from tests.submission.house import House, house, settings
from tests.submission.signed_in import greeted, plain

INJECTED = b"STARTTLS\r\nEHLO x\r\n" + plain().encode() + b"\r\nMAIL FROM:<a@b.example>\r\n"


async def _secured(peer: Peer, ca: Ca) -> Peer:
    assert (await peer.ask("STARTTLS")).startswith("220 2.0.0")
    await peer.writer.start_tls(ca.client_context(), server_hostname="localhost")
    return peer


async def test_a_mail_program_signs_in_behind_starttls(ca: Ca) -> None:
    async with house(ca) as found:
        peer = await greeted(found.port)
        assert "250-STARTTLS" in peer.seen
        await _secured(peer, ca)
        assert (await peer.ask("EHLO x")).startswith("250-")
        assert peer.seen.count("250-STARTTLS") == 1  # not offered again
        assert (await peer.ask("STARTTLS")).startswith("503 ")
        assert (await peer.ask(plain())).startswith("235 ")
        await peer.ask("MAIL FROM:<ana@firm.example>")
        await peer.ask("RCPT TO:<c@client.example>")
        await peer.ask("DATA")
        peer.send(b"Subject: x\r\n\r\n" + b"y\r\n" * 20_000 + b".\r\n")
        assert (await peer.reply()).startswith("250 ")
        assert found.accepted[0].tls
        assert (await peer.ask("QUIT")).startswith("221 ")
        assert await peer.rest() == b""
        await peer.close()


@pytest.mark.parametrize("cut", range(len(INJECTED)))
async def test_S5_plaintext_behind_starttls_is_not_executed(ca: Ca, cut: int) -> None:
    """The octets before the cut in one segment, the rest in another; then the handshake, if it comes to that."""
    async with house(ca, timers=Timers(sign_in=2)) as found:
        peer = await greeted(found.port)
        peer.send(INJECTED[:cut])
        await asyncio.sleep(0)
        peer.send(INJECTED[cut:])
        line = await peer.line()
        if line.startswith("220 "):
            try:
                async with asyncio.timeout(5):
                    await peer.writer.start_tls(ca.client_context(), server_hostname="localhost")
                    assert (await peer.ask("NOOP")).startswith("250 2.0.0")  # nothing else was answered before it
            except OSError:
                pass
        assert found.tried == []
        assert found.accepted == []
        peer.writer.transport.abort()


async def test_M1_one_segment_with_starttls_and_a_command_ends_the_connection(ca: Ca) -> None:
    async with house(ca) as found:
        peer = await greeted(found.port)
        peer.send(INJECTED)
        assert (await peer.line()).startswith("220 ")
        assert await peer.rest() == b""
        assert found.tried == []
        await peer.close()


async def test_S6_what_was_said_before_tls_is_forgotten(ca: Ca) -> None:
    async with house(ca) as found:
        peer = await greeted(found.port)
        await peer.ask(plain())
        assert (await peer.ask("MAIL FROM:<ana@firm.example>")).startswith("250 ")
        await _secured(peer, ca)
        assert await peer.ask("MAIL FROM:<ana@firm.example>") == "503 5.5.1 Say EHLO first"
        assert await peer.ask(plain()) == "503 5.5.1 Say EHLO first"
        await peer.ask("EHLO x")
        assert (await peer.ask("RCPT TO:<c@client.example>")).startswith("530 5.7.0")
        assert (await peer.ask("MAIL FROM:<ana@firm.example>")).startswith("530 5.7.0")
        await peer.close()


@pytest.mark.parametrize(
    "command", [plain(), plain().lower(), "AUTH PLAIN", "AUTH LOGIN", "auth login YW5h", "AUTH XYZ"]
)
async def test_S7_no_password_is_taken_in_clear_from_another_machine(ca: Ca, tmp_path: Path, command: str) -> None:
    """A Unix socket stands for the other machine: its peer is not of loopback."""
    found = House()
    path = tmp_path / "submission.sock"
    server = await _on_unix_socket(found, path, ca.server_context())
    reader, writer = await asyncio.open_unix_connection(str(path))
    peer = Peer(reader, writer)
    await peer.reply()
    assert "AUTH" not in await peer.ask("EHLO x")
    assert (await peer.ask(command)).startswith("538 5.7.11")
    assert not any(line.startswith("334") for line in peer.seen)
    assert (await peer.ask("MAIL FROM:<ana@firm.example>")).startswith("530 5.7.0")
    await _secured(peer, ca)
    assert "250-AUTH PLAIN LOGIN" in await peer.ask("EHLO x")
    assert found.tried == []
    await peer.close()
    await server.stop(1)


async def test_where_tls_is_not_required_nobody_is_asked_for_it(tmp_path: Path) -> None:
    found = House()
    path = tmp_path / "submission.sock"
    server = await _on_unix_socket(found, path, None, require_tls=False)
    peer = Peer(*await asyncio.open_unix_connection(str(path)))
    await peer.reply()
    assert "250-AUTH PLAIN LOGIN" in await peer.ask("EHLO x")
    assert (await peer.ask(plain())).startswith("235 ")
    await peer.close()
    await server.stop(1)


async def test_implicit_tls_from_the_first_octet(ca: Ca) -> None:
    async with house(ca, listen=[], listen_tls=["127.0.0.1:0"]) as found:
        assert [listener.name for listener in found.listeners] == ["submission-tls"]
        peer = await Peer.connect(found.port, ssl=ca.client_context(), server_hostname="localhost")
        assert (await peer.reply()).startswith("220 ")
        offers = await peer.ask("EHLO x")
        assert "STARTTLS" not in offers
        assert "250-AUTH PLAIN LOGIN" in offers
        await peer.close()


@pytest.mark.parametrize("octets", [b"", b"EHLO x\r\n", b"\x16\x03\x01"])
async def test_F2_a_handshake_that_does_not_come_about_ends_in_time(ca: Ca, octets: bytes) -> None:
    async with house(ca, listen=[], listen_tls=["127.0.0.1:0"], timers=Timers(sign_in=0.3)) as found:
        peer = await Peer.connect(found.port)
        peer.send(octets)
        rest = await peer.rest()
        assert b"220" not in rest
        await peer.close()


async def _on_unix_socket(
    found: House, path: Path, tls: ssl.SSLContext | None, *, require_tls: bool = True
) -> SubmissionServer:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(path))
    server = SubmissionServer(
        settings(require_tls=require_tls),
        tls=tls,
        sign_in=found.sign_in,
        accept=found.accept,
        begin=found.begin,
        now=lambda: datetime.now(UTC),
    )
    (listener,) = await server.start([sock])
    assert listener.host == str(path)
    return server
