"""Whose mail is, as the tail finds it: by domain, tag and thread, and what is done where it can't be told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gateway.domain.firm import Client, Contact, ContactAddress
from gateway.mime.address import parse_address
from tests.inbound.test_folders import tailing
from tests.inbound.test_tails import count, inbox, live
from tests.rig import AL, STRANGER, SUPPORT, Rig, client_letter, letter, rig
from tests.waiting import until

JOINT = "joint@both.example"


def client(name: str, *addresses: str, **more: object) -> Client:
    entries = tuple(ContactAddress(parse_address(address)) for address in addresses)
    return replace(Client(name, ("*",), (Contact(name, entries),)), **more)  # type: ignore[arg-type]


async def filed(r: Rig, name: str, wanted: int) -> list[tuple[str, tuple[str, ...]]]:
    """The subjects and marks of a client's inbox, oldest first, once there are so many."""

    async def there() -> bool:
        return len(await inbox(r, name)) >= wanted

    await until(there, what=f"{wanted} messages of {name}")
    return [(one.message.facts.subject, one.flags) for one in reversed(await inbox(r, name))]


async def test_history_and_new_mail_of_a_whole_domain_are_filed(tmp_path: Path) -> None:
    async with rig(tmp_path, clients=(client("Pacino", domains=("pacino.example",)),)) as r:
        r.provider.deliver(SUPPORT, letter(sender="bob@pacino.example", subject="old"))
        r.provider.deliver(SUPPORT, letter(sender="bob@pacino.example.evil.example", to=SUPPORT, subject="no"))
        async with tailing(r):
            await live(r)
            r.provider.deliver(SUPPORT, letter(sender="carol@pacino.example", subject="new"))
            assert await filed(r, "Pacino", 2) == [("old", ()), ("new", ())]


async def test_a_third_partys_answer_is_filed_where_the_thread_is_though_both_came_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r):
        await live(r)
        await r.provider.stop_listening()
        r.provider.drop_connections()
        office = "tax office <office@tax.example>"
        r.provider.deliver(SUPPORT, client_letter(message_id="<1@pacino.example>", subject="one"))
        for number, named in (("2", "<1@pacino.example>"), ("3", "<2@tax.example>"), ("4", "<9@elsewhere.example>")):
            extra = f"Message-ID: <{number}@tax.example>\r\nIn-Reply-To: {named}"
            r.provider.deliver(SUPPORT, letter(sender=office, to=SUPPORT, subject=number, extra=extra))
        await r.provider.restart()
        assert await filed(r, "Al Pacino", 3) == [("one", ()), ("2", ("by thread",)), ("3", ("by thread",))]
        first, *others = await inbox(r)
        assert {one.thread for one in others} == {first.thread}


async def test_a_tag_in_the_subject_names_the_client(tmp_path: Path) -> None:
    async with rig(tmp_path, clients=(client("Al Pacino", AL, tag="C042"),)) as r, tailing(r):
        await live(r)
        for subject in ("Re: [c042] your return", "C042 without brackets"):
            r.provider.deliver(SUPPORT, letter(sender=STRANGER, to=SUPPORT, subject=subject))
        r.provider.deliver(SUPPORT, client_letter(subject="last"))
        assert await filed(r, "Al Pacino", 2) == [("Re: [c042] your return", ("by tag",)), ("last", ())]


async def test_mail_of_an_address_of_two_clients_is_under_both_and_its_attachment_a_document_of_neither(
    tmp_path: Path,
) -> None:
    both = (client("One", JOINT, AL), client("Two", JOINT, tag="TWO"))
    async with rig(tmp_path, clients=both) as r, tailing(r):
        await live(r)
        doubtful = client_letter(subject="whose").replace(AL.encode(), JOINT.encode())
        r.provider.deliver(SUPPORT, doubtful)
        assert await filed(r, "One", 1) == await filed(r, "Two", 1) == [("whose", ("ambiguous",))]
        assert await r.store.saving.due(r.clock()) == []
        for event in await r.store.feed.after(0):
            assert f"(ambiguous: `postern mail file {event.message} --client NAME` says whose it is)" in event.text
        r.provider.deliver(SUPPORT, doubtful.replace(b"Subject: whose", b"Subject: [two] mine"))
        assert await filed(r, "Two", 2) == [("whose", ("ambiguous",)), ("[two] mine", ())]
        assert [one.client for one in await r.store.saving.due(r.clock())] == ["Two"]
        assert len(await inbox(r, "One")) == 1


async def test_private_mail_that_answers_private_mail_is_still_not_fetched(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r):
        await live(r)
        extra = "Message-ID: <2@else.example>\r\nReferences: <1@else.example>"
        r.provider.deliver(SUPPORT, letter(sender=STRANGER, to=SUPPORT, extra=extra))
        r.provider.deliver(SUPPORT, client_letter())
        await count(r, 1)
        assert len(await r.store.record.list("Al Pacino", None)) == 1
