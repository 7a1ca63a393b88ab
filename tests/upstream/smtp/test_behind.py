"""RFC 2920 section 3.1: the next envelope leaves behind the end of a message, and each reply is still for its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.domain.address import Address
from gateway.domain.firm import Mailbox, SendingLimits
from gateway.domain.mail import Delivery
from gateway.trial.faults import Drop, Garbage, HangUp, Refuse, Say, Stall
from gateway.trial.provider import TrialProvider
from gateway.upstream.smtp import Attempt, Envelope, SmtpRelay
from gateway.upstream.smtp.patience import Patience
from tests.upstream.smtp.setting import PASSWORD, SUPPORT, mailbox, message, serving, to
from tests.waiting import until

SHORT = Patience(connect=2, command=1, data=2, block=2, final=2)
ONE, TWO, THREE = to("one", "two", "three")
GREETING = b"250-x\r\n250 PIPELINING\r\n"


@pytest.fixture
async def relay() -> AsyncIterator[SmtpRelay]:
    relay = SmtpRelay(hostname="mail.firm.example", patience=SHORT)
    yield relay
    await relay.close()


@pytest.fixture
async def trial() -> AsyncIterator[TrialProvider]:
    async with TrialProvider({str(SUPPORT): PASSWORD}) as provider:
        yield provider


def single(port: int, password: str = PASSWORD) -> Mailbox:
    """Return a mailbox that may have one connection."""
    return replace(mailbox(port, password=password), limits=SendingLimits(connections=1))


async def in_turn(relay: SmtpRelay, box: Mailbox, *groups: tuple[Address, ...], raw: bytes = b"") -> list[Attempt]:
    """One message in a transaction for each group."""
    made: list[Attempt] = []
    envelopes = [Envelope(SUPPORT, group) for group in groups]
    assert await relay.deliver_all(box, envelopes, raw or message(), made.append) is None
    return made


def codes(made: list[Attempt]) -> list[list[int]]:
    return [[outcome.code for outcome in attempt.outcomes.values()] for attempt in made]


async def test_the_next_envelope_leaves_with_the_message_before_it(relay: SmtpRelay) -> None:
    heard: list[bytes] = []

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(GREETING)
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 a\r\n250 b\r\n354 go\r\n")
        heard.append(await reader.readuntil(b"DATA\r\n"))  # not a word before all of it is here
        writer.write(b"250 2.0.0 the first\r\n250 a\r\n250 b\r\n354 go\r\n")
        heard.append(await reader.readuntil(b"\r\n.\r\n"))
        writer.write(b"250 2.0.0 the second\r\n")
        await reader.read()

    raw = message()
    async with serving(dialogue) as port:
        made = await in_turn(relay, single(port, ""), (ONE,), (TWO,), raw=raw)
    envelope = b"MAIL FROM:<support@firm.example>\r\nRCPT TO:<two@client.example>\r\nDATA\r\n"
    assert heard == [raw + b".\r\n" + envelope, raw + b".\r\n"]
    assert [one.outcomes[key.key].text for one, key in zip(made, (ONE, TWO), strict=True)] == [
        "the first",
        "the second",
    ]


async def test_another_message_that_waits_for_the_connection_is_next(relay: SmtpRelay, trial: TrialProvider) -> None:
    box = single(trial.smtp_port)
    raws = [message() for _ in range(20)]
    made = await asyncio.gather(*(relay.deliver(box, SUPPORT, [ONE], raw) for raw in raws))
    assert {attempt.outcomes[ONE.key].code for attempt in made} == {250}
    assert [relayed.raw for relayed in trial.outbox] == raws
    assert trial.faults.reached["smtp:auth"] == 1


async def test_without_pipelining_nothing_leaves_before_the_reply(relay: SmtpRelay) -> None:
    heard: list[bytes] = []

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        for reply in (b"250 x\r\n", *((b"250 a\r\n", b"250 b\r\n", b"354 go\r\n", b"250 taken\r\n") * 2)):
            heard.append(await reader.read(65_536))  # all that is there
            writer.write(reply)
        await reader.read()

    async with serving(dialogue) as port:
        made = await in_turn(relay, single(port, ""), (ONE,), (TWO,))
    assert codes(made) == [[250], [250]]
    assert [said.split(b" ")[0].removesuffix(b"\r\n") for said in heard[1:4]] == [b"MAIL", b"RCPT", b"DATA"]
    assert heard[4].endswith(b"\r\n.\r\n")


@pytest.mark.parametrize("stage", ["rcpt", "data", "final"])
@pytest.mark.parametrize("code", [451, 550])
async def test_C1_a_refusal_of_any_of_them_counts_for_it_alone(
    relay: SmtpRelay, trial: TrialProvider, stage: str, code: int
) -> None:
    for skipped in range(3):
        trial.faults.clear()
        if skipped:
            trial.faults.smtp(stage, Say(b""), times=skipped)  # nothing wrong with these
        trial.faults.smtp(stage, Refuse(code, "no"))
        made = await in_turn(relay, single(trial.smtp_port), (ONE,), (TWO,), (THREE,))
        assert codes(made) == [[code] if at == skipped else [250] for at in range(3)]
    assert trial.faults.reached["smtp:auth"] == 1


@pytest.mark.parametrize("reply", [b"250 2.0.0 taken\r\n421 4.7.0 enough\r\n", b"250 2.0.0 taken\r\n"])
async def test_a_server_that_ends_after_each_message_costs_the_next_no_attempt(relay: SmtpRelay, reply: bytes) -> None:
    taken: list[bytes] = []

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(GREETING)
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 a\r\n250 b\r\n354 go\r\n")
        taken.append(await reader.readuntil(b"\r\n.\r\n"))
        writer.write(reply)

    async with serving(dialogue) as port:
        made = await in_turn(relay, single(port, ""), (ONE,), (TWO,), (THREE,))
    assert codes(made) == [[250]] * 3
    assert len(taken) == 3


@pytest.mark.parametrize("action", [HangUp(), Drop(), Refuse(421, "4.3.2 going down"), Garbage(b"what?\r\n")], ids=repr)
async def test_C2_what_became_of_the_first_is_unknown_and_the_second_leaves_once(
    relay: SmtpRelay, trial: TrialProvider, action: HangUp | Drop | Refuse | Garbage
) -> None:
    trial.faults.smtp("final", action)
    first, second = await in_turn(relay, single(trial.smtp_port), (ONE,), (TWO,))
    assert (first.outcomes[ONE.key].delivery, first.outcomes[ONE.key].stage) == (Delivery.PENDING, "final")
    assert second.outcomes[TWO.key].code == 250
    assert [relayed.recipients for relayed in trial.outbox].count((str(TWO),)) == 1


async def test_a_server_that_loses_what_is_behind_a_message_is_not_spoken_to_like_that_again(relay: SmtpRelay) -> None:
    told: list[bytes] = []

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(GREETING)
        while True:
            await reader.readuntil(b"DATA\r\n")
            writer.write(b"250 a\r\n250 b\r\n354 go\r\n")
            told.append(await reader.read(65_536))  # and forgets what is behind the end
            writer.write(b"250 taken\r\n")

    async with serving(dialogue) as port:
        made = await in_turn(relay, single(port, ""), (ONE,), (TWO,), (THREE,))
    assert codes(made) == [[250]] * 3
    assert [said.count(b"MAIL FROM") for said in told] == [1, 0, 0]


@pytest.mark.parametrize("refusal", [b"503 5.5.1 Not so fast", b"554 5.5.0 SMTP synchronization error", b"451 4.5.0 x"])
async def test_a_server_that_refuses_what_comes_so_early_hears_it_again_by_itself(
    relay: SmtpRelay, refusal: bytes
) -> None:
    """No mail may bounce because its envelope left behind another one's message."""
    told: list[bytes] = []

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(GREETING)
        while True:
            await reader.readuntil(b"DATA\r\n")
            writer.write(b"250 a\r\n250 b\r\n354 go\r\n")
            told.append(await reader.read(65_536))
            early = told[-1].count(b"MAIL FROM")
            writer.write(b"250 taken\r\n" + early * (refusal + b"\r\n503 no\r\n503 no\r\n"))

    async with serving(dialogue) as port:
        made = await in_turn(relay, single(port, ""), (ONE,), (TWO,), (THREE,))
    assert codes(made) == [[250]] * 3
    assert [said.count(b"MAIL FROM") for said in told] == [1, 0, 0]


