"""`postern mailbox`, with the routes behind it: tested, stopped, looked through again."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gateway.admin.server import AdminServer
from gateway.domain.mail import QueueState
from gateway.domain.record import Cursor
from gateway.inbound.stops import Stops
from gateway.inbound.tails import Tails
from gateway.inbound.watch import Watch
from gateway.trial.provider import TrialProvider
from tests.admin.house import NOW, PASSWORDS, House
from tests.cli.terminal import Said, ask

SUPPORT = "support@firm.example"


@dataclass
class Room:
    """An admin face that knows the mailboxes' provider, and tails that are not running."""

    house: House
    provider: TrialProvider
    stops: Stops
    socket: Path
    synced: list[str]

    async def say(self, *arguments: object) -> Said:
        return await ask(self.socket, "mailbox", *arguments)


def mailbox(provider: TrialProvider) -> dict[str, object]:
    """The firm's mailbox, at that provider."""
    return {
        "address": SUPPORT,
        "name": "Popescu Support",
        "members": ["ana"],
        "password": PASSWORDS[1],
        "imap": {"host": "127.0.0.1", "port": provider.imap_port, "security": "none"},
        "smtp": {"host": "127.0.0.1", "port": provider.smtp_port, "security": "none"},
    }


@pytest.fixture
async def room(house: House, tmp_path: Path) -> AsyncIterator[Room]:
    async with TrialProvider({SUPPORT: PASSWORDS[1]}) as provider:
        await house.office.apply({"mailbox": [mailbox(provider)]}, by="test", at=NOW)
        tails = Tails(Watch(house.store, lambda: house.office.firm, lambda: NOW), trust=None)
        stops = Stops(house.store, tails, firm=lambda: house.office.firm, now=lambda: NOW)
        synced: list[str] = []

        async def sync_now(key: str) -> None:
            synced.append(key)

        services = replace(house.server._services, sync_now=sync_now, stops=stops)
        server = AdminServer(services, socket_path=tmp_path / "room.sock", group=None)
        await server.start()
        try:
            await server.open()
            yield Room(house, provider, stops, tmp_path / "room.sock", synced)
        finally:
            await server.stop()


async def test_a_test_shows_every_step_with_its_time_and_exits_well(room: Room) -> None:
    said = await room.say("test", SUPPORT.upper())
    assert said.code == 0, said
    lines = said.out.splitlines()
    assert lines[0].split() == ["STEP", "RESULT", "TIME", "FOUND"]
    assert [line[:10].strip() for line in lines[1:11]] == [
        *("imap name", "imap tcp", "imap tls", "imap login", "folders", "idle"),
        *("smtp name", "smtp tcp", "smtp tls", "smtp login"),
    ]
    assert all(" well " in line and " s " in line for line in lines[1:11])
    assert len(lines) == 11


async def test_a_test_that_fails_names_the_step_with_what_to_do_and_no_secret(room: Room) -> None:
    room.provider.account(SUPPORT).password = "changed at the provider"
    said = await room.say("test", SUPPORT)
    assert said.code == 1
    assert "app password" in said.out.splitlines()[-1]
    assert said.out.splitlines()[-1].startswith("imap login: ")
    assert PASSWORDS[1] not in said.out + said.err
    answer = (await room.say("test", SUPPORT, "--json")).json
    assert (answer["verdict"], answer["failed"]) == ("failed", "imap login")
    assert [step["verdict"] for step in answer["steps"]] == ["well"] * 3 + ["failed"] + ["not tried"] * 6
    assert answer["steps"][-1]["seconds"] is None


async def test_what_is_no_mailbox_can_be_neither_tested_nor_stopped_nor_reset(room: Room) -> None:
    for words in (["test"], ["stop", "--yes"], ["reset"]):
        said = await room.say(*words, "nobody@firm.example")
        assert said.code == 65
        assert "postern mailbox list" in said.err


async def test_stopping_asks_first_and_names_what_will_stop(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    await room.house.queue()
    said = await room.say("stop", SUPPORT)
    assert said.code == 130
    assert "rule all as support sends as support@firm.example" in said.err
    assert "mail from ana as support@firm.example" in said.err
    assert "1 queued message will wait" in said.err
    assert room.stops.keys == frozenset()
    assert (await room.house.store.queue.get("q1")).state is QueueState.QUEUED


async def test_a_stopped_mailbox_holds_its_mail_and_says_how_to_start_it(room: Room) -> None:
    await room.house.queue()
    said = await room.say("stop", "--yes", SUPPORT)
    assert (said.code, said.err) == (0, "")
    assert "postern mailbox sync support@firm.example" in said.out
    assert room.stops.keys == {SUPPORT}
    assert (await room.house.store.queue.get("q1")).state is QueueState.HELD
    assert "off" in (await room.say("list")).out


async def test_a_reset_forgets_how_far_all_folders_were_read_and_looks_at_once(room: Room) -> None:
    await room.house.store.sync.renew(Cursor(SUPPORT, "INBOX", 7, 4))
    await room.house.store.sync.mark_backfilled(SUPPORT, "INBOX", ["al@pacino.example"])
    said = await room.say("reset", SUPPORT)
    assert said.code == 0
    assert room.synced == [SUPPORT]
    assert await room.house.store.sync.cursor(SUPPORT, "INBOX") is None
    assert await room.house.store.sync.backfilled(SUPPORT, "INBOX") == frozenset()


async def test_where_nobody_follows_mailboxes_none_can_be_stopped(house: House) -> None:
    async with house.client() as http:
        answer = await http.post(f"/v1/mailboxes/{SUPPORT}/stop")
        assert answer.status_code == 409
