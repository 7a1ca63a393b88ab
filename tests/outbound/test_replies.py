"""A reply to a client's mail leaves from the address that the client wrote to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from gateway.domain.errors import GrantMissing, TemporaryFailure
from gateway.domain.firm import Client, Contact, ContactAddress, Firm, Grant, Rule, Signature
from gateway.domain.mail import QueueEntry
from gateway.domain.record import Direction, Location, NewFiling
from gateway.mime.address import parse_address
from gateway.mime.facts import facts
from gateway.mime.header import Header
from gateway.outbound.prepare import today
from tests.rig import AL, ANA, STRANGER, SUPPORT, Rig, client_letter, letter, rig

ANSWERING = "In-Reply-To: <1@pacino.example>"


async def arrive(r: Rig, raw: bytes = b"", client: str = "Al Pacino", box: Direction = Direction.INBOX) -> None:
    raw = raw or client_letter()
    await r.store.record.file(
        NewFiling(
            raw=raw,
            facts=facts(raw),
            clients=((client, box),),
            filed_at=r.clock(),
            location=Location(SUPPORT, "I", 1, 1),
        )
    )


async def reply(
    r: Rig, *to: str, extra: str = ANSWERING, sender: str = f"Ana Pop <{ANA}>"
) -> tuple[QueueEntry, Header]:
    queue_id = await r.acceptance(r.submission(letter(sender=sender, extra=extra), *to, sender=ANA))
    entry = await r.store.queue.get(queue_id)
    return entry, Header.read(await r.store.bodies.get(entry.sha256))


async def test_a_reply_leaves_as_the_mailbox_that_the_client_wrote_to(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await arrive(r)
        entry, header = await reply(r)
    assert (entry.mailbox, str(entry.sender), entry.grant) == (SUPPORT, SUPPORT, "attached")
    assert header.text("From") == f"Ana Pop <{SUPPORT}>"
    assert header.text("Message-ID").endswith("@firm.example>")


@pytest.mark.parametrize(
    "extra",
    [
        "References: <1@pacino.example>",
        "In-Reply-To: <unknown@x>\r\nReferences: <1@pacino.example> <unknown@x>",
        "In-Reply-To: Your message\r\n of today <1@pacino.example>",
    ],
)
async def test_references_tell_as_well_which_mail_is_answered(tmp_path: Path, extra: str) -> None:
    async with rig(tmp_path) as r:
        await arrive(r)
        assert (await reply(r, extra=extra))[0].mailbox == SUPPORT


async def test_the_nearest_mail_of_the_client_decides(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await arrive(r)
        await arrive(r, client_letter(message_id="<2@pacino.example>").replace(SUPPORT.encode(), ANA.encode()))
        refs = "References: <1@pacino.example> <2@pacino.example> <own@firm.example>"
        assert (await reply(r, extra=refs))[0].mailbox == ANA
        refs = "References: <2@pacino.example> <1@pacino.example>"
        assert (await reply(r, extra=refs))[0].mailbox == SUPPORT


@pytest.mark.parametrize(
    ("to", "extra"),
    [
        ((), "Subject: Re: no reply"),
        ((), "In-Reply-To: <other@pacino.example>"),
        ((STRANGER,), ANSWERING),
    ],
)
async def test_what_answers_no_mail_of_a_client_who_gets_it_leaves_as_asked(
    tmp_path: Path, to: tuple[str, ...], extra: str
) -> None:
    async with rig(tmp_path) as r:
        await arrive(r)
        assert (await reply(r, *to, extra=extra))[0].mailbox == ANA


async def test_mail_to_a_client_and_a_stranger_is_a_reply_to_the_client(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await arrive(r)
        assert (await reply(r, STRANGER, AL))[0].mailbox == SUPPORT


async def test_the_firms_own_mail_is_no_clients_mail(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await arrive(r, box=Direction.SENT)
        assert (await reply(r))[0].mailbox == ANA


async def test_mail_that_the_member_may_not_see_does_not_show_in_what_they_send(tmp_path: Path) -> None:
    closed = Client("Hush", ("ion",), (Contact("H", (ContactAddress(parse_address("h@hush.example")),)),))
    opened = Client("Al Pacino", ("*",), (Contact("Al", (ContactAddress(parse_address(AL)),)),))
    async with rig(tmp_path, clients=(opened, closed)) as r:
        await arrive(r, client="Hush")
        assert (await reply(r))[0].mailbox == ANA


async def test_a_rule_wins_over_what_the_client_wrote_to(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=(Rule("own", send_as=parse_address(ANA)),)) as r:
        await arrive(r)
        assert (await reply(r))[0].mailbox == ANA


async def test_P1_a_reply_is_no_way_around_a_missing_grant(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await arrive(r)
        with pytest.raises(GrantMissing, match="boss@bank"):
            await reply(r, sender="boss@bank.example")


async def test_a_reply_gets_the_shorter_signature(tmp_path: Path) -> None:
    signatures = (Signature("support", "-- \nlong", reply_text="-- \nshort"),)
    async with rig(tmp_path, signatures=signatures) as r:
        await arrive(r)
        answer = await r.store.bodies.get((await reply(r))[0].sha256)
        first = await r.store.bodies.get((await r.accepted()).sha256)
    assert b"short" in answer
    assert b"long" not in answer
    assert b"long" in first


async def test_a_grant_is_asked_of_the_firms_day_and_recorded(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        day = date(2026, 3, 15)
        boxes = [replace(one, members=("ion",), grants=(Grant("ana", day, day),)) for one in r.firm.mailboxes]
        r.firm = replace(r.firm, mailboxes=tuple(boxes), timezone="Pacific/Auckland")
        r.clock.at = datetime(2026, 3, 14, 10, 30, tzinfo=UTC)  # 23:30 there
        with pytest.raises(GrantMissing, match="begins on 2026-03-15"):
            await r.accepted()
        r.clock.forward(timedelta(minutes=30))
        assert (await r.accepted()).grant == "granted from 2026-03-15 to 2026-03-15"
        r.clock.forward(timedelta(days=1))
        with pytest.raises(GrantMissing, match="ended on 2026-03-15"):
            await r.accepted()


@pytest.mark.parametrize(("zone", "day"), [("UTC", 14), ("Asia/Tokyo", 15), ("America/New_York", 14)])
def test_today_is_the_firms(zone: str, day: int) -> None:
    assert today(Firm(timezone=zone), datetime(2026, 3, 14, 20, 0, tzinfo=UTC)) == date(2026, 3, day)


def test_a_time_zone_that_the_machine_lost_is_told_and_nothing_is_let_through() -> None:
    with pytest.raises(TemporaryFailure, match="tzdata"):
        today(Firm(timezone="Mars/Base"), datetime(2026, 3, 14, tzinfo=UTC))


async def test_a_large_message_is_looked_through_for_files_only_where_a_rule_asks(tmp_path: Path) -> None:
    rules = (Rule("r", sender=True),)
    async with rig(tmp_path, rules=rules) as r:
        large = client_letter().replace(b"JVBERi0xLjQK\r\n", b"JVBERi0xLjQK\r\n" * 30_000)
        large = large.replace(f"From: Al Pacino <{AL}>".encode(), f"From: {SUPPORT}".encode())
        r.firm = replace(r.firm, rules=(replace(rules[0], when=replace(rules[0].when, attachments=True)),))
        assert (await r.accepted(large)).rules == ("r",)
        assert (await r.accepted()).rules == ()
