"""What the relay promises, on each server: the trial provider and Postfix."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace

import pytest

from gateway.domain.address import Address
from gateway.domain.errors import SignInRefused
from gateway.domain.firm import Security, SendingLimits
from gateway.domain.mail import Delivery
from gateway.upstream.smtp import SmtpRelay
from tests.peers.ca import Ca
from tests.upstream.smtp.setting import SUPPORT, Server, deliver, mailbox, message

DOTTED = b".\r\n..\r\n.x\r\n...\r\n\r\n.\r\ntext.\r\n" + b"." * 998 + b"\r\n." + b"y" * 900 + b"\r\n.\r\n"


@pytest.fixture
def relay(ca: Ca) -> SmtpRelay:
    """Give a relay that trusts the tests' authority."""
    return SmtpRelay(hostname="mail.firm.example", trust=ca.trust)


@pytest.mark.parametrize("security", list(Security))
async def test_a_message_arrives_by_each_kind_of_protection(
    server: Server, relay: SmtpRelay, someone: Address, security: Security
) -> None:
    raw = message()
    port = server.tls_port if security is Security.TLS else server.port
    box = mailbox(port, security=security, password=server.password)
    outcomes = await deliver(relay, box, SUPPORT, [someone], raw)
    assert outcomes[someone.key].delivery is Delivery.DELIVERED
    assert (outcomes[someone.key].code, outcomes[someone.key].stage) == (250, "final")
    assert outcomes[someone.key].status.startswith("2.")
    assert await server.arrived(someone, raw) == raw
    await relay.close()


@pytest.mark.parametrize(
    "body",
    [DOTTED, b"", b"no line end", "ă — é\r\n".encode(), b"x" * 998 + b"\r\n", b"a\r\n" * 200_000],
    ids=["dots", "empty", "no line end", "eight bits", "longest line", "600 kB"],
)
async def test_S4_every_octet_arrives_as_it_was(
    server: Server, relay: SmtpRelay, someone: Address, body: bytes
) -> None:
    raw = message(body)
    outcomes = await deliver(relay, mailbox(server.port, password=server.password), SUPPORT, [someone], raw)
    assert outcomes[someone.key].delivery is Delivery.DELIVERED
    sent = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
    assert await server.arrived(someone, sent) == sent
    await relay.close()


async def test_each_recipient_has_an_outcome_of_its_own(server: Server, relay: SmtpRelay, someone: Address) -> None:
    unknown, later = (Address(local, "client.example") for local in server.refuse())
    raw = message()
    outcomes = await deliver(
        relay, mailbox(server.port, password=server.password), SUPPORT, [unknown, someone, later], raw
    )
    assert [outcomes[one.key].delivery for one in (unknown, someone, later)] == [
        Delivery.FAILED,
        Delivery.DELIVERED,
        Delivery.PENDING,
    ]
    assert (outcomes[unknown.key].code, outcomes[unknown.key].status) == (550, "5.1.1")
    assert (outcomes[later.key].code, outcomes[later.key].status) == (450, "4.2.0")
    assert outcomes[unknown.key].stage == outcomes[later.key].stage == "rcpt"
    assert "No such user here" in outcomes[unknown.key].text
    assert await server.arrived(someone, raw) == raw
    await relay.close()


async def test_where_nobody_was_accepted_the_connection_serves_the_next_message(
    server: Server, relay: SmtpRelay, someone: Address
) -> None:
    unknown = Address(server.refuse()[0], "client.example")
    box = mailbox(server.port, password=server.password)
    assert (await deliver(relay, box, SUPPORT, [unknown], message()))[unknown.key].code == 550
    assert (await deliver(relay, box, SUPPORT, [someone], message()))[someone.key].delivery is Delivery.DELIVERED
    await relay.close()


async def test_messages_leave_one_behind_the_other_over_one_connection(server: Server, relay: SmtpRelay) -> None:
    unknown = Address(server.refuse()[0], "client.example")
    people = [Address(f"c{uuid.uuid4().hex[:12]}", "client.example") for _ in range(6)]
    box = replace(mailbox(server.port, password=server.password), limits=SendingLimits(connections=1))
    raws = [message(DOTTED, subject=str(at)) for at in range(len(people))]
    asked = [[one] if at % 2 else [one, unknown] for at, one in enumerate(people)]
    found = await asyncio.gather(
        *(deliver(relay, box, SUPPORT, group, raw) for group, raw in zip(asked, raws, strict=True))
    )
    for one, group, raw, outcomes in zip(people, asked, raws, found, strict=True):
        assert {key: outcome.code for key, outcome in outcomes.items()} == {
            who.key: 550 if who == unknown else 250 for who in group
        }
        assert await server.arrived(one, raw) == raw
    await relay.close()


async def test_a_wrong_password_is_an_error_of_the_account_not_of_the_message(
    server: Server, relay: SmtpRelay, someone: Address
) -> None:
    with pytest.raises(SignInRefused) as caught:
        await deliver(relay, mailbox(server.port, password="wrong"), SUPPORT, [someone], message())
    assert "support@firm.example" in caught.value.sentence
    assert "535" in caught.value.detail
    await relay.close()


async def test_a_null_sender_is_relayed(server: Server, relay: SmtpRelay, someone: Address) -> None:
    box = mailbox(server.port, password=server.password)
    outcomes = await deliver(relay, box, None, [someone], message())
    assert outcomes[someone.key].delivery is Delivery.DELIVERED
    await relay.close()


async def test_an_address_in_other_letters_needs_and_gets_smtputf8(server: Server, relay: SmtpRelay) -> None:
    recipient = Address("ștefan", "client.example")
    box = mailbox(server.port, password=server.password)
    outcomes = await deliver(relay, box, SUPPORT, [recipient], message(), smtputf8=True)
    assert outcomes[recipient.key].delivery is Delivery.DELIVERED
    await relay.close()


async def test_a_quoted_local_part_reaches_exactly_that_address(server: Server, relay: SmtpRelay) -> None:
    recipient = Address("al pacino> SIZE=1", "client.example")
    box = mailbox(server.port, password=server.password)
    outcome = (await deliver(relay, box, SUPPORT, [recipient], message()))[recipient.key]
    assert outcome.delivery is Delivery.DELIVERED or outcome.code == 501
    await relay.close()
