"""What the server tells of its own accord: what went since (QRESYNC), and what happens elsewhere (NOTIFY)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.record import SyncState
from gateway.trial.faults import Garbage, Refuse, Say
from tests.inbound.agreement import agrees
from tests.inbound.test_folders import QUICK, lies, tailing
from tests.inbound.test_tails import count, live, numbered
from tests.rig import SUPPORT, Rig, client_letter, rig
from tests.waiting import until

NEVER = replace(QUICK, poll=1e6, renew_idle=1e6)  # nothing is found by looking again


class Asked:
    """The arguments of every command of one kind that the provider gets."""

    def __init__(self, r: Rig, stage: str) -> None:
        self.arguments: list[str] = []
        r.provider.faults.imap(stage, Say(b""), times=None, match=self._note)

    def _note(self, arguments: str) -> bool:
        self.arguments.append(arguments)
        return False

    def compares(self) -> int:
        """How many searches looked for what we know, and not for what is new."""
        return sum("*" not in one for one in self.arguments)


async def only(r: Rig) -> None:
    r.firm = replace(r.firm, mailboxes=r.firm.mailboxes[:1])


async def gone(r: Rig, *left: int) -> None:
    async def there() -> bool:
        filings = await r.store.record.list("Al Pacino", None, 100)
        found = [at.uid for one in filings for at in await r.store.record.locations(one.message.id)]
        return sorted(found) == sorted(left)

    await until(there, what=f"places {left}")


async def test_what_went_while_nobody_looked_is_told_and_not_searched_for(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await only(r)
        for number in range(5):
            r.provider.deliver(SUPPORT, numbered(number))
        async with tailing(r, QUICK):
            await count(r, 5)
            await live(r)
        r.provider.account(SUPPORT).folders["INBOX"].remove(2, 4)
        r.provider.deliver(SUPPORT, numbered(9))
        examined, searched = Asked(r, "examine"), Asked(r, "search")
        async with tailing(r, QUICK):
            await gone(r, 1, 3, 5, 6)
            await agrees(r, announced=1)
        assert any("QRESYNC" in one and "INBOX" in one for one in examined.arguments)
        assert searched.compares() == 0


async def test_what_goes_while_we_idle_is_told_and_not_searched_for(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await only(r)
        async with tailing(r, NEVER):
            await live(r)
            for number in range(3):
                r.provider.deliver(SUPPORT, numbered(number))
            await count(r, 3)
            searched = Asked(r, "search")
            r.provider.account(SUPPORT).folders["INBOX"].remove(2)
            await gone(r, 1, 3)
            assert searched.compares() == 0


async def test_once_a_day_we_look_for_ourselves(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await only(r)
        async with tailing(r, QUICK) as tails:
            await live(r)
            for number in range(3):
                r.provider.deliver(SUPPORT, numbered(number))
            await count(r, 3)
            inbox = r.provider.account(SUPPORT).folders["INBOX"]

            async def round_over() -> bool:
                cursor = await r.store.sync.cursor(SUPPORT, "INBOX")
                return cursor is not None and cursor.highestmodseq == inbox.highestmodseq

            await until(round_over, what="the round's end")
            inbox.forget_one(2)  # against RFC 7162: nobody is told
            searched = Asked(r, "search")
            r.clock.forward(timedelta(days=1))
            tails.restart(SUPPORT)
            await gone(r, 1, 3)
            assert searched.compares() == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Refuse("BAD", "no such parameter"),
        Refuse("NO", "[SERVERBUG] it broke"),
        Garbage(b"* VANISHED (EARLIER) 1:*\r\n"),
        Garbage(b"* VANISHED (EARLIER) " + b"1:9," * 300_000 + b"1\r\n"),
        Say(b"* VANISHED (EARLIER) 99:4294967295\r\n* VANISHED (EARLIER) 4294967295\r\n"),
    ],
    ids=["bad", "no", "malformed", "endless", "what never was"],
)
async def test_D4_a_server_that_breaks_over_the_question_is_asked_without_it(
    tmp_path: Path, trouble: Refuse | Garbage | Say
) -> None:
    async with rig(tmp_path) as r:
        await only(r)
        for number in range(3):
            r.provider.deliver(SUPPORT, numbered(number))
        async with tailing(r, QUICK):
            await live(r)
        r.provider.account(SUPPORT).folders["INBOX"].remove(2)
        r.provider.faults.imap("examine", trouble, times=None, match=lambda given: "QRESYNC" in given)
        async with tailing(r, QUICK):
            await agrees(r, announced=0)
            await live(r)


async def test_news_of_the_other_folders_is_told_and_not_waited_for(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await only(r)
        account = r.provider.account(SUPPORT)
        async with tailing(r, NEVER):
            await live(r)
            account.folders["Archive"].deliver(numbered(1))
            await count(r, 1)
            await account.create("Clients/Pacino")
            account.folders["Clients/Pacino"].deliver(numbered(2))
            await count(r, 2)
            account.rename("Clients/Pacino", "Old/Pacino")
            await agrees(r, announced=1)  # what lay in a folder before we knew it is history
            account.folders["Archive"].remove(1)
            await agrees(r, announced=1)
            account.delete("Old/Pacino")
            await gone(r)


async def test_news_of_a_folder_with_a_connection_of_its_own_wake_no_other(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await only(r)
        reached = r.provider.faults.reached
        async with tailing(r, NEVER):
            await live(r)
            before = reached["imap:examine"], reached["imap:list"]
            r.provider.deliver(SUPPORT, numbered(1), folder="Sent")
            await count(r, 1)
            r.provider.deliver(SUPPORT, numbered(2))
            await count(r, 2)
            assert (reached["imap:examine"] - before[0], reached["imap:list"] - before[1]) == (2, 0)


async def test_a_server_that_can_tell_no_more_is_asked_to_begin_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await only(r)
        account = r.provider.account(SUPPORT)
        r.provider.faults.imap("idle", Say(b"* OK [NOTIFICATIONOVERFLOW] too much\r\n"))
        r.provider.faults.imap("idle", Say(b"* OK [NOTIFICATIONOVERFLOW] too much\r\n"))
        async with tailing(r, NEVER):
            await r.provider.faults.wait_reached("imap:notify", 2)
            account.folders["Archive"].deliver(numbered(1))
            await count(r, 1)


async def test_where_the_server_will_not_tell_the_folders_are_looked_at(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await only(r)
        r.provider.faults.imap("notify", Refuse("NO", "[BADEVENT (MessageNew)] not here"), times=None)
        async with tailing(r, QUICK) as tails:
            await live(r)
            r.provider.account(SUPPORT).folders["Archive"].deliver(client_letter())
            await lies(r, tails, ("Archive", 1))


async def test_D4_a_server_that_tells_of_other_folders_without_end_is_looked_at_once_a_second(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await only(r)
        noise = b"".join(b'* STATUS "Archive" (MESSAGES %d)\r\n' % number for number in range(100))
        r.provider.faults.imap("idle", Say(noise), times=None)
        async with tailing(r, replace(QUICK, poll=1e6)):
            await r.provider.faults.wait_reached("imap:idle", 30)
            assert r.provider.faults.reached["imap:list"] <= 2 * (2 + r.provider.faults.reached["imap:idle"] // 10)
            assert (await r.store.sync.states())[SUPPORT].state is SyncState.LIVE
            r.provider.deliver(SUPPORT, numbered(1))
            await count(r, 1)
