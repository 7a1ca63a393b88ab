"""What an IMAP session promises, kept on Dovecot and on the trial provider alike."""

from __future__ import annotations

import asyncio
import imaplib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from gateway.domain.address import Address
from gateway.domain.errors import CommandRefused, SignInRefused, TooLarge, Unreachable
from gateway.domain.firm import Security
from gateway.policy.cursor import within
from gateway.upstream.imap import ImapSession, sent_folder
from gateway.upstream.imap.session import Letter, Marked, Since
from tests.peers import dovecot as dovecot_peer
from tests.peers.ca import Ca
from tests.upstream.imap.contract import DovecotPeer, Peer, connect, mail, trial_peer

AL = Address("al", "pacino.example")
WAIT = 30  # seconds: two busy cores


@pytest.fixture(params=["trial", "trial-bare", pytest.param("dovecot", marks=pytest.mark.real)])
async def peer(request: pytest.FixtureRequest, ca: Ca) -> AsyncIterator[Peer]:
    """Give an account on each kind of server; the bare one lacks what servers may lack."""
    if request.param == "dovecot":
        if reason := dovecot_peer.why_missing():
            pytest.skip(reason)
        yield DovecotPeer(request.getfixturevalue("dovecot"), ca)
        return
    bare = ("LITERAL+", "SASL-IR", "AUTH=PLAIN", "ESEARCH", "SPECIAL-USE", "CONDSTORE", "QRESYNC", "NOTIFY", "ID")
    async with trial_peer(ca, without=bare if request.param == "trial-bare" else ()) as trial:
        yield trial


@pytest.fixture
async def session(peer: Peer) -> AsyncIterator[ImapSession]:
    """Give a session on it."""
    opened = await connect(peer)
    yield opened
    await opened.close()


@pytest.mark.parametrize("security", list(Security))
async def test_it_signs_in_over_every_kind_of_connection(peer: Peer, security: Security) -> None:
    session = await connect(peer, security)
    assert (await session.examine("INBOX")).exists == 0
    await session.close()


@pytest.mark.parametrize("password", ["wrong", "", 'quo"ted\\', "pässwort", "x" * 2000])
async def test_a_wrong_password_is_refused_as_such(peer: Peer, password: str) -> None:
    with pytest.raises(SignInRefused) as refused:
        await connect(peer, password=password)
    assert not password or password not in refused.value.sentence + refused.value.detail


async def test_an_unknown_certificate_is_not_talked_to(peer: Peer, tmp_path: object) -> None:
    peer.trust = None  # type: ignore[assignment]  # only the system's authorities
    for security in (Security.TLS, Security.STARTTLS):
        with pytest.raises(Unreachable, match="can't be protected"):
            await connect(peer, security)


async def test_folders_are_listed_and_the_sent_one_is_found(session: ImapSession) -> None:
    folders = await session.folders()
    assert "INBOX" in [folder.name for folder in folders]
    sent = sent_folder(folders)
    assert sent is not None
    assert sent.name == "Sent"


async def test_a_folder_that_does_not_exist_is_refused_and_the_session_lives_on(session: ImapSession) -> None:
    with pytest.raises(CommandRefused):
        await session.examine('no such "folder" {5} & é')
    assert (await session.examine("INBOX")).uidvalidity > 0


@pytest.mark.parametrize("name", ["a\r\nA1 DELETE INBOX", "a\0", "a\nA2 OK done", "\x7f"])
async def test_I11_a_folder_name_with_a_control_character_reaches_no_command(session: ImapSession, name: str) -> None:
    for refused in (session.examine(name), session.append(name, b"x: y\r\n\r\n"), session.find_message_id(name, "<a>")):
        with pytest.raises(CommandRefused):
            await refused
    assert (await session.examine("INBOX")).exists == 0


async def test_headers_and_bodies_come_as_they_are(peer: Peer, session: ImapSession) -> None:
    raws = [
        mail("al@pacino.example", peer.address, subject="(((", body=b"one\r\n.\r\n)\r\n"),
        mail("x@y.example", peer.address, body=bytes(range(128, 256)) * 3000 + b"\r\n"),
    ]
    await session.examine("INBOX")
    for raw in raws:
        await peer.deliver(raw)
    state = await session.examine("INBOX")
    assert (state.exists, state.uidnext) == (2, 3)
    rows = await session.fetch_headers(1, None)
    assert [row.uid for row in rows] == [1, 2]
    for row, raw in zip(rows, raws, strict=True):
        body = await session.fetch_body(row.uid, 10**6)
        assert body is not None
        assert body.endswith(raw)  # a delivery may put fields on top
        assert row.header == body.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        assert row.size == len(body)
        assert row.internaldate is not None


