"""RFC 2920: one write for the envelope, replies in their order, and servers that can't, or answer oddly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.domain.errors import SignInRefused
from gateway.domain.mail import Delivery
from gateway.policy.pace import NEUTRAL
from gateway.trial.faults import Garbage, HangUp, Refuse, Stall
from gateway.trial.provider import TrialProvider
from gateway.upstream.smtp import SmtpRelay
from gateway.upstream.smtp.patience import Patience
from tests.peers.ca import Ca
from tests.upstream.smtp.setting import PASSWORD, SUPPORT, deliver, mailbox, message, serving, to
from tests.waiting import until

SHORT = Patience(connect=2, command=2, data=2, block=2, final=2)
CLIENT, OTHER = to("client", "other")


@pytest.fixture
async def relay() -> AsyncIterator[SmtpRelay]:
    relay = SmtpRelay(hostname="mail.firm.example", patience=SHORT)
    yield relay
    await relay.close()


@pytest.fixture(params=["pipelining", "one by one"])
async def either(request: pytest.FixtureRequest, ca: Ca) -> AsyncIterator[TrialProvider]:
    without = {"PIPELINING"} if request.param == "one by one" else set()
    async with TrialProvider({str(SUPPORT): PASSWORD}, without=without) as provider:
        yield provider


async def test_envelope_and_data_leave_in_one_write(relay: SmtpRelay) -> None:
    heard: list[bytes] = []

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(b"250-x\r\n250 PIPELINING\r\n")
        heard.append(await reader.readuntil(b"DATA\r\n"))  # not one reply before all of it is here
        writer.write(b"250 a\r\n250 b\r\n550 5.1.1 nobody\r\n354 go\r\n")
        heard.append(await reader.readuntil(b"\r\n.\r\n"))
        writer.write(b"250 2.0.0 taken\r\n")
        await reader.read()

    async with serving(dialogue) as port:
        raw = message()
        outcomes = await deliver(relay, mailbox(port, password=""), SUPPORT, [CLIENT, OTHER], raw)
    assert heard[0].split(b"\r\n")[:-1] == [
        b"MAIL FROM:<support@firm.example>",
        b"RCPT TO:<client@client.example>",
        b"RCPT TO:<other@client.example>",
        b"DATA",
    ]
    assert heard[1] == raw + b".\r\n"
    assert [outcomes[one.key].delivery for one in (CLIENT, OTHER)] == [Delivery.DELIVERED, Delivery.FAILED]


async def test_C1_each_recipient_has_its_own_answer_and_the_connection_goes_on(
    either: TrialProvider, relay: SmtpRelay
) -> None:
    good, bad, later = to("good", "bad", "later")
    either.faults.smtp("rcpt", Refuse(550, "5.1.1 unknown"), match="bad")
    either.faults.smtp("rcpt", Refuse(450, "4.2.1 busy"), match="later")
    box = mailbox(either.smtp_port)
    outcomes = await deliver(relay, box, SUPPORT, [bad, good, later], message())
    assert [outcomes[one.key].code for one in (bad, good, later)] == [550, 250, 450]
    assert [relayed.recipients for relayed in either.outbox] == [(str(good),)]
    assert (await deliver(relay, box, SUPPORT, [good], message()))[good.key].code == 250
    assert either.faults.reached["smtp:auth"] == 1


@pytest.mark.parametrize(("stage", "code"), [("mail", 451), ("mail", 552), ("rcpt", 550), ("rcpt", 450), ("data", 554)])
async def test_C1_a_refusal_before_the_message_leaves_the_connection_in_step(
    either: TrialProvider, relay: SmtpRelay, stage: str, code: int
) -> None:
    either.faults.smtp(stage, Refuse(code, "no"))
    box = mailbox(either.smtp_port)
    assert (await deliver(relay, box, SUPPORT, [CLIENT], message()))[CLIENT.key].code == code
    assert (await deliver(relay, box, SUPPORT, [CLIENT], message()))[CLIENT.key].code == 250
    assert len(either.outbox) == 1
    assert either.faults.reached["smtp:auth"] == 1


async def test_C1_all_refused_and_told_to_go_on_sends_an_empty_end_and_nothing_of_the_message(
    relay: SmtpRelay,
) -> None:
    after: list[bytes] = []

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(b"250-x\r\n250 PIPELINING\r\n")
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 a\r\n550 b\r\n354 go\r\n")
        after.append(await reader.readline())
        writer.write(b"554 no recipients\r\n")
        after.append(await reader.readline())
        writer.write(b"250 forgotten\r\n")
        await reader.read()

    async with serving(dialogue) as port:
        outcomes = await deliver(relay, mailbox(port, password=""), SUPPORT, [CLIENT], message())
    assert (outcomes[CLIENT.key].code, outcomes[CLIENT.key].stage) == (550, "rcpt")
    assert after == [b".\r\n", b"RSET\r\n"]


async def test_C1_a_refused_sender_and_told_to_go_on_ends_the_connection(relay: SmtpRelay) -> None:
    after: list[bytes] = []

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(b"250-x\r\n250 PIPELINING\r\n")
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"550 5.7.1 not yours\r\n250 b\r\n354 go\r\n")
        after.append(await reader.read())

    async with serving(dialogue) as port:
        outcomes = await deliver(relay, mailbox(port, password=""), SUPPORT, [CLIENT], message())
        await until(lambda: after)
    assert (outcomes[CLIENT.key].code, outcomes[CLIENT.key].stage) == (550, "mail")
    assert after == [b""]


async def test_a_kept_connection_that_dies_at_any_command_costs_no_attempt(
    either: TrialProvider, relay: SmtpRelay
) -> None:
    box = mailbox(either.smtp_port)
    for stage in ("mail", "rcpt", "data"):
        assert (await deliver(relay, box, SUPPORT, [CLIENT], message()))[CLIENT.key].code == 250
        either.faults.smtp(stage, HangUp())
        assert (await deliver(relay, box, SUPPORT, [CLIENT], message()))[CLIENT.key].code == 250
    assert len(either.outbox) == 6


async def test_C2_a_kept_connection_that_dies_after_the_message_left_is_not_tried_at_once(
    either: TrialProvider, relay: SmtpRelay
) -> None:
    box = mailbox(either.smtp_port)
    await deliver(relay, box, SUPPORT, [CLIENT], message())
    either.faults.smtp("final", HangUp())
    outcome = (await deliver(relay, box, SUPPORT, [CLIENT], message()))[CLIENT.key]
    assert (outcome.delivery, outcome.stage, outcome.code) == (Delivery.PENDING, "final", 0)
    assert either.faults.reached["smtp:final"] == 2


async def test_a_server_that_spoke_on_an_idle_connection_gets_a_new_one(
    either: TrialProvider, relay: SmtpRelay
) -> None:
    box = mailbox(either.smtp_port)
    await deliver(relay, box, SUPPORT, [CLIENT], message())
    either.faults.smtp("final", Garbage(b"250 2.0.0 taken\r\n421 4.4.2 too long idle\r\n"))
    assert (await deliver(relay, box, SUPPORT, [CLIENT], message()))[CLIENT.key].code == 250
    assert (await deliver(relay, box, SUPPORT, [CLIENT], message()))[CLIENT.key].code == 250
    assert either.faults.reached["smtp:auth"] == 2


async def test_no_more_connections_than_the_mailbox_may_have(either: TrialProvider, relay: SmtpRelay) -> None:
    either.faults.smtp("final", Stall(), times=None)
    box = mailbox(either.smtp_port)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3 * NEUTRAL.connections):
            tasks.create_task(deliver(relay, box, SUPPORT, [CLIENT], message()))
        await until(lambda: either.faults.reached["smtp:final"] == NEUTRAL.connections)
        assert either.connections == NEUTRAL.connections
        either.faults.clear()
    assert len(either.outbox) == 3 * NEUTRAL.connections
    assert either.faults.reached["smtp:auth"] == NEUTRAL.connections


async def test_C5_many_messages_try_a_wrong_password_once(either: TrialProvider, relay: SmtpRelay) -> None:
    box = mailbox(either.smtp_port, password="wrong")
    results = await asyncio.gather(
        *(deliver(relay, box, SUPPORT, [CLIENT], message()) for _ in range(20)), return_exceptions=True
    )
    assert {type(one) for one in results} == {SignInRefused}
    assert either.faults.reached["smtp:auth"] == 1


async def test_where_the_time_went_is_known(either: TrialProvider, relay: SmtpRelay) -> None:
    box = mailbox(either.smtp_port)
    first = await relay.deliver(box, SUPPORT, [CLIENT], message())
    second = await relay.deliver(box, SUPPORT, [CLIENT], message())
    assert first.connecting > 0
    assert second.connecting == 0
    assert min(first.sending, second.sending) > 0
    assert first.upstream == f"127.0.0.1:{either.smtp_port}"


async def test_a_message_over_the_announced_size_is_not_sent_at_all(relay: SmtpRelay) -> None:
    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(b"250-x\r\n250 SIZE 1000\r\n")
        assert not (await reader.readline()).startswith(b"MAIL")

    async with serving(dialogue) as port:
        outcome = (await deliver(relay, mailbox(port, password=""), SUPPORT, [CLIENT], message(b"x" * 1_000)))[
            CLIENT.key
        ]
    assert (outcome.delivery, outcome.status) == (Delivery.FAILED, "5.3.4")