async def test_a_refusal_that_is_meant_counts_when_it_comes_again(relay: SmtpRelay) -> None:
    connections = 0

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(GREETING)
        if connections == 1:
            await reader.readuntil(b"DATA\r\n")
            writer.write(b"250 a\r\n250 b\r\n354 go\r\n")
            await reader.readuntil(b"DATA\r\n")
            writer.write(b"250 taken\r\n")
        else:
            await reader.readuntil(b"DATA\r\n")
        writer.write(b"552 5.3.4 Too large\r\n503 no\r\n503 no\r\n")
        await reader.read()

    async with serving(dialogue) as port:
        first, second = await in_turn(relay, single(port, ""), (ONE,), (TWO,))
    assert (first.outcomes[ONE.key].code, second.outcomes[TWO.key].code) == (250, 552)
    assert second.outcomes[TWO.key].delivery is Delivery.FAILED
    assert connections == 2


async def test_an_answer_too_many_refuses_nobody(relay: SmtpRelay) -> None:
    """It moves all replies behind it by one: what seems to be said of one recipient was said of another."""

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(GREETING)
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 a\r\n250 b\r\n354 go\r\n")
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 taken\r\n250 taken, really\r\n250 a\r\n550 5.1.1 two\r\n250 three\r\n354 go\r\n")
        await reader.read()

    async with serving(dialogue) as port:
        first, second = await in_turn(relay, single(port, ""), (ONE,), (TWO, THREE))
    assert first.outcomes[ONE.key].code == 250
    assert {outcome.delivery for outcome in second.outcomes.values()} == {Delivery.PENDING}