async def test_new_mail_is_what_lies_at_or_above_a_uid(peer: Peer, session: ImapSession) -> None:
    for _ in range(3):
        await peer.deliver(mail("al@pacino.example", peer.address))
    await session.examine("INBOX")
    assert [row.uid for row in await session.fetch_headers(3, None)] == [3]
    assert await session.fetch_headers(4, None) == []  # 4:* means the last one, RFC 9051 section 9
    assert [row.uid for row in await session.fetch_headers(1, 2)] == [1, 2]
    assert [row.uid for row in await session.fetch_headers(1, 5000)] == [1, 2, 3]
    assert [row.uid for row in await session.fetch_headers(1, None, uids=[3, 1, 99])] == [1, 3]


async def test_a_uid_that_is_gone_is_none(session: ImapSession) -> None:
    await session.examine("INBOX")
    assert await session.fetch_body(12345, 1000) is None


async def test_a_message_over_the_limit_is_too_large_and_the_session_lives_on(peer: Peer, session: ImapSession) -> None:
    await peer.deliver(mail("al@pacino.example", peer.address, body=b"x" * 70 + b"\r\n"))
    await session.examine("INBOX")
    (row,) = await session.fetch_headers(1, None)
    with pytest.raises(TooLarge):
        await session.fetch_body(1, row.size - 1)
    body = await session.fetch_body(1, row.size)
    assert body is not None
    assert len(body) == row.size


async def test_mail_of_an_address_is_found_in_every_field(peer: Peer, session: ImapSession) -> None:
    strangers = [Address(f"stranger{number}", "elsewhere.example") for number in range(24)]
    await peer.deliver(mail("Al <AL@Pacino.Example>", peer.address))
    await peer.deliver(mail("x@y.example", peer.address))
    await peer.deliver(mail("x@y.example", "al@pacino.example"))
    await peer.deliver(mail("x@y.example", peer.address, cc="b@c.example, al@pacino.example"))
    await peer.deliver(mail("stranger23@elsewhere.example", peer.address))
    await session.examine("INBOX")
    assert await session.search_addresses([AL], 100) == [1, 3, 4]
    assert await session.search_addresses([AL], 4) == [1, 3]
    assert await session.search_addresses([AL], 1) == []
    assert await session.search_addresses([AL, *strangers], 100) == [1, 3, 4, 5]
    assert await session.search_addresses([], 100) == []


async def test_an_address_beyond_ASCII_stops_no_search(peer: Peer, session: ImapSession) -> None:
    await peer.deliver(mail("al@pacino.example", peer.address))
    await session.examine("INBOX")
    assert await session.search_addresses([Address("ștefan", "firm.example"), AL], 100) == [1]


async def test_what_was_appended_lies_there_with_its_date_and_flag(peer: Peer, session: ImapSession) -> None:
    raw = mail("ana@firm.example", "al@pacino.example", message_id="<one@firm.example>", body=b"x" * 76 + b"\r\n")
    raw += (b"y" * 76 + b"\r\n") * 20_000
    at = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
    placed = await session.append("Sent", raw, at=at)
    assert placed is not None
    state = await session.examine("Sent")
    assert placed == (state.uidvalidity, 1)
    (row,) = await session.fetch_headers(1, None)
    assert row.internaldate == at
    assert await session.fetch_body(1, len(raw)) == raw
    assert await asyncio.to_thread(flags, peer, "Sent") == {"\\Seen"}


async def test_many_are_appended_at_once_where_the_server_takes_them_so(peer: Peer, session: ImapSession) -> None:
    raws = [mail("ana@firm.example", "al@pacino.example", body=b"x\r\n" * size) for size in (1, 900, 40_000, 2)]
    at = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
    assert session.takes_many is ("MULTIAPPEND" in session.capabilities)
    letters = [Letter(raws[0], at), *(Letter(raw) for raw in raws[1:])]
    if not session.takes_many:
        with pytest.raises(CommandRefused):
            await session.append_all("Sent", letters)
        return
    with pytest.raises(CommandRefused):
        await session.append_all("Nowhere", letters)
    placed = await session.append_all("Sent", letters)
    state = await session.examine("Sent")
    assert placed == [(state.uidvalidity, uid) for uid in (1, 2, 3, 4)]
    assert [await session.fetch_body(uid, 2**20) for uid in (1, 2, 3, 4)] == raws
    assert (await session.fetch_headers(1, 1))[0].internaldate == at
    assert await asyncio.to_thread(flags, peer, "Sent") == {"\\Seen"}


