"""The main job: a letter leaves as the shared mailbox, the client answers, and the answer lies under the client."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess
from tests.journey import seen
from tests.journey.firm import ANA_PASSWORD, ION_PASSWORD, SIGNATURE, FirmOnPaper
from tests.journey.mail import STATEMENT, answer, note, read, submit
from tests.journey.provider import Provider
from tests.peers.programs import Account, curl_submit, msmtp, mutt, swaks
from tests.waiting import until

Program = Callable[[int, FirmOnPaper], Awaitable[None]]


async def by_smtplib(port: int, firm: FirmOnPaper) -> None:
    await submit(port, firm.support, [firm.client], note(firm.support, firm.client, html=True))


async def by_swaks(port: int, firm: FirmOnPaper) -> None:
    ran = await swaks(account(port), firm.support, [firm.client], note(firm.support, firm.client))
    assert ran.status == 0, ran.output


async def by_msmtp(port: int, firm: FirmOnPaper) -> None:
    ran = await msmtp(account(port), firm.support, [firm.client], note(firm.support, firm.client, html=True))
    assert ran.status == 0, ran.output


async def by_mutt(port: int, firm: FirmOnPaper) -> None:
    ran = await mutt(account(port), firm.support, [firm.client], "Your contract", "the contract is ready.\n")
    assert ran.status == 0, ran.output


async def by_curl(port: int, firm: FirmOnPaper) -> None:
    ran = await curl_submit(account(port), firm.support, [firm.client], note(firm.support, firm.client))
    assert ran.status == 0, ran.output


def account(port: int) -> Account:
    return Account("localhost", port, "ana", ANA_PASSWORD)


INSTALLED = (by_swaks, by_msmtp, by_mutt, by_curl)
PROGRAMS = [by_smtplib, *(pytest.param(program, marks=pytest.mark.real) for program in INSTALLED)]


async def one(provider: Provider, address: str, folder: str = "INBOX") -> bytes:
    """Wait for the first message of a folder, which must be the only one."""
    what = f"a message in {address} {folder}"
    (raw,) = await until(lambda: provider.messages(address, folder), timeout=20, what=what)
    return raw


def ours(raw: bytes) -> list[str]:
    """Return the Received fields that the gateway wrote."""
    return [field for field in read(raw).get_all("Received", []) if "by gateway.firm.example" in field]


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_letter_leaves_as_the_shared_mailbox_with_signature_and_bcc(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper, program: Program
) -> None:
    await program(gateway.submission_port, firm)
    raw = await one(provider, firm.client)
    letter = read(raw)
    (author,) = letter["From"].addresses
    assert (author.addr_spec, author.display_name) == (firm.support, "Ana Pop (Popescu & Asociații)")
    texts = [part.get_content() for part in letter.walk() if part.get_content_maintype() == "text"]
    assert all("contract is ready" in text for text in texts)
    assert [text for text in texts if SIGNATURE not in html.unescape(text)] == []
    assert letter["Date"]
    assert letter["Message-ID"]
    assert firm.archive.encode() not in raw
    assert (await one(provider, firm.archive)).endswith(raw[raw.index(b"\r\n\r\n") :])
    assert not any(re.search(r"\bana\b|127\.0\.0\.1", field) for field in ours(raw))


async def test_the_sent_copy_is_appended_and_filed_once(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    await by_smtplib(gateway.submission_port, firm)
    copy = await one(provider, firm.support, "Sent")
    assert read(copy)["Message-ID"] == read(await one(provider, firm.client))["Message-ID"]
    await until(lambda: seen.filed(gateway, "sent"), what="the letter under the client")
    await gateway.restart()
    await until(lambda: seen.is_live(gateway), what="the mailbox live again")
    assert len(await provider.messages(firm.support, "Sent")) == 1
    assert len(await seen.filed(gateway, "sent")) == 1
    assert len(await seen.events(gateway, "mail-sent")) == 1


async def test_the_answer_with_its_attachment_lies_under_the_client(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    await by_smtplib(gateway.submission_port, firm)
    letter = read(await one(provider, firm.client))
    await until(lambda: seen.filed(gateway, "sent"), what="the letter under the client")
    reply = answer(firm.client, firm.support, "Your contract", letter["Message-ID"])
    await provider.deliver(firm.support, reply)
    (filing,) = await until(lambda: seen.filed(gateway, "inbox"), what="the answer under the client")
    (sent,) = await seen.filed(gateway, "sent")
    assert filing["thread"] == sent["thread"]
    (document,) = await until(lambda: seen.documents(gateway), what="the document")
    path = gateway.data_dir / document["path"]
    assert re.fullmatch(r"clients/[^/]+/documents/\d{4}/\d{4}-\d\d-\d\d statement\.pdf", document["path"])
    assert path.read_bytes() == STATEMENT
    assert path.stat().st_mode & 0o222 == 0
    (event,) = await seen.events(gateway, "client-mail")
    assert event["client"] == seen.CLIENT


async def test_the_same_can_be_read_by_commands(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper, tmp_path: Path
) -> None:
    await provider.deliver(firm.support, answer(firm.client, firm.support, "Hello", ""))
    await until(lambda: seen.filed(gateway, "inbox"), what="the mail under the client")
    (row,) = (await gateway.cli("mail", "list", "--client", seen.CLIENT))["messages"]
    shown = await gateway.cli("mail", "show", str(row["message"]["id"]))
    assert "the statement is attached" in shown["text"]
    (event,) = (await gateway.cli("feed"))["events"]
    assert event["kind"] == "client-mail"

    async def found() -> list[object]:
        return list((await gateway.cli("mail", "search", "from:pacino", '"statement is attached"'))["hits"])

    (hit,) = await until(found, what="the mail by its words")
    assert isinstance(hit, dict)
    assert hit["message"] == row["message"]
    await until(lambda: seen.documents(gateway), what="the document")
    (document,) = (await gateway.cli("document", "list", "--client", seen.CLIENT))["documents"]
    said = await gateway.say("document", "get", str(document["id"]), "-o", str(tmp_path / "saved.pdf"))
    assert said.status == 0, said
    assert (tmp_path / "saved.pdf").read_bytes() == STATEMENT


async def test_mail_of_others_is_not_filed(gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper) -> None:
    await provider.deliver(firm.support, answer(f"stranger@{firm.mark}.example", firm.support, "Buy", ""))
    await provider.deliver(firm.support, answer(firm.client, firm.support, "Hello", ""))
    (filing,) = await until(lambda: seen.filed(gateway, "inbox"), what="the client's mail")
    assert firm.client in filing["message"]["from"]
    assert await seen.filed(gateway, "sent") == []


async def test_mail_from_before_the_gateway_is_filed_too(tmp_path: Path, provider: Provider, firm: FirmOnPaper) -> None:
    for number in range(3):
        await provider.deliver(firm.support, answer(firm.client, firm.support, f"Old {number}", f"<{number}@old>"))
    toml = firm.toml(provider)
    async with GatewayProcess(tmp_path / "gateway", toml) as gateway:

        async def all_filed() -> bool:
            return len(await seen.filed(gateway, "inbox")) == 3

        await until(all_filed, what="the old mail under the client")
        assert await seen.documents(gateway) == []
        assert (await gateway.cli("document", "import", "--client", seen.CLIENT))["messages"] == 3
        assert len(await seen.documents(gateway)) == 1  # the same statement three times is one document


async def test_a_new_uidvalidity_announces_nothing_twice(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    async def count(expected: int) -> None:
        async def reached() -> bool:
            return len(await seen.filed(gateway, "inbox")) == expected

        await until(reached, timeout=30, what=f"{expected} messages under the client")

    for number in range(3):
        await provider.deliver(firm.support, answer(firm.client, firm.support, "Before", f"<{number}@before>"))
    await count(3)
    await provider.renumber(firm.support)
    await provider.deliver(firm.support, answer(firm.client, firm.support, "After", "<1@after>"))
    await count(4)
    await until(lambda: seen.is_live(gateway), timeout=30, what="the mailbox live again")
    assert len(await seen.events(gateway, "client-mail")) == 4


async def test_a_restart_of_the_provider_is_survived(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    await provider.restart()
    await provider.deliver(firm.support, answer(firm.client, firm.support, "Hello", ""))
    await until(lambda: seen.filed(gateway, "inbox"), timeout=60, what="the mail under the client")
    await by_smtplib(gateway.submission_port, firm)
    await one(provider, firm.client)
    assert await gateway.cli("status", accept=(0, 1))


async def test_a_member_who_is_not_attached_may_send_where_the_mailbox_allows_it(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper
) -> None:
    raw = note(firm.support, firm.client)
    await submit(gateway.submission_port, firm.support, [firm.client], raw, login="ion", password=ION_PASSWORD)
    assert "Ion Ion" in read(await one(provider, firm.client))["From"]
    (entry,) = await seen.entries(gateway)
    assert entry["grant"] == "allow_others_to_send"


async def test_bcc_of_the_author_never_leaves(gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper) -> None:
    raw = note(firm.support, firm.client, more=f"Bcc: {firm.archive}\r\n")
    await submit(gateway.submission_port, firm.support, [firm.client, firm.archive], raw)
    for address in (firm.client, firm.archive):
        assert "Bcc" not in read(await one(provider, address))
    assert firm.archive.encode() not in await one(provider, firm.client)
