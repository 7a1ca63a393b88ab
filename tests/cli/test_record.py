"""A client's whole record as files, and back: the same messages, documents and threads, octet by octet."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from gateway.domain.record import Direction, EventKind, NewFiling
from gateway.domain.verdict import Check, Result, Source, Standing, Verdict
from gateway.inbound.saving import Saving
from gateway.mime.facts import facts
from gateway.store.room import Room
from tests.admin.house import CLIENT, FIRM, NOW, House, opened
from tests.admin.walled import Walled, walled
from tests.cli.terminal import ask
from tests.rig import client_letter

THEN = NOW - timedelta(days=300)
AL, SUPPORT = "al@pacino.example", "support@firm.example"
FORGED = Verdict(Standing.UNVERIFIED, "DMARC forbids it.", Source.HERE, checks=(Check("dmarc", Result.FAIL),))


@dataclass(frozen=True)
class Same:
    """What of a record has to be the same after it went out and in."""

    messages: list[tuple[str, str]]
    documents: list[tuple[str, str, str]]
    threads: set[frozenset[str]]
    waiting: set[str]


async def record_of(house: House) -> Same:
    filings = await house.store.record.list(CLIENT, None, limit=1000)
    threads: dict[int, set[str]] = {}
    for one in filings:
        threads.setdefault(one.thread, set()).add(one.message.sha256)
    documents = await house.store.record.documents(CLIENT, limit=1000)
    return Same(
        sorted((one.message.sha256, one.direction.value) for one in filings),
        sorted((one.sha256, one.original_name, one.content_type) for one in documents),
        {frozenset(one) for one in threads.values()},
        {one.message.sha256 for one in filings if one.message.weighed is not None and one.message.weighed.is_open},
    )


def letter(number: int, *, sender: str = AL, to: str = SUPPORT, answers: str = "", paper: bytes = b"") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, f'=cmd|"/c calc"!A1 <b>{number}</b>'
    mail["Date"] = "Sat, 14 Mar 2026 10:00:00 +0000"
    mail["Message-ID"] = f"<{number}@x.example>"
    if answers:
        mail["In-Reply-To"] = answers
    mail.set_content(f"Letter {number}\nFrom here on\n")
    if paper:
        mail.add_attachment(paper, maintype="application", subtype="pdf", filename=f"paper {number}.pdf")
    return mail.as_bytes().replace(b"\n", b"\r\n")


async def file(house: House, raw: bytes, direction: Direction = Direction.INBOX) -> None:
    new = NewFiling(raw=raw, facts=facts(raw), clients=((CLIENT, direction),), filed_at=NOW)
    await house.store.record.file(new)


async def furnish(house: House) -> None:
    """Threads both ways, documents, mail in doubt, mail without a line end, and with bare ones."""
    for number in range(6):
        await file(house, letter(number, paper=f"%PDF {number}".encode()))
    await file(house, letter(10, sender=SUPPORT, to=AL, answers="<0@x.example>"), Direction.SENT)
    await file(house, letter(11, answers="<10@x.example>"))
    await file(house, b"Subject: no line end\r\n\r\nFrom the end")
    await file(house, b"Subject: bare\n\nline ends\n\n\n")
    await house.forged()
    await house.store.saving.want(CLIENT, None, NOW)
    await save(house)


async def save(house: House) -> None:
    while await Saving(house.store, room=Room(), now=lambda: NOW).some():
        pass


async def exported(house: House, target: Path, *more: str) -> Path:
    said = await ask(house.socket, "mail", "export", "--client", CLIENT, target, *more)
    assert said.code == 0, said.err
    return target


@pytest.mark.parametrize("as_mbox", [False, True])
async def test_a_record_that_was_exported_is_the_same_after_import(house: House, tmp_path: Path, as_mbox: bool) -> None:
    await furnish(house)
    before = await record_of(house)
    assert (len(before.messages), len(before.documents), len(before.waiting)) == (11, 6, 1)
    archive = await exported(house, tmp_path / "record", "--mbox")
    (tmp_path / "other" / "data").mkdir(parents=True)
    async with opened(tmp_path / "other") as empty:
        await empty.office.apply(FIRM, by="test", at=NOW)
        source = archive / "record.mbox" if as_mbox else archive
        said = await ask(empty.socket, "mail", "import", "--client", CLIENT, "--documents", source)
        assert (said.code, said.out) == (0, "11 messages imported, 0 known already, 0 passed over.\n"), said.err
        await save(empty)
        after = await record_of(empty)
        assert after.messages == before.messages
        assert after.threads == before.threads
        if not as_mbox:  # which knows neither what waits for a person nor what had documents
            assert after == before
        again = await ask(empty.socket, "mail", "import", "--client", CLIENT, "--documents", source)
        assert again.out == "0 messages imported, 11 known already, 0 passed over.\n"
        await save(empty)
        assert await record_of(empty) == after
        assert await empty.store.verify() == []
        assert await empty.store.feed.after(0) == [], "old mail is no news"


async def test_import_makes_documents_only_where_that_is_asked_for(house: House, tmp_path: Path) -> None:
    one = tmp_path / "one.eml"
    one.write_bytes(letter(1, paper=b"%PDF"))
    assert (await ask(house.socket, "mail", "import", "--client", CLIENT, one)).code == 0
    await save(house)
    assert await house.store.record.documents(CLIENT) == []
    assert (await ask(house.socket, "mail", "import", "--client", CLIENT, "--documents", one)).code == 0
    await save(house)
    (document,) = await house.store.record.documents(CLIENT)
    assert document.name.endswith("paper 1.pdf")


async def test_each_message_that_is_imported_has_its_line_in_the_trail(house: House, tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.eml").write_bytes(letter(number))
    for _ in range(2):
        await ask(house.socket, "mail", "import", "--client", CLIENT, tmp_path / "0.eml", tmp_path / "1.eml")
    lines = [one for one in await house.store.activity.list(50) if one.verb == "imported"]
    assert [(one.kind, one.name, one.what) for one in lines] == [
        ("message", "2", f"under {CLIENT}"),
        ("message", "1", f"under {CLIENT}"),
    ]
    assert all(one.who for one in lines)


async def test_every_file_of_an_export_has_its_hash(house: House, tmp_path: Path) -> None:
    await furnish(house)
    archive = await exported(house, tmp_path / "record", "--mbox")
    checking = await asyncio.create_subprocess_exec("sha256sum", "-c", "--quiet", "SHA256SUMS", cwd=archive)
    assert await checking.wait() == 0
    named = {line[66:] for line in (archive / "SHA256SUMS").read_text().splitlines()}
    there = {str(path.relative_to(archive)) for path in archive.rglob("*") if path.is_file()}
    assert there - named == {"SHA256SUMS"}
    assert {path.stat().st_mode & 0o777 for path in archive.rglob("*")} == {0o600, 0o700}


async def test_lists_of_an_export_run_nothing_in_a_spreadsheet_or_browser(house: House, tmp_path: Path) -> None:
    await furnish(house)
    archive = await exported(house, tmp_path / "record")
    with (archive / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 11
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert rows[0]["subject"].startswith("'=cmd|")
    assert {row["box"] for row in rows} == {"inbox", "sent"}
    assert [row["sender"] for row in rows].count("unverified") == 1
    for row in rows:
        assert hashlib.sha256((archive / row["file"]).read_bytes()).hexdigest() == row["sha256"]
    page = (archive / "index.html").read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;0&lt;/b&gt;" in page
    assert page.count("<a href=") == 11


async def test_what_was_changed_in_an_archive_is_told_and_not_imported(house: House, tmp_path: Path) -> None:
    await furnish(house)
    archive = await exported(house, tmp_path / "record")
    victim = next((archive / "eml" / "inbox").iterdir())
    victim.write_bytes(victim.read_bytes() + b"forged")
    said = await ask(house.socket, "mail", "import", "--client", CLIENT, archive)
    assert said.code == 65
    assert said.out == "0 messages imported, 10 known already, 1 passed over.\n"
    assert "its SHA-256 is another" in said.err


def line(path: str, **more: object) -> str:
    content = letter(1)
    return json.dumps({"kind": "message", "id": 1, "path": path, "sha256": hashlib.sha256(content).hexdigest()} | more)


async def test_I4_a_hostile_archive_reads_nothing_outside_of_itself(house: House, tmp_path: Path) -> None:
    outside, archive = tmp_path / "secret.eml", tmp_path / "archive"
    outside.write_bytes(letter(1))
    (archive / "eml").mkdir(parents=True)
    (archive / "eml" / "link.eml").symlink_to(outside)
    (archive / "way").symlink_to(tmp_path)
    os.mkfifo(archive / "eml" / "pipe.eml")
    (archive / "eml" / "folder.eml").mkdir()
    lines = [
        *map(line, ("../secret.eml", str(outside), "eml/../../secret.eml", "eml/link.eml", "way/secret.eml")),
        *map(line, ("eml/pipe.eml", "eml/folder.eml", "eml//x", "", "a\0b", "none.eml")),
        *('{"kind": "message"}', "[1]", "not json", "[" * 10_000, line("x", unverified={"a": 1}), "\x00" * 20_000),
    ]
    (archive / "manifest.jsonl").write_text("\n".join(lines))
    said = await ask(house.socket, "mail", "import", "--client", CLIENT, archive, "--json")
    assert said.code == 65
    (archive / "manifest.jsonl").unlink()
    walked = await ask(house.socket, "mail", "import", "--client", CLIENT, archive)
    assert walked.code == 65
    assert "it is a link" in walked.err
    assert await house.store.record.list(CLIENT, None) == []
    assert len(json.loads(said.out)["faults"]) >= 16


async def test_what_is_no_mail_is_told_and_passed_over(house: House, tmp_path: Path) -> None:
    begin = b"From a Sat Mar 14 09:26:53 2026\n"
    for name, content in {
        "empty.eml": b"",
        "garbage.eml": bytes(range(256)) * 100,
        "page.eml": b"<html>\r\n<p>From: x</p>",
        "good.eml": letter(1),
        "odd.mbox": b"no beginning\n" * 10,
        "some.mbox": begin + b"no header at all\n\n" + begin + b"Subject: 2\n\n",
    }.items():
        (tmp_path / name).write_bytes(content)
    said = await ask(house.socket, "mail", "import", "--client", CLIENT, tmp_path)
    assert (said.code, said.out) == (65, "2 messages imported, 0 known already, 5 passed over.\n")
    absent = await ask(house.socket, "mail", "import", "--client", CLIENT, tmp_path / "none")
    assert (absent.code, "can't be read" in absent.err) == (65, True)


async def test_a_message_larger_than_other_requests_is_imported(house: House, tmp_path: Path) -> None:
    raw = letter(1) + b"x" * 12_000_000
    (tmp_path / "large.eml").write_bytes(raw)
    assert (await ask(house.socket, "mail", "import", "--client", CLIENT, tmp_path / "large.eml")).code == 0
    (filed,) = await house.store.record.list(CLIENT, None)
    assert await house.store.record.raw(filed.message.id) == raw


async def test_an_imported_letter_is_in_the_box_of_who_wrote_it(house: House, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(letter(1))
    (tmp_path / "b.eml").write_bytes(letter(2, sender=SUPPORT, to=AL))
    await ask(house.socket, "mail", "import", "--client", CLIENT, tmp_path)
    boxes = {one.message.facts.message_id: one.direction for one in await house.store.record.list(CLIENT, None)}
    assert boxes == {"<1@x.example>": Direction.INBOX, "<2@x.example>": Direction.SENT}


async def test_an_archive_can_say_that_mail_is_unverified_but_not_that_it_is_verified(
    house: House, tmp_path: Path
) -> None:
    content = client_letter()
    known = {"kind": "message", "id": 1, "path": "a.eml", "sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / "a.eml").write_bytes(content)
    claims = known | {"unverified": "forged, they said", "withheld": True, "verdict": {"standing": "verified"}}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(claims) + "\n")
    said = await ask(house.socket, "mail", "import", "--client", CLIENT, "--documents", tmp_path)
    assert said.code == 0
    (filed,) = await house.store.record.list(CLIENT, None)
    weighed = filed.message.weighed
    assert weighed is not None
    assert (weighed.is_open, weighed.withheld) == (True, True)
    assert weighed.verdict.reason == "It was unverified where it was imported from: forged, they said"
    await save(house)
    assert await house.store.record.documents(CLIENT) == []
    await ask(house.socket, "mail", "approve", filed.message.id)
    assert await house.store.record.documents(CLIENT) != []


async def test_an_archive_that_is_believed_brings_verdicts_authors_and_times_back(house: House, tmp_path: Path) -> None:
    """What was verified, what waits, what was approved, what nobody weighed, and what a member wrote."""
    checks = (Check("dkim", Result.PASS, "pacino.example", "selector s1"), Check("spf", Result.SOFTFAIL))
    verified = Verdict(Standing.VERIFIED, "The domain signed it.", Source.PROVIDER, "mx.firm.example", checks)
    for number, verdict in enumerate((verified, FORGED, FORGED, None)):
        raw = letter(number)
        new = NewFiling(raw=raw, facts=facts(raw), clients=((CLIENT, Direction.INBOX),), filed_at=THEN, verdict=verdict)
        await house.store.record.file(new)
    filings = await house.store.record.filings(3)
    await house.store.verdicts.approve(filings, 0, by="ana", at=THEN)
    raw = letter(9, sender=SUPPORT, to=AL)
    wrote = NewFiling(raw, facts(raw), ((CLIENT, Direction.SENT),), THEN, author_login="ana", grant="attached")
    await house.store.record.file(wrote)
    before = await had(house)
    archive = await exported(house, tmp_path / "out")
    (tmp_path / "other" / "data").mkdir(parents=True)
    async with opened(tmp_path / "other") as other:
        await other.office.apply(FIRM, by="test", at=NOW)
        said = await ask(other.socket, "mail", "import", "--client", CLIENT, "--as-recorded", archive)
        assert said.out == "5 messages imported, 0 known already, 0 passed over.\n"
        assert await had(other) == before
        (line,) = [one for one in await other.store.activity.list(50) if one.name == "1" and one.verb == "imported"]
        assert line.at == NOW
        assert line.what == f"under {CLIENT}, as its export recorded it"
        assert await other.store.verify() == []
        again = await ask(other.socket, "mail", "import", "--client", CLIENT, "--as-recorded", archive)
        assert again.out == "0 messages imported, 5 known already, 0 passed over.\n"


async def had(house: House) -> dict[str, tuple[object, ...]]:
    filings = await house.store.record.list(CLIENT, None)
    messages = [one.message for one in filings]
    return {one.sha256: (one.filed_at, one.author_login, one.grant, one.weighed) for one in messages}


@pytest.mark.parametrize(
    "recorded",
    [
        {"filed_at": "yesterday"},
        {"filed_at": "2026-03-14T10:00:00"},
        {"filed_at": "2026-03-14T10:00:00Z", "verdict": {"standing": "beyond doubt", "reason": ""}},
        {"filed_at": "2026-03-14T10:00:00Z", "author_login": "x" * 300},
    ],
)
async def test_what_makes_no_sense_as_recorded_is_told_and_passed_over(
    house: House, tmp_path: Path, recorded: dict[str, object]
) -> None:
    content = letter(1)
    known = {"kind": "message", "id": 1, "path": "a.eml", "sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / "a.eml").write_bytes(content)
    (tmp_path / "manifest.jsonl").write_text(json.dumps(known | {"recorded": recorded}) + "\n")
    said = await ask(house.socket, "mail", "import", "--client", CLIENT, "--as-recorded", tmp_path)
    assert (said.code, "1 passed over" in said.out) == (65, True)
    assert await house.store.record.list(CLIENT, None) == []
    unbelieved = await ask(house.socket, "mail", "import", "--client", CLIENT, tmp_path)
    assert unbelieved.code == 0


async def test_U3_only_who_sets_the_firm_up_is_believed_about_an_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = letter(1)
    recorded = {"filed_at": "2020-01-01T00:00:00Z", "verdict": {"standing": "verified", "reason": "so they say"}}
    known = {"kind": "message", "id": 1, "path": "a.eml", "sha256": hashlib.sha256(content).hexdigest()}
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "a.eml").write_bytes(content)
    (folder / "manifest.jsonl").write_text(json.dumps(known | {"recorded": recorded}) + "\n")
    async with walled(tmp_path) as made:
        monkeypatch.setenv("POSTERN_TOKEN", made.tokens["ana"])
        said = await ask(made.house.socket, "mail", "import", "--client", "Alpha", "--as-recorded", folder)
        assert (said.code, "owners and admins" in said.err) == (77, True)


async def test_U3_nobody_imports_into_or_exports_a_record_behind_a_wall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.eml").write_bytes(letter(1))
    async with walled(tmp_path) as made:
        monkeypatch.setenv("POSTERN_TOKEN", made.tokens["ana"])
        closed = await ask(made.house.socket, "mail", "import", "--client", "Beta", tmp_path / "one.eml")
        absent = await ask(made.house.socket, "mail", "import", "--client", "None", tmp_path / "one.eml")
        assert (closed.code, closed.err) == (65, absent.err.replace("None", "Beta"))
        said = await ask(made.house.socket, "mail", "export", "--client", "Beta", tmp_path / "out")
        assert (said.code, (tmp_path / "out").exists()) == (65, False)
        assert await beta(made) == 1
        opened_one = await ask(made.house.socket, "mail", "import", "--client", "Alpha", tmp_path / "one.eml")
        assert opened_one.code == 0
        (trail,) = [one for one in await made.house.store.activity.list(50) if one.verb == "imported"]
        assert trail.who == "member ana"


async def beta(made: Walled) -> int:
    return len(await made.house.store.record.list("Beta", None))


async def test_what_a_person_took_out_of_a_record_is_not_brought_back_by_import(house: House, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(letter(1))
    await ask(house.socket, "mail", "import", "--client", CLIENT, tmp_path)
    await ask(house.socket, "mail", "unfile", "--client", CLIENT, 1)
    said = await ask(house.socket, "mail", "import", "--client", CLIENT, tmp_path)
    assert said.out == "0 messages imported, 1 known already, 0 passed over.\n"
    assert await house.store.record.list(CLIENT, None) == []
    assert EventKind.CLIENT_MAIL not in {one.kind for one in await house.store.feed.after(0)}


async def test_the_printed_page_and_the_thread_of_a_message(house: House, tmp_path: Path) -> None:
    await furnish(house)
    thread = (await ask(house.socket, "mail", "thread", 1, "--json")).json["messages"]
    assert [one["direction"] for one in thread] == ["inbox", "sent", "inbox"]
    text = await ask(house.socket, "mail", "print", 1, "--thread")
    assert [word in text.out for word in ("Letter 0", "Letter 10", "Letter 11")] == [True] * 3
    page = tmp_path / "page.html"
    assert (await ask(house.socket, "mail", "print", 1, "--thread", "--html", "-o", page)).code == 0
    assert page.read_text().count("<article>") == 3
    listed = await ask(house.socket, "mail", "threads", "--client", CLIENT)
    assert "Letter" not in listed.out
    assert listed.out.splitlines()[0].split() == ["THREAD", "MESSAGES", "LAST", "MESSAGE", "FROM", "SUBJECT"]
    await house.queue("q1", letter(10, sender=SUPPORT, to=AL, answers="<0@x.example>"))
    sent = await ask(house.socket, "mail", "thread", "--sent", "q1", "--json")
    assert sent.json["messages"] == thread
    assert f"in thread: 1 of {CLIENT}" in " ".join((await ask(house.socket, "queue", "show", "q1")).out.split())
    await house.queue("q2", b"Subject: other\r\n\r\nx\r\n")
    assert (await ask(house.socket, "mail", "thread", "--sent", "q2")).code in {0, 65}
    assert (await ask(house.socket, "mail", "thread")).code == 64