async def test_what_comes_while_a_folder_is_open_is_found_by_its_name_too(peer: Peer, session: ImapSession) -> None:
    names = ["<one@firm.example>", "<two@firm.example>"]
    assert await session.find_message_ids("Sent", names) == frozenset()
    other = await connect(peer)
    await other.append("Sent", mail("a@b.example", "c@d.example", message_id=names[1]))
    await other.close()
    assert await session.find_message_ids("Sent", names) == {names[1]}
    await session.append("Sent", mail("a@b.example", "c@d.example", message_id=names[0]))
    assert await session.find_message_ids("Sent", names) == set(names)


async def test_an_append_to_a_folder_that_does_not_exist_is_refused(session: ImapSession) -> None:
    with pytest.raises(CommandRefused):
        await session.append("Nowhere", mail("a@b.example", "c@d.example", body=b"x" * 10_000))
    assert await session.append("Sent", mail("a@b.example", "c@d.example")) is not None


async def test_a_message_id_is_found_and_its_quotes_hurt_nobody(session: ImapSession) -> None:
    await session.append("Sent", mail("a@b.example", "c@d.example", message_id="<one@firm.example>"))
    await session.append("Sent", mail("a@b.example", "c@d.example", message_id="<two@firm.example>"))
    assert await session.find_message_id("Sent", "<two@firm.example>") == [2]
    assert await session.find_message_id("Sent", "<three@firm.example>") == []
    assert await session.find_message_id("Sent", "") == []


@pytest.mark.parametrize(
    "message_id", ["x\r\nA1 DELETE INBOX", 'x" UNSEEN "', "x\\", "x\0y", "(", "*", "é", "x" * 5000]
)
async def test_I11_a_hostile_message_id_is_only_ever_searched_for(session: ImapSession, message_id: str) -> None:
    assert await session.find_message_id("Sent", message_id) == []
    assert (await session.examine("INBOX")).exists == 0


async def test_nothing_that_is_looked_at_is_marked(peer: Peer, session: ImapSession) -> None:
    await peer.deliver(mail("al@pacino.example", peer.address))
    await session.examine("INBOX")
    await session.fetch_headers(1, None)
    await session.fetch_body(1, 10**6)
    await session.search_addresses([AL], 100)
    await session.close()
    assert "\\Seen" not in await asyncio.to_thread(flags, peer, "INBOX")


async def test_idling_ends_when_mail_comes_and_then_all_is_quiet(peer: Peer, session: ImapSession) -> None:
    await session.examine("INBOX")
    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
        waiting = group.create_task(session.idle(WAIT))
        group.create_task(peer.deliver(mail("al@pacino.example", peer.address)))
    assert waiting.result() is True
    assert await session.idle(0.1) is False
    assert [row.uid for row in await session.fetch_headers(1, None)] == [1]


async def test_idling_in_vain_ends_at_its_time(session: ImapSession) -> None:
    await session.examine("INBOX")
    async with asyncio.timeout(WAIT):
        assert await session.idle(0.2) is False
    assert (await session.examine("INBOX")).exists == 0


async def test_mail_that_came_between_two_calls_is_not_slept_over(peer: Peer, session: ImapSession) -> None:
    await session.examine("INBOX")
    await peer.deliver(mail("al@pacino.example", peer.address))
    async with asyncio.timeout(WAIT):
        while not await session.fetch_headers(1, None):
            await session.search_addresses([AL], 2)
        assert await session.idle(WAIT) is True


async def test_a_connection_that_the_server_drops_is_noticed_while_idling(peer: Peer, session: ImapSession) -> None:
    await session.examine("INBOX")
    async with asyncio.timeout(WAIT):
        waiting = asyncio.create_task(session.idle(WAIT * 10))
        await peer.drop()
        with pytest.raises(Unreachable):
            await waiting


async def test_commands_given_at_once_are_done_one_after_another(peer: Peer, session: ImapSession) -> None:
    for _ in range(5):
        await peer.deliver(mail("al@pacino.example", peer.address))
    await session.examine("INBOX")
    answers = await asyncio.gather(*(session.fetch_headers(1, uid) for uid in (1, 2, 3, 4, 5)))
    assert [len(rows) for rows in answers] == [1, 2, 3, 4, 5]


async def test_a_session_that_was_closed_says_so(session: ImapSession) -> None:
    await session.close()
    with pytest.raises(Unreachable):
        await session.examine("INBOX")


