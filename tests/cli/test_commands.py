"""Every command against a real admin face and a real store."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import os
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.history import CameBack
from gateway.domain.mail import Delivery, Errand, ErrandKind, Outcome, QueueState
from gateway.domain.record import Location
from gateway.domain.status import Health
from gateway.inbound.indexing import Indexing
from gateway.inbound.saving import Saving
from gateway.store.returns import Returning
from gateway.store.room import Room
from tests.admin.house import CLIENT, HOSTILE, NOW, House
from tests.cli.terminal import ask
from tests.waiting import until

FILE = """
[[member]]
login = "ion"
name = "Ion Pop"
role = "employee"
password = { env = "ION_PASSWORD" }
"""


@pytest.fixture
def firm_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ION_PASSWORD", "canary-of-ion")
    path = tmp_path / "firm.toml"
    path.write_text(FILE)
    return path


async def test_apply_says_what_it_changed_and_then_changes_nothing(house: House, firm_file: Path) -> None:
    dry = await ask(house.socket, "apply", "--dry-run", firm_file)
    assert (dry.code, dry.out) == (0, "member ion added\n1 change would be made; nothing was changed.\n")
    assert "ion" not in house.office.firm.member_by_login
    first = await ask(house.socket, "apply", firm_file)
    assert (first.code, first.out) == (0, "member ion added\n1 change made.\n")
    second = await ask(house.socket, "apply", firm_file)
    assert (second.code, second.out) == (0, "0 changes made.\n")
    assert "canary" not in first.out + first.err


async def test_apply_prints_json(house: House, firm_file: Path) -> None:
    answer = await ask(house.socket, "apply", "--json", firm_file)
    assert [change["verb"] for change in answer.json["changes"]] == ["added"]


async def test_apply_prunes_only_when_asked(house: House, firm_file: Path) -> None:
    firm_file.write_text('[[client]]\nname = "Meryl"\nmembers = ["ana"]\n')
    assert (await ask(house.socket, "apply", firm_file)).out == "client Meryl added\n1 change made.\n"
    pruned = await ask(house.socket, "apply", "--prune", firm_file)
    assert f"client {CLIENT} removed" in pruned.out


async def test_apply_of_a_wrong_firm_is_65_with_all_faults_and_nothing_changed(house: House, firm_file: Path) -> None:
    before = house.office.firm
    firm_file.write_text(FILE + '[[member]]\nlogin = "x"\nrole = "king"\n[[client]]\nname = ""\n')
    said = await ask(house.socket, "apply", firm_file)
    assert said.code == 65
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[-1] == "Nothing was changed."
    assert any(line.startswith("member[1].role: ") for line in lines)
    assert any(line.startswith("client[0].name: ") for line in lines)
    assert house.office.firm is before


@pytest.mark.parametrize(
    ("text", "words"),
    [("not = [toml", "is not valid TOML"), (FILE, "ION_PASSWORD"), (None, "can't be read")],
)
async def test_apply_of_an_unreadable_file_is_65_and_nothing_changed(
    house: House, firm_file: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, words: str
) -> None:
    monkeypatch.delenv("ION_PASSWORD")
    if text is None:
        firm_file.unlink()
    else:
        firm_file.write_text(text)
    said = await ask(house.socket, "apply", firm_file)
    assert said.code == 65
    assert words in said.err
    assert said.err.endswith("Nothing was changed.\n")


async def test_export_is_a_file_that_apply_takes(house: House, tmp_path: Path) -> None:
    said = await ask(house.socket, "export")
    assert "canary" not in said.out
    (tmp_path / "out.toml").write_text(said.out)
    assert (await ask(house.socket, "apply", tmp_path / "out.toml")).out == "0 changes made.\n"
    as_json = await ask(house.socket, "export", "--json")
    assert as_json.json == tomllib.loads(said.out)


async def test_status_says_how_it_is_and_exits_with_it(house: House) -> None:
    well = await ask(house.socket, "status")
    assert well.code == 0
    assert "submission: 127.0.0.1:40587\n" in well.out
    assert "12.3 GB free" in well.out
    await house.sync_stopped()
    degraded = await ask(house.socket, "status")
    assert degraded.code == 1
    assert "3 queued, 1 held, oldest 2026-03-14T15:09:26Z" in degraded.out
    assert "problem:" in degraded.out
    assert "support@firm.example  stopped" in degraded.out
    house.status = replace(house.status, health=Health.DOWN)
    assert (await ask(house.socket, "status", "--json")).code == 2


async def test_status_prints_the_real_ports_as_json(house: House) -> None:
    said = await ask(house.socket, "status", "--json")
    assert said.json["listeners"] == [{"name": "submission", "host": "127.0.0.1", "port": 40587}]


@pytest.mark.parametrize(
    ("noun", "words"),
    [
        ("mailbox", ["support@firm.example", "Popescu Support", "off", "ana"]),
        ("member", ["ana", "Ana Pop", "owner", "yes"]),
        ("client", [CLIENT, "ana", "al@pacino.example"]),
        ("rule", ["all as support", "member=ana, to a client", "send_as=support@firm.example"]),
        ("signature", ["support", "text+html"]),
    ],
)
async def test_the_nouns_of_the_firm_are_listed(house: House, noun: str, words: list[str]) -> None:
    said = await ask(house.socket, noun, "list")
    head, row = said.out.splitlines()
    assert head.isupper()
    assert [cell.strip() for cell in row.split("  ") if cell] == words
    as_json = await ask(house.socket, noun, "list", "--json")
    assert len(as_json.json[f"{noun}es" if noun == "mailbox" else f"{noun}s"]) == 1


async def test_a_mailbox_is_looked_at_when_somebody_asks(house: House) -> None:
    said = await ask(house.socket, "mailbox", "sync", "Support@firm.example")
    assert (said.code, house.woken) == (0, ["sync support@firm.example"])
    assert "mailbox show" in said.out
    missing = await ask(house.socket, "mailbox", "sync", "x@firm.example")
    assert missing.code == 65
    assert house.woken == ["sync support@firm.example"]


async def test_a_mailbox_is_shown(house: House) -> None:
    await house.sync_stopped()
    said = await ask(house.socket, "mailbox", "show", "Support@Firm.example")
    assert "imap:             127.0.0.1:1143 (none)\n" in said.out
    assert "detail:           The provider refuses the password" in said.out
    shown = await ask(house.socket, "mailbox", "show", "--json", "support@firm.example")
    assert shown.json["sync"]["state"] == "stopped"
    missing = await ask(house.socket, "mailbox", "show", "x@firm.example")
    assert (missing.code, missing.out) == (65, "")


async def test_mail_is_listed_shown_and_given_raw(house: House, tmp_path: Path) -> None:
    number = await house.file()
    listed = await ask(house.socket, "mail", "list", "--client", CLIENT)
    assert listed.out.splitlines()[1].startswith(f"{number}   2026-03-14T15:00:00Z  inbox  1 ")
    shown = await ask(house.socket, "mail", "show", number)
    assert "second line" in shown.out
    assert "seen in:    support@firm.example INBOX uid 1" in shown.out
    assert (await ask(house.socket, "mail", "raw", number)).octets == HOSTILE
    target = tmp_path / "one.eml"
    assert (await ask(house.socket, "mail", "raw", "-o", target, number)).code == 0
    assert target.read_bytes() == HOSTILE
    again = await ask(house.socket, "mail", "raw", "-o", target, number)
    assert (again.code, "exists already" in again.err) == (65, True)
    assert (await ask(house.socket, "mail", "raw", "--json", number)).json["sha256"] == hashlib.sha256(
        HOSTILE
    ).hexdigest()


async def test_mail_is_filed_by_hand_and_the_activity_tells_who_did_it(house: House) -> None:
    number = str(await house.file(HOSTILE))
    out = await ask(house.socket, "mail", "unfile", "--client", CLIENT, number)
    assert out.out == f"Message {number} is filed under nobody now.\n"
    assert (await ask(house.socket, "mail", "show", number)).code == 65
    back = await ask(house.socket, "mail", "file", "--client", CLIENT, number)
    assert back.out == f"Message {number} is filed under {CLIENT}.\n"
    assert "  by hand  " in (await ask(house.socket, "mail", "list", "--client", CLIENT)).out
    assert f"marks:      by hand ({CLIENT})\n" in (await ask(house.socket, "mail", "show", number)).out
    wrong = await ask(house.socket, "mail", "refile", "--from", CLIENT, "--to", "Nobody", number)
    assert (wrong.code, "There is no client 'Nobody'" in wrong.err) == (65, True)
    told = (await ask(house.socket, "activity")).out
    assert "unfiled" in told
    assert f"under {CLIENT}" in told


async def test_I1_unverified_mail_is_listed_shown_exported_as_such_and_approved(house: House, tmp_path: Path) -> None:
    number = await house.forged()
    listed = await ask(house.socket, "mail", "list", "--client", CLIENT)
    assert "unverified" in listed.out.splitlines()[1]
    shown = await ask(house.socket, "mail", "show", number)
    assert "unverified: The mailbox's provider says that DMARC fails" in shown.out
    assert "dmarc=fail pacino.example p=reject" in shown.out
    assert "its attachments wait for `postern mail approve`" in shown.out
    assert (await ask(house.socket, "mail", "export", "--client", CLIENT, tmp_path / "before")).code == 0
    assert [path.name for path in (tmp_path / "before" / "eml" / "inbox").iterdir()] == [
        f"2026-03-14 {number} unverified.eml"
    ]

    waiting = await ask(house.socket, "mail", "list", "--client", CLIENT, "--unverified", "--json")
    assert [one["message"]["id"] for one in waiting.json["messages"]] == [number]
    approved = await ask(house.socket, "mail", "approve", number)
    assert approved.out.startswith(f"Message {number} is approved as mail of {CLIENT}.\n  saved clients/")
    assert "approved" in (await ask(house.socket, "mail", "list", "--client", CLIENT)).out.splitlines()[1]
    assert "waits for an approval" in (await ask(house.socket, "mail", "list", "--client", CLIENT, "--unverified")).err
    again = await ask(house.socket, "mail", "approve", number)
    assert (again.code, "was approved by" in again.err) == (65, True)
    assert (await ask(house.socket, "mail", "export", "--client", CLIENT, tmp_path / "after")).code == 0
    assert [path.name for path in (tmp_path / "after" / "eml" / "inbox").iterdir()] == [f"2026-03-14 {number}.eml"]


async def test_a_clients_whole_record_is_exported(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.archive.EXPORT_PAGE", 2)  # so that there are pages
    for n in range(5):
        await house.file(HOSTILE + str(n).encode(), uid=n + 1)
    target = tmp_path / "record"
    said = await ask(house.socket, "mail", "export", "--client", CLIENT, target)
    assert (said.code, said.out) == (0, f"5 messages and 0 documents written to {target}.\n")
    files = sorted((target / "eml" / "inbox").iterdir())
    assert {file.read_bytes() for file in files} == {HOSTILE + str(n).encode() for n in range(5)}
    full = await ask(house.socket, "mail", "export", "--client", CLIENT, target)
    assert (full.code, "is not empty" in full.err) == (65, True)
    unknown = await ask(house.socket, "mail", "export", "--client", "Nobody", tmp_path / "none")
    assert unknown.code == 65
    assert not (tmp_path / "none").exists()


async def test_documents_are_listed_given_and_exported(house: House, tmp_path: Path) -> None:
    await house.file(attachment=b"\x00statement\xff")
    [document] = (await ask(house.socket, "document", "list", "--client", CLIENT, "--json")).json["documents"]
    assert "2026 statement.pdf" in (await ask(house.socket, "document", "list")).out
    assert (await ask(house.socket, "document", "get", document["id"])).octets == b"\x00statement\xff"
    assert (await ask(house.socket, "document", "get", "--json", document["id"])).json["name"] == document["name"]
    refused = await ask(house.socket, "document", "get", document["id"], terminal=True)
    assert (refused.code, refused.out) == (64, "")
    target = tmp_path / "documents"
    assert (await ask(house.socket, "document", "export", "--client", CLIENT, target)).code == 0
    assert [file.read_bytes() for file in target.iterdir()] == [b"\x00statement\xff"]
    assert (await ask(house.socket, "document", "list", "--client", "Nobody")).code == 65


async def test_what_came_back_later_is_shown_with_the_entry(house: House) -> None:
    await house.queue("q1")
    entry = await house.store.queue.get("q1")
    await house.store.queue.claim(NOW, 1)
    good, bad = (
        Outcome(Delivery.DELIVERED, 250, "2.0.0", "taken", "final"),
        Outcome(Delivery.FAILED, 550, "5.1.1", "no such user", "returned"),
    )
    await house.store.queue.settle("q1", QueueState.DONE, NOW, outcomes={"al@pacino.example": good})
    where = Location("support@firm.example", "INBOX", 7, 1)
    said = (CameBack("al@pacino.example", NOW, bad),)
    await house.store.returns.keep(Returning(entry.sha256, "q1", "ana", said, NOW, where, None, None, (), "0" * 64))
    shown = await ask(house.socket, "queue", "show", "q1")
    assert "over: 1 delivered; 1 of the delivered came back later" in shown.out
    assert "al@pacino.example  came back   2026-03-14T15:09:26Z  550 5.1.1 no such user  -" in shown.out
    (told,) = (await ask(house.socket, "queue", "show", "--json", "q1")).json["came_back"]
    assert (told["address"], told["delivery"], told["status"]) == ("al@pacino.example", "failed", "5.1.1")


async def test_the_errands_of_an_entry_are_shown_with_it(house: House) -> None:
    await house.queue("q1")
    await house.store.queue.claim(NOW, 1)
    good = Outcome(Delivery.DELIVERED, 250, "2.0.0", "taken", "final")
    await house.store.queue.settle("q1", QueueState.DONE, NOW, outcomes={"al@pacino.example": good})
    copy = Errand("q1", ErrandKind.AUTHOR_COPY, "ana@firm.example")
    await house.store.errands.owe([(copy, NOW), (Errand("q1", ErrandKind.ANSWERED, "support@firm.example"), NOW)])
    await house.store.errands.done(copy, "it lay there")
    shown = [" ".join(line.split()) for line in (await ask(house.socket, "queue", "show", "q1")).out.splitlines()]
    assert "author's copy: ana@firm.example: filed: it lay there" in shown
    marked = next(line for line in shown if line.startswith("the answered mail: "))
    assert "support@firm.example: not marked yet, 0 attempts, next 2026-03-14" in marked
    errands = (await ask(house.socket, "queue", "show", "--json", "q1")).json["errands"]
    assert [(one["kind"], one["state"]) for one in errands] == [("answered", "due"), ("author-copy", "done")]


SENT = (
    b"From: =cmd <al@pacino.example>\r\nTo: support@firm.example\r\nDate: Sat, 14 Mar 2026 10:00:00 +0200\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhttps://we.tl/t-1\r\n"
    b"--b\r\nContent-Type: image/gif; name=dot.gif\r\n\r\nGIF89a\1\0\1\0\r\n"
    b"--b\r\nContent-Type: application/pdf; name=+a.pdf\r\n\r\n%PDF\r\n--b--\r\n"
)


async def test_what_was_sent_and_what_was_only_promised_is_imported_and_listed(house: House) -> None:
    number = await house.file(SENT)
    worker = asyncio.create_task(Saving(house.store, room=Room(), now=lambda: NOW).run())
    said = await ask(house.socket, "document", "import", "--client", CLIENT, "--since", "2026-03-01")
    again = await ask(house.socket, "document", "import", "--client", CLIENT, "--json")
    worker.cancel()
    assert (said.code, said.out) == (0, f"1 message of {CLIENT} to look through for documents.\n"), said.err
    assert (again.json["messages"], again.json["waiting"]) == (0, 0)
    listed = await ask(house.socket, "document", "list", "--client", CLIENT)
    documents, promised = listed.out.split("Promised with a link, not received:")
    assert "2026-03-14T08:00:00Z" in documents
    assert "2026-03-14 +a.pdf" in documents
    assert "https://we.tl/t-1" in promised
    answer = (await ask(house.socket, "document", "list", "--json")).json
    assert [len(answer[key]) for key in ("documents", "promised")] == [1, 1]
    rows = list(csv.DictReader((await ask(house.socket, "document", "list", "--csv")).out.splitlines()))
    assert [(row["kind"], row["from"], row["message"], row["link"]) for row in rows] == [
        ("document", "'=cmd <al@pacino.example>", str(number), ""),
        ("promised", "'=cmd <al@pacino.example>", str(number), "https://we.tl/t-1"),
    ]
    aside = (await ask(house.socket, "document", "list", "--aside")).out
    assert "dot.gif" in aside
    assert "tracker" in aside
    assert "dot.gif" in (await ask(house.socket, "document", "list", "--aside", "--csv")).out
    assert "dot.gif" in (await ask(house.socket, "mail", "attachments", number)).out


async def test_the_queue_is_shown_and_acted_on(house: House) -> None:
    await house.queue("q1")
    await house.queue("q2")
    listed = await ask(house.socket, "queue", "list", "--state", "queued")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["ID", "q2", "q1"]
    shown = await ask(house.socket, "queue", "show", "q1")
    assert "al@pacino.example  pending" in shown.out
    held = await ask(house.socket, "queue", "hold", "q1", "q2")
    assert held.out == "q1 held\nq2 held\n"
    assert (await ask(house.socket, "queue", "retry", "--json", "q1")).json["state"] == "queued"
    assert (await ask(house.socket, "queue", "cancel", "q1")).out == "q1 done\n"
    assert (await ask(house.socket, "queue", "release", "q2")).out == "q2 queued\n"
    late = await ask(house.socket, "queue", "hold", "q1")
    assert (late.code, late.out) == (65, "")
    assert len(late.err.splitlines()) == 1
    assert (await ask(house.socket, "queue", "show", "../status")).code == 65


async def test_empty_lists_say_so_on_stderr(house: House) -> None:
    for arguments in (("queue", "list"), ("document", "list"), ("feed",), ("mail", "list", "--client", CLIENT)):
        said = await ask(house.socket, *arguments)
        assert (said.code, said.out) == (0, "")
        assert len(said.err.splitlines()) == 1


async def test_the_feed_is_printed(house: House) -> None:
    number = await house.happen("first")
    await house.happen("second")
    assert "first" in (await ask(house.socket, "feed")).out
    assert "first" not in (await ask(house.socket, "feed", "--after", number)).out
    assert len((await ask(house.socket, "feed", "--json", "--limit", 1)).json["events"]) == 1


async def test_the_feed_is_followed_until_the_daemon_stops(house: House) -> None:
    await house.happen("before")
    following = asyncio.create_task(ask(house.socket, "feed", "--follow", "--json"))
    http = house.server._http
    assert http is not None
    await until(lambda: http.state.tasks)
    last = await house.happen("meanwhile")
    process = asyncio.create_task(_feed_process(house))
    said_elsewhere = await process
    await house.server.stop()
    said = await following
    assert [json.loads(line)["text"] for line in said.out.splitlines()] == ["before", "meanwhile"]
    assert (said.code, f"--after {last}" in said.err) == (75, True)
    assert "meanwhile" in said_elsewhere


async def _feed_process(house: House) -> str:
    """A line is out before the next event comes, though stdout is a pipe."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "feed", "-f"),
        env=os.environ | {"POSTERN_SOCKET": str(house.socket)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        lines = [await process.stdout.readline(), await process.stdout.readline()]
    process.terminate()
    await process.wait()
    return b"".join(lines).decode()


async def test_backup_takes_a_folder_as_the_caller_sees_it(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = await ask(house.socket, "backup", "today")
    assert (said.code, said.out) == (0, f"Backup written to {tmp_path / 'today'}.\n")
    assert (tmp_path / "today" / "postern.db").exists()
    again = await ask(house.socket, "backup", "today")
    assert (again.code, again.out) == (65, "")


async def test_rule_try_shows_why_and_before_and_after(house: House, tmp_path: Path) -> None:
    file = tmp_path / "letter.eml"
    file.write_bytes(b"From: Ana <support@firm.example>\nTo: al@pacino.example\nSubject: x\n\nHello\n")
    said = await ask(house.socket, "rule", "try", file, "--as", "ana")
    assert said.code == 0
    assert "it would leave" in said.out
    assert "all as support" in said.out
    assert "+++ after" in said.out
    assert (await ask(house.socket, "rule", "try", file, "--as", "ana", "--json")).json["leaves"] is True
    assert "queue is empty" in (await ask(house.socket, "queue", "list")).err


async def test_rule_try_tells_a_refusal_by_its_exit_code_too(house: House, tmp_path: Path) -> None:
    file = tmp_path / "letter.eml"
    file.write_bytes(b"From: eve@else.example\r\nTo: al@pacino.example\r\n\r\nHello\r\n")
    said = await ask(house.socket, "rule", "try", file, "--as", "ana")
    assert (said.code, "it would be refused" in said.out) == (65, True)
    missing = await ask(house.socket, "rule", "try", tmp_path / "gone.eml", "--as", "ana")
    assert (missing.code, "can't be read" in missing.err) == (65, True)


async def test_mail_is_searched(house: House) -> None:
    first, second = await house.file(uid=1), await house.file(HOSTILE + b"lease\r\n", uid=2)
    while await Indexing(house.store).round():
        pass
    said = await ask(house.socket, "mail", "search", "lease", "from:al")
    assert said.code == 0
    assert said.out.splitlines()[1].startswith(str(second))
    assert "\x1b" not in said.out
    page = await ask(house.socket, "mail", "search", "--limit", "1", "before:soon", "day")
    assert "Note: before:soon was left out" in page.err
    cursor = page.err.rpartition("--after ")[2].strip()
    rest = await ask(house.socket, "mail", "search", "day", "--after", cursor, "--json")
    assert len(rest.json["hits"]) == 1
    without = await ask(house.socket, "mail", "search", "--client", CLIENT, "--", "-lease")
    assert [line.split()[0] for line in without.out.splitlines()] == ["ID", str(first)]
    assert "Nothing was found" in (await ask(house.socket, "mail", "search", "unicorn")).err


async def test_the_help_of_search_explains_the_syntax(house: House) -> None:
    said = await ask(house.socket, "mail", "search", "--help")
    assert "before:2026-03-14" in said.out
    assert "four letters at least" in said.out
