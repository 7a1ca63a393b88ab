"""The second server: used while the first can't be reached, never for what the first has heard of."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gateway.domain.address import Address
from gateway.domain.errors import SignInRefused
from gateway.domain.firm import Endpoint, Fallback, Mailbox, Secret, Security
from gateway.domain.mail import Delivery, Outcome, QueueState
from gateway.outbound.ways import SPARED, Ways
from gateway.trial.faults import Drop, Refuse
from gateway.trial.provider import TrialProvider
from gateway.upstream.smtp import Attempt, Envelope, SmtpRelay
from tests.outbound.test_dispatch import dispatching, settled
from tests.rig import AL, PASSWORD, SUPPORT, letter, rig, small_firm

OTHER = "other-secret"
TO = Address("al", "pacino.example")


@dataclass
class Road:
    """Two servers, and a clock that tests move."""

    first: TrialProvider
    second: TrialProvider
    mailbox: Mailbox
    relay: SmtpRelay
    seconds: float = 1_000.0

    def __post_init__(self) -> None:
        self.ways = Ways(self.relay, clock=lambda: self.seconds)

    async def send(self) -> tuple[Attempt, Outcome]:
        made: list[Attempt] = []
        await self.ways.deliver(self.mailbox, [Envelope(self.mailbox.address, [TO])], letter(), made.append)
        (attempt,) = made
        return attempt, attempt.outcomes[TO.key]

    def took(self) -> tuple[int, int]:
        return len(self.first.outbox), len(self.second.outbox)


@contextlib.asynccontextmanager
async def road(*, password: str = OTHER) -> AsyncIterator[Road]:
    accounts = {SUPPORT: PASSWORD, AL: PASSWORD}
    async with TrialProvider(accounts) as first, TrialProvider(accounts | {SUPPORT: OTHER}) as second:
        endpoint = Endpoint("127.0.0.1", second.smtp_port, Security.NONE)
        box = replace(small_firm(first).mailboxes[0], fallback=Fallback(endpoint, SUPPORT, Secret(password)))
        relay = SmtpRelay(hostname="mail.firm.example")
        yield Road(first, second, box, relay)
        await relay.close()


async def test_while_the_first_is_there_the_second_hears_nothing() -> None:
    async with road() as r:
        attempt, outcome = await r.send()
        assert (outcome.delivery, r.took()) == (Delivery.DELIVERED, (1, 0))
        assert attempt.upstream == f"127.0.0.1:{r.first.smtp_port}"


async def test_while_nobody_answers_at_the_first_mail_leaves_by_the_second_with_its_own_password() -> None:
    async with road() as r:
        await r.first.stop_listening()
        attempt, outcome = await r.send()
        assert (outcome.delivery, r.took()) == (Delivery.DELIVERED, (0, 1))
        assert attempt.upstream == f"127.0.0.1:{r.second.smtp_port}"


async def test_a_first_that_was_not_there_is_spared_for_a_while_and_then_comes_first_again() -> None:
    async with road() as r:
        r.first.faults.smtp("greeting", Refuse(421, "4.3.2 too busy"), times=1)
        await r.send()
        await r.send()
        assert r.took() == (0, 2)
        r.seconds += SPARED
        await r.send()
        assert r.took() == (1, 2)


async def test_settings_that_were_changed_are_tried_at_once() -> None:
    async with road() as r:
        r.first.faults.smtp("greeting", Refuse(421, "4.3.2 too busy"), times=1)
        await r.send()
        r.mailbox = replace(r.mailbox, smtp=replace(r.mailbox.smtp, host="localhost"))
        await r.send()
        assert r.took() == (1, 1)


@pytest.mark.parametrize(
    ("stage", "code"), [("mail", 451), ("rcpt", 450), ("rcpt", 550), ("data", 451), ("final", 452), ("final", 554)]
)
async def test_what_the_first_says_of_a_message_counts_and_the_second_is_not_asked(stage: str, code: int) -> None:
    async with road() as r:
        r.first.faults.smtp(stage, Refuse(code, "no"), times=None)
        _, outcome = await r.send()
        assert (outcome.code, r.took()) == (code, (0, 0))
        assert outcome.delivery is (Delivery.PENDING if code < 500 else Delivery.FAILED)


async def test_C2_a_message_whose_fate_the_first_did_not_tell_does_not_leave_by_the_second() -> None:
    async with road() as r:
        r.first.faults.smtp("final", Drop())
        _, outcome = await r.send()
        assert (outcome.delivery, outcome.stage, r.took()) == (Delivery.PENDING, "final", (1, 0))


async def test_C5_a_password_that_the_first_refuses_is_for_a_person_and_not_gone_round() -> None:
    async with road() as r:
        r.mailbox = replace(r.mailbox, password=Secret("wrong"))
        with pytest.raises(SignInRefused):
            await r.send()
        assert r.took() == (0, 0)


async def test_C5_a_password_that_the_second_refuses_holds_nothing() -> None:
    async with road(password="wrong") as r:
        await r.first.stop_listening()
        attempt, outcome = await r.send()
        assert (outcome.delivery, outcome.stage, attempt.answered) == (Delivery.PENDING, "auth", True)
        assert "the fallback of support@firm.example" in outcome.text
        assert "wrong" not in outcome.text.replace("wrong user", "")


async def test_connections_to_both_are_kept_side_by_side() -> None:
    async with road() as r:
        await r.send()
        r.first.faults.smtp("mail", Refuse(421, "4.3.2 closing"), times=1)
        r.first.faults.smtp("greeting", Refuse(421, "4.3.2 too busy"), times=1)
        await r.send()
        await r.send()
        assert (r.took(), r.second.connections) == ((1, 2), 1)


async def test_the_queue_tells_which_server_took_a_message(tmp_path: Path) -> None:
    async with TrialProvider({SUPPORT: OTHER, AL: OTHER}) as second, rig(tmp_path, rules=()) as r:
        way = Fallback(Endpoint("127.0.0.1", second.smtp_port, Security.NONE), SUPPORT, Secret(OTHER))
        r.firm = replace(r.firm, mailboxes=tuple(replace(box, fallback=way) for box in r.firm.mailboxes))
        await r.provider.stop_listening()
        second.faults.smtp("rcpt", Refuse(450, "4.2.1 busy"))
        async with dispatching(r):
            entry = await settled(r, await r.accepted(letter(), AL), QueueState.QUEUED)
        (tried,) = (await r.store.history.of(entry.id)).tried
        assert tried.upstream == f"127.0.0.1:{second.smtp_port}"