async def test_what_nobody_waits_for_any_more_does_not_leave(relay: SmtpRelay, trial: TrialProvider) -> None:
    box = single(trial.smtp_port)
    trial.faults.smtp("greeting", Stall())
    kept = asyncio.create_task(relay.deliver(box, SUPPORT, [ONE], message()))
    gone = [asyncio.create_task(relay.deliver(box, SUPPORT, [TWO], message())) for _ in range(3)]
    last = asyncio.create_task(relay.deliver(box, SUPPORT, [THREE], message()))
    await trial.faults.wait_hit("smtp:greeting")
    for one in gone:
        one.cancel()
    await asyncio.wait(gone)
    trial.faults.release()
    assert (await kept).outcomes[ONE.key].code == (await last).outcomes[THREE.key].code == 250
    assert [relayed.recipients[0] for relayed in trial.outbox] == [str(ONE), str(THREE)]


async def test_nor_does_what_is_behind_another_message_which_hears_its_own_answer(relay: SmtpRelay) -> None:
    behind, answer = asyncio.Event(), asyncio.Event()
    rest: list[bytes] = []

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(GREETING)
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 a\r\n250 b\r\n354 go\r\n")
        await reader.readuntil(b"DATA\r\n")
        behind.set()
        await answer.wait()
        writer.write(b"250 taken\r\n250 a\r\n250 b\r\n354 go\r\n")
        rest.append(await reader.read())

    async with serving(dialogue) as port:
        box = single(port, "")
        first = asyncio.create_task(relay.deliver(box, SUPPORT, [ONE], message()))
        second = asyncio.create_task(relay.deliver(box, SUPPORT, [TWO], message()))
        await behind.wait()
        second.cancel()
        await asyncio.wait([second])
        answer.set()
        assert (await first).outcomes[ONE.key].code == 250
        await until(lambda: rest)
    assert rest == [b""]


async def test_whoever_goes_in_the_middle_of_a_message_leaves_the_way_free(relay: SmtpRelay) -> None:
    begun = asyncio.Event()

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        await reader.readline()
        writer.write(GREETING)
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 a\r\n250 b\r\n354 go\r\n")
        said = await reader.readuntil(b"\r\n.\r\n")
        begun.set()
        if b"Subject: stays" in said:
            writer.write(b"250 taken\r\n")
        await reader.read()

    async with serving(dialogue) as port:
        box = single(port, "")
        going = asyncio.create_task(relay.deliver(box, SUPPORT, [ONE], message()))
        await begun.wait()
        staying = asyncio.create_task(relay.deliver(box, SUPPORT, [TWO], message(subject="stays")))
        going.cancel()
        assert (await staying).outcomes[TWO.key].code == 250


async def test_what_is_behind_a_message_without_answer_finds_another_connection(trial: TrialProvider) -> None:
    relay = SmtpRelay(hostname="mail.firm.example", patience=replace(SHORT, behind=0.05, final=60))
    box = replace(mailbox(trial.smtp_port), limits=SendingLimits(connections=2))
    trial.faults.smtp("final", Stall(), match=str(ONE))
    stuck = asyncio.create_task(relay.deliver(box, SUPPORT, [ONE], message()))
    others = await asyncio.gather(*(relay.deliver(box, SUPPORT, [TWO], message()) for _ in range(3)))
    assert [attempt.outcomes[TWO.key].code for attempt in others] == [250] * 3
    assert not stuck.done()
    trial.faults.release()
    assert (await stuck).outcomes[ONE.key].code == 250
    assert len(trial.outbox) == 4
    await relay.close()


async def test_fewer_connections_than_are_in_use_are_in_use_soon(relay: SmtpRelay, trial: TrialProvider) -> None:
    many, few = (replace(mailbox(trial.smtp_port), limits=SendingLimits(connections=most)) for most in (3, 1))
    trial.faults.smtp("final", Stall(), times=3)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(6):
            tasks.create_task(relay.deliver(many, SUPPORT, [ONE], message()))
        await trial.faults.wait_hit("smtp:final", 3)
        last = tasks.create_task(relay.deliver(few, SUPPORT, [TWO], message()))
        await until(lambda: trial.connections == 3)
        trial.faults.clear()
        assert (await last).outcomes[TWO.key].code == 250
    trial.faults.smtp("final", Stall())
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(relay.deliver(few, SUPPORT, [ONE], message()))
        await trial.faults.wait_hit("smtp:final", 4)
        assert len(trial.outbox) == 7
        trial.faults.clear()
    assert len(trial.outbox) == 10


async def test_a_fault_of_whoever_is_told_is_theirs_and_the_way_stays_free(
    relay: SmtpRelay, trial: TrialProvider
) -> None:
    def told(attempt: Attempt) -> None:
        raise KeyError(attempt.upstream)

    box = single(trial.smtp_port)
    with pytest.raises(KeyError):
        await relay.deliver_all(box, [Envelope(SUPPORT, (ONE,))], message(), told)
    assert (await relay.deliver(box, SUPPORT, [TWO], message())).outcomes[TWO.key].code == 250
