"""A bounce that comes back by mail: tied to what it is about, filed and told once; anything else leaves no trace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.firm import Client, Contact, ContactAddress
from gateway.domain.mail import Delivery, QueueEntry
from gateway.domain.record import Direction, Event, EventKind, Location, Mark, NewFiling
from gateway.inbound.returns import Returns
from gateway.inbound.watch import Watch
from gateway.mime.address import parse_address
from gateway.mime.bounce import returned
from gateway.mime.bounce_sign import may_be_bounce
from gateway.mime.facts import facts
from gateway.policy.returned import ties
from tests.corpus import needs_corpus
from tests.inbound.bounces import bounce, readdressed, sent
from tests.inbound.test_tails import live, tailing
from tests.mime.test_bounce_corpus import ROWS
from tests.rig import AL, ANA, STRANGER, SUPPORT, Rig, client_letter, rig
from tests.waiting import until

WHERE = Location(SUPPORT, "INBOX", 7, 1)


async def take(r: Rig, raw: bytes, where: Location = WHERE) -> bool | None:
    return await Returns(Watch(r.store, lambda: r.firm, r.clock)).take(raw, where, None)


async def told(r: Rig, entry: QueueEntry) -> list[tuple[str, Delivery, str]]:
    later = (await r.store.history.of(entry.id)).came_back
    return [(one.address, one.outcome.delivery, one.outcome.status) for one in later]


async def bounces(r: Rig) -> list[Event]:
    return [event for event in await r.store.feed.after(0) if event.kind is EventKind.BOUNCE]


async def filed_copy(r: Rig, entry: QueueEntry) -> None:
    raw = await r.store.bodies.get(entry.sha256)
    item = NewFiling(raw, facts(raw), (("Al Pacino", Direction.SENT),), r.clock(), author_login=entry.login)
    await r.store.record.file(item)


async def test_it_is_filed_in_the_thread_of_what_failed_and_told_with_what_to_do(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await sent(r)
        await filed_copy(r, entry)
        async with tailing(r):
            await live(r)
            r.provider.deliver(SUPPORT, bounce(entry.message_id))
            await until(lambda: bounces(r), what="the bounce in the feed")
        (line,) = await bounces(r)
        assert (line.client, line.mailbox, line.queue_id) == ("Al Pacino", SUPPORT, entry.id)
        assert line.text == (
            "“Your return” was sent, but it came back from al@pacino.example: 550 5.1.1 no such user here. "
            "Check the address, correct it in the client's contacts, and send the message again."
        )
        came, left = await r.store.record.list("Al Pacino", None)
        assert (came.direction, came.flags, came.thread) == (Direction.INBOX, (Mark.BOUNCE,), left.thread)
        assert line.message == came.message.id
        (later,) = (await r.store.history.of(entry.id)).came_back
        assert (later.address, later.outcome.delivery, later.outcome.status) == (AL, Delivery.FAILED, "5.1.1")
        assert (later.message, later.at) == (came.message.id, r.clock())
        (place,) = await r.store.record.locations(came.message.id)
        assert (place.mailbox, place.folder) == (SUPPORT, "INBOX")


async def test_it_counts_once_whatever_number_of_times_it_is_seen(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await sent(r)
        raw = bounce(entry.message_id)
        assert await take(r, raw) is True
        assert await take(r, raw) is False  # as after a crash before the cursor moved
        assert await take(r, raw, replace(WHERE, uidvalidity=8, uid=3)) is False
        assert await take(r, raw, Location(ANA, "INBOX", 1, 1)) is False
        assert await take(r, bounce(entry.message_id, own_id="<other@mx.example>")) is False  # a second report of it
        assert await told(r, entry) == [(AL, Delivery.FAILED, "5.1.1")]
        assert len(await bounces(r)) == 1
        (one,) = await r.store.record.list("Al Pacino", Direction.INBOX)
        assert {at.mailbox for at in await r.store.record.locations(one.message.id)} == {SUPPORT, ANA}


async def test_the_same_bounce_in_two_mailboxes_and_a_renumbered_folder_is_told_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await sent(r)
        async with tailing(r) as tails:
            await live(r)
            await live(r, ANA)
            for address in (SUPPORT, ANA):
                r.provider.deliver(address, bounce(entry.message_id))
            await until(lambda: bounces(r), what="the bounce in the feed")
            r.provider.account(SUPPORT).folders["INBOX"].renew()
            r.provider.deliver(SUPPORT, client_letter())
            tails.restart(SUPPORT)

            async def both() -> bool:
                return len(await r.store.record.list("Al Pacino", Direction.INBOX)) == 2

            await until(both, what="the letter behind it")
        assert len(await bounces(r)) == 1


@pytest.mark.parametrize(
    "raw",
    [
        bounce("<never-sent@firm.example>"),
        bounce(""),
        bounce("{ours}", "eve@elsewhere.example"),
        bounce("{ours}", "al@pacino.example.evil"),
        b"From: mailer-daemon@x.example\r\nSubject: {ours} failed\r\n\r\nal@pacino.example\r\n",
    ],
    ids=["a message we never sent", "no message", "a stranger", "a lookalike", "no report at all"],
)
async def test_a_forged_bounce_changes_nothing(tmp_path: Path, raw: bytes) -> None:
    async with rig(tmp_path) as r:
        entry = await sent(r)
        assert await take(r, raw.replace(b"{ours}", entry.message_id.encode())) is None
        assert await told(r, entry) == []
        assert await r.store.feed.after(0) == []
        assert await r.store.record.list("Al Pacino", None) == []


async def test_a_delay_is_no_failure_and_a_failure_after_it_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await sent(r)
        assert await take(r, bounce(entry.message_id, action="delayed", status="4.4.1")) is True
        assert await told(r, entry) == [(AL, Delivery.PENDING, "4.4.1")]
        assert (await bounces(r), await r.store.record.list("Al Pacino", None)) == ([], [])
        assert await take(r, bounce(entry.message_id, status="5.4.7", own_id="<b2@mx.example>")) is True
        assert await told(r, entry) == [(AL, Delivery.FAILED, "5.4.7"), (AL, Delivery.PENDING, "4.4.1")]
        assert len(await bounces(r)) == 1


async def test_a_confirmation_stands_with_the_entry_and_nowhere_else(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await sent(r)
        assert await take(r, bounce(entry.message_id, action="delivered", status="2.0.0")) is True
        assert await told(r, entry) == [(AL, Delivery.DELIVERED, "2.0.0")]
        assert (await bounces(r), await r.store.record.list("Al Pacino", None)) == ([], [])


async def test_whoever_looks_after_one_client_is_not_told_of_anothers(tmp_path: Path) -> None:
    other = "bo@other.example"
    async with rig(tmp_path) as r:
        contact = Contact("Bo", (ContactAddress(parse_address(other)),))
        r.firm = replace(r.firm, clients=(*r.firm.clients, Client("Other", ("ana",), (contact,))))
        entry = await sent(r, AL, other, STRANGER)
        for number, address in enumerate((AL, other, STRANGER)):
            await take(r, bounce(entry.message_id, address, own_id=f"<{number}@mx.example>"))
        lines = {line.client: line for line in await bounces(r)}
        assert set(lines) == {"Al Pacino", "Other", ""}
        assert other not in lines["Al Pacino"].text
        assert STRANGER in lines[""].text
        assert lines[""].message is None
        assert len(await r.store.record.list("Other", None)) == 1


async def test_the_envelopes_name_ties_where_the_original_did_not_come_back(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        envid = "a-name-that-nobody-guesses"
        submission = replace(r.submission(b"From: support@firm.example\r\nTo: al@pacino.example\r\n\r\nx"), envid=envid)
        r.firm = replace(r.firm, rules=())
        await r.acceptance(submission)
        (entry,) = await r.store.queue.claim(r.clock(), 1)
        await r.store.queue.record(entry.id, {AL: (await sent(r)).recipients[0].last})  # type: ignore[dict-item]
        assert await take(r, bounce("", envid=envid)) is True
        assert await told(r, entry) == [(AL, Delivery.FAILED, "5.1.1")]


async def test_a_swept_entry_is_remembered_by_the_clients_record(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await sent(r)
        await filed_copy(r, entry)
        await r.store.queue.sent_done(entry.id)
        assert (await r.store.pruning.entries(r.clock())).entries == 1
        assert await take(r, bounce(entry.message_id, "eve@elsewhere.example")) is None
        assert await take(r, bounce(entry.message_id)) is True
        assert await take(r, bounce(entry.message_id)) is False
        (line,) = await bounces(r)
        assert (line.client, line.queue_id) == ("Al Pacino", "")
        came, left = await r.store.record.list("Al Pacino", None)
        assert came.thread == left.thread


async def test_what_came_back_goes_with_the_last_that_it_was_told_with(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await sent(r, STRANGER)
        raw = await r.store.bodies.get(entry.sha256)
        assert await take(r, bounce(entry.message_id, STRANGER)) is True
        await r.store.queue.sent_done(entry.id)
        await r.store.pruning.entries(r.clock())
        assert await take(r, bounce(entry.message_id, STRANGER)) is None
        await r.store.queue.add(entry, raw)
        assert await told(r, entry) == []


async def test_other_strangers_mail_is_not_downloaded_and_a_candidate_of_theirs_leaves_no_trace(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r):
        await live(r)
        before = r.provider.faults.reached["imap:fetch"]
        shop = (
            b"From: noreply@shop.example\r\nTo: support@firm.example\r\nAuto-Submitted: auto-generated\r\n\r\nOrder 1"
        )
        r.provider.deliver(SUPPORT, shop)
        r.provider.deliver(SUPPORT, bounce("<someone-elses@private.example>", "who@private.example"))
        r.provider.deliver(SUPPORT, client_letter())

        async def there() -> bool:
            return bool(await r.store.record.list("Al Pacino", None))

        await until(there, what="the letter behind them")
        assert r.provider.faults.reached["imap:fetch"] - before <= 5  # at most three headers, and two bodies
        assert [event.kind for event in await r.store.feed.after(0)] == [EventKind.CLIENT_MAIL]
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"who@private.example" not in everything


async def test_C7_our_own_report_about_a_message_is_no_bounce_of_it(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await sent(r)
        raw = bounce(entry.message_id, action="relayed", status="2.0.0", own_id="<own@firm.example>")
        report = replace(entry, id="report", sender=None, message_id="<own@firm.example>", in_reply_to=entry.message_id)
        await r.store.queue.add(report, await r.store.bodies.get(entry.sha256))
        assert await take(r, raw) is None
        assert await told(r, entry) == []


@pytest.mark.corpus
@needs_corpus
async def test_real_bounces_of_one_recipient_are_tied_whoever_wrote_them(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        entry = await sent(r)
    tied, missed = 0, []
    for name, actions, recipients, message_id in ROWS:
        if " " in recipients or recipients == "None" or not message_id:
            continue
        raw = readdressed(name, entry.message_id)
        found = returned(raw)
        if found is None or found.message_id != entry.message_id or str(found.recipients[0].address) != AL:
            continue  # its parts are encoded: replacing octets does not re-address it
        said = ties(found, entry) if may_be_bounce(raw) else ()
        if [(one.recipient.address.key, one.action.value) for one in said] == [(AL, actions)]:
            tied += 1
        else:
            missed.append(name)
    assert missed == ["sisimai/b0a4299a7281bb46.eml"]  # whose header says nothing
    assert tied > 290
