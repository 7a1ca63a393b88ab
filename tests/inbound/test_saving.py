"""Documents out of filed mail: what is saved, what is not and why, and that nothing in a message stops the next."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.domain.errors import Unreachable
from gateway.domain.record import Direction, Duty, EventKind, Mark, NewFiling, Note
from gateway.domain.saving import Fate, Scanned
from gateway.inbound.filing import Said, filing_of
from gateway.inbound.saving import Saving, Scanner
from gateway.mime.attachments import attachments
from gateway.mime.encoding import encode_base64
from gateway.mime.facts import facts
from gateway.mime.header import Header
from gateway.office.filing import Clerk
from gateway.policy.keeping import LeftOut
from gateway.store.room import Room
from gateway.store.store import Store
from tests.cost import spent
from tests.mime.test_attachments import HOSTILE, mixed, part
from tests.policy.test_filename import VECTORS
from tests.rig import AL, SUPPORT, Clock, Rig, client_letter, letter, rig
from tests.store.making import KEY, inbox
from tests.waiting import until

CLIENT = "Al Pacino"
PDF = b"%PDF-1.4\n"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "data", url=None, key=KEY)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def saving(store: Store, clock: Clock, scanner: Callable[[], Scanner | None] = lambda: None) -> Saving:
    return Saving(store, room=Room(), now=clock, scanner=scanner)


def mail(*parts: bytes, number: int = 1, sender: str = AL) -> bytes:
    head = f"From: Al <{sender}>\r\nTo: {SUPPORT}\r\nSubject: {number}\r\nDate: Sat, 14 Mar 2026 10:00:00 +0200\r\n"
    return head.encode() + mixed(*parts)


async def come(
    store: Store, clock: Clock, raw: bytes, duty: Duty | None = Duty.SAVE, *, clients: tuple[str, ...] = (CLIENT,)
) -> int:
    direction = Direction.SENT if duty is Duty.LOOK else Direction.INBOX
    item = NewFiling(raw, facts(raw), tuple((name, direction) for name in clients), clock(), duty=duty)
    return (await store.record.file(item)).message


async def done(store: Store, clock: Clock, scanner: Callable[[], Scanner | None] = lambda: None) -> None:
    while await saving(store, clock, scanner).some():
        pass


def pdf(name: str, content: bytes = PDF) -> bytes:
    return part(content, f'application/pdf; name="{name}"')


def picture(name: str, octets: int, fill: bytes = b"x", *, cid: str = "") -> bytes:
    head = b"\x89PNG\r\n\x1a\n" + bytes(8) + (64).to_bytes(4, "big") * 2
    more = f"Content-ID: <{cid}>\r\n" if cid else ""
    return part(head + fill * octets, f'image/png; name="{name}"', more=more)


def page(cid: str) -> bytes:
    return b'Content-Type: text/html\r\n\r\n<p>Hello</p><img src="cid:' + cid.encode() + b'">'


async def test_the_same_content_is_one_document_that_knows_each_message_it_came_by(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    first = await come(store, clock, mail(pdf("a.pdf"), pdf("copy.pdf")))
    second = await come(store, clock, mail(pdf("b.pdf"), pdf("a.pdf", b"other"), number=2))
    await done(store, clock)
    other, one = await store.record.documents(CLIENT)
    assert [(each.part, each.name, each.letter.message) for each in await store.brought.origins(one.id)] == [
        ("1", "a.pdf", first),
        ("2", "copy.pdf", first),
        ("1", "b.pdf", second),
    ]
    assert (one.name, other.name) == ("2026-03-14 a.pdf", "2026-03-14 a (2).pdf")
    assert (one.message, one.sender, one.subject) == (first, f"Al <{AL}>", "1")
    assert (tmp_path / "data" / other.path).read_bytes() == b"other"
    assert await store.verify() == []


async def test_a_logo_is_left_out_once_it_was_seen_and_a_photo_never(store: Store, clock: Clock) -> None:
    await come(
        store, clock, mail(page("l"), picture("logo.png", 20_000, cid="l")), Duty.LOOK
    )  # our own, on its way out
    await done(store, clock)
    photo = picture("photo.png", 200_000, b"p", cid="p")
    icon = picture("icon.png", 500, b"i", cid="i")
    answer = mail(page("l"), page("p"), page("i"), picture("image001.png", 20_000, cid="l"), photo, icon)
    await come(store, clock, answer)
    await done(store, clock)
    assert [one.original_name for one in await store.record.documents(CLIENT)] == ["photo.png"]
    assert [
        (one.aside.original_name, one.aside.reason, one.aside.fate) for one in await store.brought.aside([CLIENT])
    ] == [
        ("icon.png", LeftOut.ICON, Fate.LEFT_OUT),
        ("image001.png", LeftOut.REPEATED, Fate.LEFT_OUT),
    ]


async def test_a_sender_s_logo_is_known_to_every_client_they_write_for(store: Store, clock: Clock) -> None:
    letters = ((1, "notary@else.example", "Diane"), (2, "notary@else.example", CLIENT), (3, AL, "Other"))
    for number, sender, client in letters:
        raw = mail(page("l"), picture("logo.png", 20_000, cid="l"), number=number, sender=sender)
        await come(store, clock, raw, Duty.LOOK if number == 1 else Duty.SAVE, clients=(client,))
        await done(store, clock)
    assert [one.client for one in await store.record.documents()] == ["Other"]


async def test_what_is_promised_with_a_link_is_listed_once_and_nobody_asks_for_it(store: Store, clock: Clock) -> None:
    body = b"\r\nSee https://we.tl/t-abc and https://we.tl.evil.example/t-abc, or https://1drv.ms/x"
    first = await come(store, clock, mail(body))
    await come(store, clock, mail(body, number=2))
    await done(store, clock)
    found = await store.brought.promised([CLIENT])
    assert [(one.service, one.link, one.letter.message) for one in found] == [
        ("OneDrive", "https://1drv.ms/x", first),
        ("WeTransfer", "https://we.tl/t-abc", first),
    ]


class Answering:
    """A scanner that says what the test wants, and counts."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.down = False

    async def scan(self, content: bytes) -> Scanned:
        self.seen.append(content)
        if self.down:
            raise Unreachable("clamd can't be reached: start it.")
        return Scanned(infection="Bad" if b"bad" in content else "", too_large=b"huge" in content)


