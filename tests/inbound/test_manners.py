"""How a tail treats its provider, and what it makes of names and certificates that are not as they should be."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme

from gateway.domain.firm import Endpoint, Security
from gateway.domain.record import EventKind, SyncState
from gateway.inbound.tails import Tails
from gateway.inbound.watch import Watch
from gateway.policy.patience import asked_for, wait_after
from gateway.trial.faults import Drop, Refuse, Stall
from gateway.trial.provider import TrialProvider
from tests.inbound.agreement import agrees
from tests.inbound.test_folders import QUICK, body_of, running, tailing
from tests.inbound.test_tails import count, kinds, live, numbered
from tests.rig import ANA, PASSWORD, SUPPORT, Rig, client_letter, rig
from tests.upstream.smtp.test_hostile import CONTEXTS
from tests.waiting import until

THROTTLED = "Request is throttled. Suggested Backoff Time: 92415 milliseconds"
Lines = list[MutableMapping[str, Any]]
ODD = (
    'He said "no"',
    "back\\slash",
    "R&D &AAo- &-",
    "100% * of it",
    " blank at both ends ",
    "Kunden.2024/Müller & Söhne/Größe.€",
    "日本/送信 済み",
    "INBOX/inbox",
    "{5}",
    "NIL",
    "a) OK (b",
)


def alone(r: Rig) -> None:
    r.firm = replace(r.firm, mailboxes=r.firm.mailboxes[:1])


def waits(lines: Lines) -> list[float]:
    return [line["wait"] for line in lines if line["event"] == "tail-retries"]


async def retried(lines: Lines, times: int) -> list[float]:
    await until(lambda: len(waits(lines)) >= times, timeout=30, what=f"{times} retries")
    return waits(lines)


def test_what_a_throttling_server_asks_for_is_read_in_its_own_words() -> None:
    assert asked_for(THROTTLED) == pytest.approx(92.415)
    assert asked_for("Suggested Backoff Time: 30 seconds") == 30
    assert asked_for("BackOff time 5000") == 5
    assert asked_for("Backoff Time: 999999999999 seconds") == 6 * 3600
    assert asked_for("[THROTTLED] slow down") == 0
    assert 92.415 <= wait_after(1, THROTTLED, 0.0) <= wait_after(1, THROTTLED, 1.0) < 102


@pytest.mark.parametrize("stage", ["authenticate", "examine", "search", "fetch", "list"])
@pytest.mark.parametrize("code", ["NO", "BAD", "BYE"])
async def test_a_throttling_server_is_left_alone_for_as_long_as_it_asks(tmp_path: Path, stage: str, code: str) -> None:
    async with rig(tmp_path) as r:
        alone(r)
        r.provider.deliver(SUPPORT, numbered(1))
        r.provider.faults.imap(stage, Refuse(code, THROTTLED))
        with structlog.testing.capture_logs() as lines:
            async with tailing(r, QUICK) as tails:
                (wait,) = await retried(lines, 1)
                assert wait >= 92.4
                await live(r, SUPPORT, SyncState.RETRYING)
                tails.restart(SUPPORT)
                await agrees(r, announced=0)
        assert EventKind.SYNC_STOPPED not in await kinds(r)


async def test_a_throttled_look_into_another_folder_counts_for_the_mailbox(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        alone(r)
        r.provider.deliver(SUPPORT, numbered(1), folder="Archive")
        r.provider.faults.imap("examine", Refuse("BAD", THROTTLED), match="archive")
        with structlog.testing.capture_logs() as lines:
            async with tailing(r, QUICK) as tails:
                (wait,) = await retried(lines, 1)
                assert wait >= 92.4
                tails.restart(SUPPORT)
                await agrees(r, announced=0)


async def test_the_back_off_grows_until_a_whole_round_is_done_and_only_then_begins_anew(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        alone(r)
        r.provider.deliver(SUPPORT, numbered(1))
        r.provider.faults.imap("examine", Drop(), times=6, match="inbox")  # it lets us in each time, and then fails
        with structlog.testing.capture_logs() as lines:
            async with tailing(r, QUICK):
                grown = await retried(lines, 6)
                await agrees(r, announced=0)
                await live(r)
                r.provider.faults.imap("examine", Drop(), match="inbox")
                r.provider.deliver(SUPPORT, numbered(2))
                after = (await retried(lines, 7))[6]
                await agrees(r, announced=1)
        assert grown[5] > 4 * grown[0]  # ever twice as long, and up to half of it off at random
        assert after <= grown[0] * 2 + 0.1


async def test_D3_mail_that_is_expunged_while_it_is_fetched_is_passed_and_all_else_is_filed(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        alone(r)
        async with tailing(r, QUICK) as tails:
            await live(r)
            r.provider.faults.imap("fetch", Stall(), match=body_of(2))
            for number in range(1, 5):
                r.provider.account(SUPPORT).folders["INBOX"].deliver(numbered(number))
            await r.provider.faults.wait_hit("imap:fetch")
            r.provider.account(SUPPORT).folders["INBOX"].remove(2, 3)
            r.provider.faults.release()
            await count(r, 2)
            tails.restart(SUPPORT)
            await agrees(r, announced=2)
            assert (await r.store.sync.states())[SUPPORT].skipped == 0


async def test_I11_folders_of_any_name_are_followed_and_the_server_sees_no_other_command(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        alone(r)
        account = r.provider.account(SUPPORT)
        known = set(account.folders)
        for number, name in enumerate(ODD):
            await account.create(name)
            account.folders[name].deliver(numbered(number))
        await account.create("a\r\nA1 DELETE INBOX")
        account.folders["a\r\nA1 DELETE INBOX"].deliver(client_letter(subject="not to be had"))
        async with tailing(r, QUICK):
            await live(r)
            await agrees(r, announced=0, followed=known | set(ODD))
            assert "control character" in (await r.store.sync.states())[SUPPORT].detail
        assert {"imap:delete", "imap:a1"}.isdisjoint(r.provider.faults.reached)
        assert set(account.folders) == known | set(ODD) | {"a\r\nA1 DELETE INBOX"}


async def _refusal(r: Rig) -> str:
    """Why it is tried again; empty while it is not, as at the beginning of a restart."""
    sync = (await r.store.sync.states())[SUPPORT]
    return sync.detail if sync.state is SyncState.RETRYING else ""


@pytest.mark.parametrize("fault", CONTEXTS)
async def test_C4_a_server_that_cannot_prove_who_it_is_gets_no_password_and_holds_up_no_other_mailbox(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, fault: str
) -> None:
    authority = trustme.CA()
    trust = tmp_path_factory.mktemp("trust") / "ca.pem"
    authority.cert_pem.write_to_path(trust)
    async with rig(tmp_path) as r, TrialProvider({SUPPORT: PASSWORD}, tls=CONTEXTS[fault](authority)) as other:
        first = replace(r.firm.mailboxes[0], imap=Endpoint("127.0.0.1", other.imap_tls_port, Security.TLS))
        r.firm = replace(r.firm, mailboxes=(first, r.firm.mailboxes[1]))
        tails = Tails(Watch(r.store, lambda: r.firm, r.clock, facts=lambda _host: QUICK), trust=trust)
        with structlog.testing.capture_logs() as lines:
            async with running(tails):
                await live(r, SUPPORT, SyncState.RETRYING)
                await live(r, ANA)
                r.provider.deliver(ANA, client_letter())
                await count(r, 1)
                detail = await until(partial(_refusal, r), what="the refusal")
                for _ in range(3):  # an alarm after the first hour, and not every hour
                    r.clock.forward(timedelta(hours=1))
                    tails.restart(SUPPORT)
                    await retried(lines, len(waits(lines)) + 2)
        assert "127.0.0.1" in detail
        assert "Check" in detail
        assert other.faults.reached["imap:login"] == other.faults.reached["imap:authenticate"] == 0
        assert await kinds(r) == [EventKind.CLIENT_MAIL, EventKind.SYNC_STOPPED]
