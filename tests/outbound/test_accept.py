"""What acceptance queues, and what it never lets leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.domain.address import Address
from gateway.domain.errors import GrantMissing
from gateway.domain.firm import Rule, When
from gateway.domain.mail import QueueState
from gateway.mime.header import Header
from tests.rig import AL, STRANGER, SUPPORT, letter, rig


async def test_what_was_accepted_is_queued_with_its_copies_apart(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await r.accepted(letter(), AL, STRANGER)
        assert [(str(one.address), one.bcc) for one in entry.recipients] == [
            (AL, False),
            (STRANGER, False),
            ("archive@firm.example", True),
        ]
        assert (entry.state, entry.login, str(entry.sender)) == (QueueState.QUEUED, "ana", SUPPORT)
        assert r.woken == 1
        raw = await r.store.bodies.get(entry.sha256)
        assert b"-- \r\nAna Pop" in raw
        assert Header.read(raw).text("Message-ID") == entry.message_id


async def test_B3_the_trace_line_names_neither_the_member_nor_their_network(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await r.accepted()
        raw = await r.store.bodies.get(entry.sha256)
    first = raw.partition(b"\r\n\r\n")[0]
    assert first.startswith(b"Received: by mail.firm.example (Postern) with ESMTPA id " + entry.id.encode())
    assert b"192.0.2.7" not in raw
    assert b"ana@" not in raw
    assert b"archive@" not in raw


@pytest.mark.parametrize(
    "line",
    ["Bcc: x@else.example", "bcc: x@else.example", "Resent-Bcc: x@else.example", "Return-Path: <x@else.example>"],
)
async def test_B1_fields_that_must_not_leave_do_not(tmp_path: Path, line: str) -> None:
    async with rig(tmp_path) as r:
        entry = await r.accepted(letter(extra=line))
        assert b"x@else.example" not in await r.store.bodies.get(entry.sha256)


async def test_date_and_message_id_of_the_author_are_kept(tmp_path: Path) -> None:
    extra = "Date: Mon, 2 Feb 2026 08:00:00 +0200\r\nMessage-ID: <own@firm.example>"
    async with rig(tmp_path) as r:
        entry = await r.accepted(letter(extra=extra))
        raw = await r.store.bodies.get(entry.sha256)
    assert entry.message_id == "<own@firm.example>"
    assert raw.count(b"Message-ID:") == raw.count(b"\r\nDate:") == 1
    assert extra.encode() in raw


async def test_a_rule_that_shows_the_sender_shows_the_authors_own_address(tmp_path: Path) -> None:
    rules = (Rule("show", sender=True, display_name="Popescu", reply_to="office@firm.example"),)
    async with rig(tmp_path, rules=rules) as r:
        raw = await r.store.bodies.get((await r.accepted()).sha256)
    header = Header.read(raw)
    assert header.text("Sender") == "Ana Pop <ana@firm.example>"
    assert header.text("From") == "Popescu <support@firm.example>"
    assert header.text("Reply-To") == "office@firm.example"


async def test_a_sender_field_of_the_mail_program_does_not_leave_unasked(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        raw = await r.store.bodies.get((await r.accepted(letter(extra="Sender: Ana <ana@firm.example>"))).sha256)
    assert not Header.read(raw).all("Sender")


async def test_P1_a_sender_field_of_somebody_else_is_refused_and_nothing_queued(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        with pytest.raises(GrantMissing, match="Sender"):
            await r.accepted(letter(extra="Sender: boss@bank.example"))
        assert await r.store.queue.list() == []


async def test_B3_our_own_control_fields_decide_and_never_leave(tmp_path: Path) -> None:
    rules = (Rule("tagged", When(header=(("X-Postern-Copy", "yes"),)), bcc=(Address("archive", "firm.example"),)),)
    extra = "X-Postern-Copy: Yes\r\nx-postern-anything: at all\r\nX-Postern : odd\r\nX-Posternity: stays"
    async with rig(tmp_path, rules=rules) as r:
        entry = await r.accepted(letter(extra=extra))
        raw = await r.store.bodies.get(entry.sha256)
        assert entry.rules == ("tagged",)
        assert (await r.accepted()).rules == ()
    names = [span.name for span in Header.read(raw).fields if span.name.lower().startswith("x-postern")]
    assert names == ["X-Postern", "X-Posternity"]


async def test_a_rule_sends_it_as_the_shared_mailbox_and_nothing_else_of_the_header_moves(tmp_path: Path) -> None:
    rules = (Rule("as support", send_as=Address("support", "firm.example")),)
    async with rig(tmp_path, rules=rules) as r:
        written = letter(sender="Ana Pop <ana@firm.example>", extra="X-Odd:   kept  as\r\n\t it is")
        queue_id = await r.acceptance(r.submission(written, sender="ana@firm.example"))
        entry = await r.store.queue.get(queue_id)
        raw = await r.store.bodies.get(entry.sha256)
    assert entry.mailbox == SUPPORT
    assert Header.read(raw).text("From") == "Ana Pop <support@firm.example>"
    assert b"X-Odd:   kept  as\r\n\t it is\r\n" in raw


async def test_what_is_refused_leaves_nothing_in_the_queue(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        with pytest.raises(GrantMissing, match="no mailbox with that address"):
            await r.acceptance(r.submission(letter(sender="boss@bank.example")))
        assert await r.store.queue.list() == []
        assert r.woken == 0
