"""Large messages, written and hashed as they will leave while they come: what leaves is what would leave anyway."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.errors import ClientOffLimits, GrantMissing
from gateway.domain.firm import Rule, Signature, When
from gateway.domain.mail import QueueEntry
from gateway.mime.header import Header
from gateway.outbound.queue_id import new_marks
from gateway.store.scratch import Scratch
from gateway.store.spool import Ahead
from tests.rig import SUPPORT, Rig, letter, rig

LINE = b"eHh4" * 19 + b"\r\n"
SO_FAR = 512 * 1024  # octets: as much as submission has of a message when it asks for a file
TEXT = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nDear Al,\r\nit is done.\r\n"
FILE = b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n"
PDF = FILE + b"Content-Transfer-Encoding: base64\r\n\r\n" + LINE * 20_000
END = b"--b--\r\n"


def mixed(*pieces: bytes, extra: str = "") -> bytes:
    head = letter(extra=extra).partition(b"MIME-Version")[0]
    return head + b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"".join(pieces)


LARGE = mixed(TEXT, PDF, END)


def left(folder: Path) -> list[str]:
    return [path.name for path in (folder / "tmp").iterdir()]


@pytest.fixture
def same_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The marks of one acceptance are unguessable; here all have the same, so that their bytes can be compared."""
    marks = new_marks()
    monkeypatch.setattr("gateway.outbound.prepare.new_marks", lambda: marks)


async def sent(
    r: Rig, raw: bytes, meanwhile: Callable[[], object] = lambda: None, login: str = "ana"
) -> tuple[QueueEntry, Scratch | Ahead]:
    """Hand it in as submission does, and say in what it came; ``meanwhile``: what happens before its end has come."""
    submission = r.submission(raw, login=login)
    holder, accept = await r.acceptance.begin(replace(submission, raw=raw[:SO_FAR]))
    with closing(holder):
        for start in range(0, len(raw), SO_FAR):
            holder.write(raw[start : start + SO_FAR])
        meanwhile()
        return await r.store.queue.get(await accept(replace(submission, raw=holder.read()))), holder


async def leaves_otherwise(folder: Path, raw: bytes, **changes: object) -> bytes:
    """What leaves where nothing is foreseen."""
    async with rig(folder, **changes) as r:
        return await r.store.bodies.get((await r.accepted(raw)).sha256)


@pytest.mark.usefixtures("same_marks")
@pytest.mark.parametrize(
    "raw",
    [
        LARGE,
        mixed(TEXT, PDF, END, extra="Bcc: b@else.example"),
        mixed(TEXT, PDF, PDF, END, extra="Message-ID: <own@firm.example>"),
        mixed(TEXT, PDF),  # its end is missing
    ],
)
async def test_what_leaves_is_what_was_foreseen_and_is_written_once(tmp_path: Path, raw: bytes) -> None:
    async with rig(tmp_path / "a") as r:
        entry, holder = await sent(r, raw)
        assert isinstance(holder, Ahead)
        assert len(holder) == entry.size  # it was turned into what leaves
        found = await r.store.bodies.get(entry.sha256)
        assert entry.sha256 == hashlib.sha256(found).hexdigest()
        assert (entry.size, entry.message_id) == (len(found), Header.read(found).text("Message-ID"))
        assert b"it is done.\r\n\r\n-- \r\nAna Pop\r\n" in found
        assert await r.store.verify() == []
        assert left(tmp_path / "a") == []
    assert found == await leaves_otherwise(tmp_path / "b", raw)


INVITATION = b"--b\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\n"
SECOND = b"--b\r\nContent-Type: text/plain\r\n\r\nBut there is more to say.\r\n"
SHOWN = (Rule("files", when=When(attachments=True), display_name="Popescu Files"),)
BIG = (Rule("big", when=When(larger_than=SO_FAR + 1), display_name="Popescu Files"),)


@pytest.mark.usefixtures("same_marks")
@pytest.mark.parametrize(
    ("raw", "changes"),
    [
        (mixed(TEXT, PDF, INVITATION, END), {}),  # nobody may touch it
        (mixed(TEXT, PDF, SECOND, END), {}),
        (mixed(TEXT, LINE * 20_000, PDF, END), {}),  # a text of which the end was not seen
        (letter() + LINE * 20_000, {}),
        (LARGE, {"rules": SHOWN}),
        (LARGE, {"rules": BIG}),
    ],
)
async def test_what_the_rest_changes_is_as_if_nothing_had_been_foreseen(
    tmp_path: Path, raw: bytes, changes: dict[str, object]
) -> None:
    async with rig(tmp_path / "a", **changes) as r:
        entry, _ = await sent(r, raw)
        found = await r.store.bodies.get(entry.sha256)
        assert await r.store.verify() == []
        assert left(tmp_path / "a") == []
    assert found == await leaves_otherwise(tmp_path / "b", raw, **changes)


async def test_a_signature_that_was_changed_meanwhile_is_the_new_one(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:

        def change() -> None:
            r.firm = replace(r.firm, signatures=(Signature("support", "-- \nPopescu and Daughters"),))

        entry, holder = await sent(r, LARGE, change)
        assert isinstance(holder, Ahead)
        found = await r.store.bodies.get(entry.sha256)
        assert b"-- \r\nPopescu and Daughters\r\n" in found
        assert b"-- \r\nAna Pop" not in found
        assert await r.store.verify() == []


async def test_P4_what_a_member_may_not_do_any_more_when_the_end_has_come_is_refused(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:

        def close() -> None:
            r.firm = replace(r.firm, clients=tuple(replace(one, members=("ion",)) for one in r.firm.clients))

        with pytest.raises(ClientOffLimits):
            await sent(r, LARGE, close)
        assert left(tmp_path) == []
        assert await r.store.verify() == []


async def test_what_is_refused_from_the_start_is_refused_at_the_end(tmp_path: Path) -> None:
    raw = LARGE.replace(SUPPORT.encode(), b"boss@firm.example", 1)
    async with rig(tmp_path) as r:
        with pytest.raises(GrantMissing):
            await sent(r, raw)
        assert left(tmp_path) == []


async def test_it_was_accepted_when_its_end_had_come_and_can_be_taken_back_from_then_on(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        begun = r.clock()
        entry, _ = await sent(r, LARGE, lambda: r.clock.forward(timedelta(minutes=9)))
        assert entry.accepted_at == begun + timedelta(minutes=9)
        assert entry.next_attempt == entry.accepted_at + r.settings.queue.undo_window


async def test_the_same_submission_again_is_one_message(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        first, _ = await sent(r, LARGE)
        second, _ = await sent(r, LARGE)
        assert first.id == second.id
        assert left(tmp_path) == []
