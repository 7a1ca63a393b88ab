"""The listeners: where they listen, how many they let in, and how they stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.mail import Submission
from gateway.submission import server as server_module
from gateway.submission.server import SubmissionServer
from gateway.submission.session import MAX_RECIPIENTS
from gateway.submission.terms import Timers
from tests.peers.ca import Ca
from tests.submission.dialogue import Peer
from tests.submission.house import House, house, settings
from tests.submission.signed_in import greeted, signed_in, to_data
from tests.waiting import until

Logged = list[MutableMapping[str, Any]]


async def test_port_zero_takes_a_free_one_and_says_which(ca: Ca) -> None:
    async with house(ca, listen=["127.0.0.1:0", "127.0.0.1:0"], listen_tls=["127.0.0.1:0"]) as found:
        assert [listener.name for listener in found.listeners] == ["submission", "submission", "submission-tls"]
        assert len({listener.port for listener in found.listeners}) == 3
        assert all(listener.port and listener.host == "127.0.0.1" for listener in found.listeners)


async def test_a_port_that_is_taken_is_an_error_and_nothing_stays_open() -> None:
    async with house() as first:
        found = House()
        server = _server(found, listen=["127.0.0.1:0", f"127.0.0.1:{first.port}"])
        with pytest.raises(OSError):
            await server.start()
        assert not server._servers


async def test_sockets_of_systemd_are_served_instead_of_the_settings(ca: Ca) -> None:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    tls_port = sockets[1].getsockname()[1]
    found = House()
    server = SubmissionServer(
        settings(ca, listen=["127.0.0.1:1"], listen_tls=[f"127.0.0.1:{tls_port}"]),
        tls=ca.server_context(),
        sign_in=found.sign_in,
        accept=found.accept,
        begin=found.begin,
        now=lambda: datetime.now(UTC),
    )
    listeners = await server.start(sockets)
    assert [(one.name, one.port) for one in listeners] == [
        ("submission", sockets[0].getsockname()[1]),
        ("submission-tls", tls_port),
    ]
    peer = await signed_in(listeners[0].port)
    await peer.close()
    secure = await Peer.connect(tls_port, ssl=ca.client_context(), server_hostname="localhost")
    assert (await secure.reply()).startswith("220 ")
    await secure.close()
    await server.stop(1)


async def test_F1_one_address_cannot_take_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_PER_PEER", 3)
    async with house() as found:
        peers = [await greeted(found.port) for _ in range(3)]
        refused = await Peer.connect(found.port)
        assert (await refused.reply()).startswith("421 4.7.0")
        assert await refused.rest() == b""
        other = Peer(*await asyncio.open_connection("127.0.0.1", found.port, local_addr=("127.0.0.9", 0)))
        assert (await other.reply()).startswith("220 ")
        await peers[0].close()
        again = await until(lambda: _let_in(found.port))
        assert again is not None
        for peer in (*peers[1:], refused, other, again):
            await peer.close()


async def test_F1_a_full_server_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 1)
    async with house() as found:
        first = await greeted(found.port)
        second = await Peer.connect(found.port)
        assert (await second.reply()).startswith("421 4.3.2")
        await first.close()
        await second.close()


async def test_F2_a_silent_client_is_told_and_left() -> None:
    async with house(timers=Timers(command=0.2)) as found:
        peer = await greeted(found.port)
        peer.send(b"NOO")
        assert (await peer.reply()).startswith("421 4.4.2")
        assert await peer.rest() == b""
        await peer.close()


async def test_F3_an_endless_line_is_refused_without_being_kept() -> None:
    async with house() as found:
        peer = await greeted(found.port)
        peer.send(b"x" * 1_000_000)
        assert (await peer.reply()).startswith("500 5.5.2")
        assert await peer.rest() == b""
        await peer.close()


async def test_F3_recipients_beyond_the_limit_wait_for_another_message() -> None:
    async with house() as found:
        peer = await signed_in(found.port)
        await peer.ask("MAIL FROM:<ana@firm.example>")
        peer.send(b"".join(b"RCPT TO:<c%d@client.example>\r\n" % n for n in range(MAX_RECIPIENTS + 50)))
        codes = [(await peer.reply())[:9] for _ in range(MAX_RECIPIENTS + 50)]
        assert codes == ["250 2.1.5"] * MAX_RECIPIENTS + ["452 4.5.3"] * 50
        assert (await peer.ask("RCPT TO:<c1@client.example>")).startswith("250 ")  # named before
        await peer.ask("DATA")
        peer.send(b".\r\n")
        assert (await peer.reply()).startswith("250 ")
        assert len(found.accepted[0].recipients) == MAX_RECIPIENTS
        await peer.close()


async def test_commands_that_come_together_are_answered_together() -> None:
    async with house() as found:
        peer = await signed_in(found.port)
        peer.send(b"MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<bad>\r\nRSET\r\nNOOP\r\nQUIT\r\n")
        assert [(await peer.reply())[:3] for _ in range(6)] == ["250", "250", "501", "250", "250", "221"]
        assert await peer.rest() == b""
        await peer.close()


async def test_too_many_errors_end_the_connection() -> None:
    async with house() as found:
        peer = await greeted(found.port)
        for _ in range(30):
            assert (await peer.ask("FROB")).startswith("500 ")
        assert (await peer.ask("FROB")).startswith("421 4.7.0")
        assert await peer.rest() == b""
        await peer.close()


async def test_A3_stopping_tells_who_waits_and_lets_a_message_finish() -> None:
    async with house() as found:
        assert found.server is not None
        idle, busy = await greeted(found.port), await to_data(found.port)
        busy.send(b"Subject: x\r\n")
        stopping = asyncio.ensure_future(found.server.stop(10))
        assert (await idle.reply()).startswith("421 4.3.2")
        assert await idle.rest() == b""
        busy.send(b"\r\n.\r\n")
        assert (await busy.reply()).startswith("250 2.0.0")
        assert (await busy.reply()).startswith("421 4.3.2")
        await idle.close()
        await busy.close()
        await stopping
        assert found.accepted[0].raw == b"Subject: x\r\n\r\n"
        with pytest.raises(OSError):
            await Peer.connect(found.port)


async def test_A3_a_message_that_does_not_finish_in_time_is_cut() -> None:
    async with house() as found:
        assert found.server is not None
        peer = await to_data(found.port)
        await found.server.stop(0.1)
        assert (await peer.rest()).startswith(b"421 4.3.2")
        assert found.accepted == []
        await peer.close()


async def test_a_message_that_breaks_off_is_noted_and_not_taken(logged: Logged) -> None:
    async with house() as found:
        peer = await to_data(found.port)
        peer.send(b"Subject: x\r\n\r\n.\r")
        peer.writer.write_eof()
        assert await peer.rest() == b""
        await until(lambda: [line for line in logged if line["event"] == "session-aborted"])
        assert found.accepted == []
        await peer.close()


async def test_what_is_accepted_says_who_where_and_when() -> None:
    async with house() as found:
        peer = await signed_in(found.port)
        await peer.ask("MAIL FROM:<Ana.Pop@FIRM.example> SMTPUTF8")
        await peer.ask("RCPT TO:<Al@Client.Example>")
        await peer.ask("RCPT TO:<bo@münchen.example>".encode())
        await peer.ask("DATA")
        peer.send(b"Subject: x\r\n\r\n.\r\n")
        await peer.reply()
        await peer.close()
    (submission,) = found.accepted
    assert isinstance(submission, Submission)
    assert (submission.login, submission.peer, submission.tls, submission.smtputf8) == ("ana", "127.0.0.1", False, True)
    assert str(submission.sender) == "Ana.Pop@firm.example"
    assert [str(one) for one in submission.recipients] == ["Al@client.example", "bo@xn--mnchen-3ya.example"]
    assert abs((datetime.now(UTC) - submission.received_at).total_seconds()) < 60


async def _let_in(port: int) -> Peer | None:
    peer = await Peer.connect(port)
    if (await peer.reply()).startswith("220 "):
        return peer
    await peer.close()
    return None


def _server(found: House, listen: list[str]) -> SubmissionServer:
    return SubmissionServer(
        settings(listen=listen),
        tls=None,
        sign_in=found.sign_in,
        accept=found.accept,
        begin=found.begin,
        now=lambda: datetime.now(UTC),
    )