def flags(peer: Peer, folder: str, number: int = 1) -> set[str]:
    """Flags of one of the folder's messages, as another client sees them."""
    endpoint = peer.endpoint(Security.NONE)
    with imaplib.IMAP4(endpoint.host, endpoint.port, timeout=WAIT) as imap:
        imap.authenticate("PLAIN", lambda _: f"\0{peer.address}\0{peer.password}".encode())
        imap.select(folder, readonly=True)
        _, (row, *_) = imap.fetch(str(number), "(FLAGS)")
        assert isinstance(row, bytes)
        return {flag.decode() for flag in imaplib.ParseFlags(row)} - {"\\Recent"}


async def test_message_ids_are_looked_for_many_at_once(peer: Peer, session: ImapSession) -> None:
    ids = [f"<{number}@firm.example>" for number in range(45)]
    for there in (ids[3], ids[44]):
        await session.append("Sent", f"Message-ID: {there}\r\n\r\nx\r\n".encode())
    long = f"<{'x' * 300}@firm.example>"
    await session.append("Sent", f"Message-ID: {long}\r\n\r\nx\r\n".encode())
    looked_for = [*ids, long, "<ü@firm.example>", "", "\0"]
    assert await session.find_message_ids("Sent", looked_for) == {ids[3], ids[44], long}
    assert await session.find_message_ids("Sent", ["", "\0"]) == frozenset()


async def test_what_was_answered_is_marked_so_and_nothing_else_is_touched(peer: Peer, session: ImapSession) -> None:
    for _ in range(2):
        await peer.deliver(mail(str(AL), peer.address))
    state = await session.examine("INBOX")
    first, second = await session.uids(1)
    assert await session.mark_answered("INBOX", state.uidvalidity + 1, [second]) is Marked.RENUMBERED
    assert await asyncio.to_thread(flags, peer, "INBOX", 2) == set()
    assert await session.mark_answered("INBOX", state.uidvalidity, [second, second + 9]) is Marked.DONE
    assert await session.mark_answered("INBOX", state.uidvalidity, [second]) is Marked.DONE
    assert await asyncio.to_thread(flags, peer, "INBOX", 1) == set()
    assert await asyncio.to_thread(flags, peer, "INBOX", 2) == {"\\Answered"}
    with pytest.raises(CommandRefused):
        await session.mark_answered("there is none", 1, [first])
    assert (await session.examine("INBOX")).exists == 2


def expunge(peer: Peer, *numbers: int) -> None:
    """What another mail program does in the INBOX."""
    endpoint = peer.endpoint(Security.NONE)
    with imaplib.IMAP4(endpoint.host, endpoint.port, timeout=WAIT) as imap:
        imap.authenticate("PLAIN", lambda _: f"\0{peer.address}\0{peer.password}".encode())
        imap.select("INBOX")
        imap.store(",".join(map(str, numbers)), "+FLAGS", "(\\Deleted)")
        imap.expunge()


async def test_what_went_since_is_told_where_the_server_can(peer: Peer, session: ImapSession) -> None:
    for _ in range(4):
        await peer.deliver(mail(str(AL), peer.address))
    state = await session.examine("INBOX")
    if "QRESYNC" not in session.capabilities:
        assert (await session.examine("INBOX", Since(state.uidvalidity, 1))).vanished is None
        return
    assert state.vanished is None
    since = Since(state.uidvalidity, state.highestmodseq)
    assert (await session.examine("INBOX", since)).vanished == ()
    await asyncio.to_thread(expunge, peer, 2, 3)
    told = await session.examine("INBOX", since)
    assert told.vanished is not None
    assert within([1, 2, 3, 4], told.vanished) == {2, 3}
    assert told.exists == session.exists == 2
    assert (await session.examine("INBOX", Since(state.uidvalidity + 1, 1))).vanished is None
    waiting = asyncio.create_task(session.idle(WAIT))
    await asyncio.to_thread(expunge, peer, 1)
    assert await waiting
    assert session.exists == 1


async def test_news_of_other_folders_ends_the_wait_where_the_server_tells_them(
    peer: Peer, session: ImapSession
) -> None:
    await session.examine("Sent")
    assert await session.notify() is ("NOTIFY" in session.capabilities)
    await session.folders()
    await session.sights(["INBOX", "Sent"])
    assert not session.heard_elsewhere()
    if "NOTIFY" not in session.capabilities:
        return
    waiting = asyncio.create_task(session.idle(WAIT))
    await peer.deliver(mail(str(AL), peer.address))
    async with asyncio.timeout(WAIT):
        await waiting
    assert session.heard_elsewhere()
    assert not session.heard_elsewhere()
    assert (await session.sights(["INBOX"]))["INBOX"].messages == 1