async def test_an_infected_attachment_is_set_aside_with_an_event_and_the_others_are_saved(
    store: Store, clock: Clock
) -> None:
    scanner = Answering()
    number = await come(store, clock, mail(pdf("a.pdf"), pdf("b.pdf", b"bad"), pdf("c.pdf", b"huge")))
    await done(store, clock, lambda: scanner)
    saved = [(one.original_name, one.note) for one in await store.record.documents(CLIENT)]
    assert saved == [("c.pdf", Note.UNSCANNED), ("a.pdf", Note.NONE)]
    assert await store.brought.infected(number) == {"2": "Bad"}
    (event,) = [one for one in await store.feed.after(0) if one.kind is EventKind.INFECTED]
    assert (event.client, event.message) == (CLIENT, number)
    assert "b.pdf" in event.text
    assert encode_base64(b"bad") in await store.record.raw(number)


async def test_while_the_scanner_is_down_saving_waits_and_nothing_is_lost(store: Store, clock: Clock) -> None:
    scanner = Answering()
    scanner.down = True
    worker = saving(store, clock, lambda: scanner)
    for number in range(3):
        await come(store, clock, mail(pdf("a.pdf", f"{number}".encode()), number=number))
    assert await worker.some() == 3
    assert await worker.some() == 0
    assert await store.record.documents(CLIENT) == []
    assert len(await store.record.list(CLIENT, None)) == 3  # the mail itself is there to be read
    left = await store.saving.outstanding()
    assert (left.waiting, left.failed) == (3, 3)
    assert "start it" in left.last_error
    scanner.down = False
    clock.forward(timedelta(minutes=1))
    assert await worker.some() == 3
    assert len(await store.record.documents(CLIENT)) == 3
    texts = [one.text for one in await store.feed.after(0) if one.kind is EventKind.SCANNER]
    assert ["wait" in text for text in texts] == [True, False]


async def test_only_mail_that_arrives_is_saved_and_history_when_it_is_asked_for(store: Store, clock: Clock) -> None:
    for number, day in ((1, "13"), (2, "14")):
        old = mail(pdf("old.pdf", f"{number}".encode()), number=number).replace(b"14 Mar", f"{day} Mar".encode())
        await come(store, clock, old, None)
    await come(store, clock, mail(pdf("sent.pdf", b"ours"), number=3), Duty.LOOK)
    await done(store, clock)
    assert await store.record.documents(CLIENT) == []
    assert await store.saving.want(CLIENT, clock() - timedelta(hours=12), clock()) == 1
    await done(store, clock)
    assert [one.subject for one in await store.record.documents(CLIENT)] == ["2"]
    assert await store.saving.want(CLIENT, None, clock()) == 1
    assert await store.saving.want(CLIENT, None, clock()) == 0
    await done(store, clock)
    assert [one.subject for one in await store.record.documents(CLIENT)] == ["1", "2"]


async def test_the_attachments_of_mail_in_doubt_are_theirs_of_whom_a_person_says_that_it_is(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        doubt = dict.fromkeys((CLIENT, "Diane"), (Mark.AMBIGUOUS,))
        raw = client_letter()
        clients = tuple((name, Direction.INBOX) for name in doubt)
        item = NewFiling(raw, facts(raw), clients, r.clock(), marks=doubt, duty=Duty.SAVE)
        number = (await r.store.record.file(item)).message
        await r.store.saving.want(CLIENT, None, r.clock())
        await done(r.store, r.clock)
        assert await r.store.record.documents() == []
        await Clerk(r.store, firm=lambda: r.firm, now=r.clock).file(number, CLIENT, by="ana")
        await done(r.store, r.clock)
        assert [one.client for one in await r.store.record.documents()] == [CLIENT]


async def test_new_mail_does_not_wait_behind_history(store: Store, clock: Clock) -> None:
    for number in range(30):
        await come(store, clock, mail(pdf("old.pdf", f"{number}".encode()), number=number), None)
    await store.saving.want(CLIENT, None, clock())
    await come(store, clock, mail(pdf("new.pdf", b"new"), number=99))
    due = await store.saving.due(clock())
    assert (due[0].duty, len(due)) == (Duty.SAVE, 20)
    assert [one.message for one in due[1:]] == list(range(1, 20))


async def test_what_was_only_looked_at_is_saved_when_it_arrives_where_documents_are_wanted(
    store: Store, clock: Clock
) -> None:
    raw = mail(pdf("a.pdf"))
    await come(store, clock, raw, Duty.LOOK)
    await done(store, clock)
    await come(store, clock, raw)
    await done(store, clock)
    assert len(await store.record.documents(CLIENT)) == 1


async def test_D5_saving_that_was_cut_off_before_its_transaction_is_done_again(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    await come(store, clock, mail(pdf("a.pdf")))
    (duty,) = await store.saving.due(clock())
    await store.saving.write(duty, attachments(await store.record.raw(duty.message))[0])
    await done(store, clock)
    assert [one.name for one in (tmp_path / "data/clients/Al Pacino/documents/2026").iterdir()] == ["2026-03-14 a.pdf"]
    assert await store.verify() == []


async def test_what_breaks_at_one_message_is_said_tried_again_and_stops_no_other(store: Store, clock: Clock) -> None:
    class Broken:
        async def scan(self, content: bytes) -> Scanned:
            if b"cursed" in content:
                raise RuntimeError("a fault of ours")
            return Scanned()

    await come(store, clock, mail(pdf("a.pdf", b"cursed")))
    await come(store, clock, mail(pdf("b.pdf", b"fine"), number=2))
    worker = saving(store, clock, Broken)
    for _ in range(2):
        await worker.some()
        clock.forward(timedelta(days=1))
    assert [one.original_name for one in await store.record.documents(CLIENT)] == ["b.pdf"]
    assert (await store.saving.outstanding()).last_error == "RuntimeError"
    assert [one.kind for one in await store.feed.after(0)].count(EventKind.SET_ASIDE) == 1


async def test_F4_F5_I6_hostile_mail_is_filed_looked_through_and_the_next_is_saved(store: Store, clock: Clock) -> None:
    head = f"From: {AL}\r\nTo: {SUPPORT}\r\n".encode()
    with spent() as cost:
        for number, name in enumerate(HOSTILE):
            await come(store, clock, head + f"Subject: {number}\r\n".encode() + HOSTILE[name])
        await come(store, clock, mail(pdf("after.pdf", b"after")))
        await done(store, clock)
    assert cost.seconds < 60
    assert "after.pdf" in [one.original_name for one in await store.record.documents(CLIENT, limit=5)]
    assert (await store.saving.outstanding()).waiting == 0
    assert await store.verify() == []


NAMES = (
    *(name for name, _ in VECTORS),
    *("x" * length for length in (300, 5_000)),
    "..",
    "A.pdf",
    "a.pdf",
    "ca\u0301.pdf",
)


def named(number: int, name: str) -> bytes:
    """Written so that any character can be in it."""
    coded = quote(name.encode("utf-8", "surrogateescape"), safe="")
    field = f"Content-Disposition: attachment; filename*=utf-8''{coded}\r\n"
    return part(f"{number}".encode(), "application/pdf", more=field)


async def test_I3_no_name_leads_out_of_the_client_s_folder(store: Store, clock: Clock, tmp_path: Path) -> None:
    parts = [named(number, name) for number, name in enumerate(NAMES)]
    await come(store, clock, mail(*parts))
    await done(store, clock)
    place = tmp_path / "data" / "clients" / CLIENT / "documents" / "2026"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert {path.parent for path in (tmp_path / "data" / "clients").rglob("*") if path.is_file()} == {place}
    saved = await store.record.documents(CLIENT, limit=100)
    assert len(saved) == len(list(place.iterdir())) == len(NAMES)
    assert len({path.name.casefold() for path in place.iterdir()}) == len(NAMES)
    assert max(len(path.name.encode()) for path in place.iterdir()) <= 200
    assert {one.original_name for one in saved} >= {"../../etc/passwd", "CON", "x" * 5_000, "invoice\u202efdp.exe"}
    assert sorted(path.read_bytes() for path in place.iterdir()) == sorted(b"%d" % n for n in range(len(NAMES)))
    assert await store.verify() == []


async def test_F6_a_large_attachment_is_saved_in_bounded_memory(store: Store, clock: Clock) -> None:
    size = 16 * 1024 * 1024
    raw = mail(part(bytes(size), "application/pdf; name=large.pdf"))
    coded = len(raw)
    await come(store, clock, raw)
    del raw
    tracemalloc.start()
    try:
        await done(store, clock)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [one.size for one in await store.record.documents(CLIENT)] == [size]
    assert peak < coded + size + 8 * 1024 * 1024, peak


@pytest.mark.parametrize(
    ("announce", "save", "duty"),
    [(True, True, Duty.SAVE), (True, False, None), (False, True, None)],
)
def test_the_mailbox_says_whether_new_mail_is_saved_and_history_never_is(
    announce: bool, save: bool, duty: Duty | None, tmp_path: Path
) -> None:
    async def look() -> None:
        async with rig(tmp_path) as r:
            assert filed_as(r, client_letter(), announce=announce, save=save) is duty
            logo = client_letter().replace(b"application/pdf", b"image/png")
            assert filed_as(r, logo, announce=False, save=save) is Duty.LOOK
            assert filed_as(r, letter(), announce=True, save=True) is None  # we wrote it

    asyncio.run(look())


def filed_as(r: Rig, raw: bytes, *, announce: bool, save: bool) -> Duty | None:
    mailbox = replace(r.firm.mailbox_by_key[SUPPORT], save_attachments=save)
    said = Said.of(Header.read(raw))
    item = filing_of(r.firm, mailbox, raw, said, location=inbox(1), cursor=None, now=r.clock(), announce=announce)
    assert item is not None
    return item.duty


@asynccontextmanager
async def running(worker: Saving) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_the_worker_is_woken_by_what_is_filed(store: Store, clock: Clock) -> None:
    async with running(saving(store, clock)):
        await come(store, clock, mail(pdf("a.pdf")))
        await until(lambda: store.record.documents(CLIENT), what="the document")
        await come(store, clock, mail(pdf("b.pdf", encode_base64(b"b")), number=2))

        async def both() -> bool:
            return len(await store.record.documents(CLIENT)) == 2

        await until(both, what="the second")
