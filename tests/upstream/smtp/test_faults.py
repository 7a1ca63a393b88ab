"""C1: each stage of a delivery against each way in which a server can fail it, and what becomes of the message."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.domain.errors import SignInRefused
from gateway.domain.firm import Mailbox, Security
from gateway.domain.mail import Delivery, Outcome
from gateway.mime.tree import parts
from gateway.trial.faults import Action, Drop, Garbage, HangUp, Refuse, Stall
from gateway.trial.provider import TrialProvider
from gateway.upstream.smtp import SmtpRelay
from gateway.upstream.smtp.patience import Patience
from tests.peers.ca import Ca
from tests.upstream.smtp.setting import SUPPORT, deliver, mailbox, message, to
from tests.waiting import until

STAGES = ("connect", "greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "final")
OURS = {"greeting": "connect", "ehlo": "connect", "starttls": "tls"}  # what an outcome calls the stage
SHORT = Patience(connect=0.5, command=0.5, data=0.5, block=0.5, final=0.5)

(CLIENT,) = to("client")


@pytest.fixture
async def relay(ca: Ca) -> AsyncIterator[SmtpRelay]:
    """Give a relay with little patience."""
    relay = SmtpRelay(hostname="mail.firm.example", trust=ca.trust, patience=SHORT)
    yield relay
    await relay.close()


@pytest.mark.parametrize("stage", STAGES)
async def test_C1_a_temporary_refusal_keeps_the_message(trial: TrialProvider, relay: SmtpRelay, stage: str) -> None:
    code = 454 if stage in {"starttls", "auth"} else 451
    trial.faults.smtp(stage, Refuse(code, "4.3.5 Not now"))
    outcome = await _deliver(trial, relay)
    assert (outcome.delivery, outcome.stage) == (Delivery.PENDING, OURS.get(stage, stage))
    if stage != "starttls":  # there our words say what the server said
        assert (outcome.code, outcome.status, outcome.text) == (code, "4.3.5", "Not now")
    await _arrives_once(trial, relay)


@pytest.mark.parametrize("stage", STAGES)
async def test_C1_a_final_refusal_fails_with_its_code_but_for_the_accounts_own_trouble(
    trial: TrialProvider, relay: SmtpRelay, stage: str
) -> None:
    code = 535 if stage == "auth" else 554
    trial.faults.smtp(stage, Refuse(code, "5.7.1 Never"))
    if stage == "auth":
        with pytest.raises(SignInRefused, match="refuses the user name or password"):
            await _deliver(trial, relay)
    else:
        outcome = await _deliver(trial, relay)
        assert outcome.delivery is (Delivery.PENDING if stage == "starttls" else Delivery.FAILED)
        assert outcome.stage == OURS.get(stage, stage)
        assert "Never" in outcome.text
        if stage != "starttls":
            assert (outcome.code, outcome.status) == (code, "5.7.1")
    await _arrives_once(trial, relay)


@pytest.mark.parametrize("action", [HangUp(), Stall(), Garbage(), Garbage(b"2")], ids=repr)
@pytest.mark.parametrize("stage", STAGES)
async def test_C1_no_sensible_answer_keeps_the_message(
    trial: TrialProvider, relay: SmtpRelay, stage: str, action: Action
) -> None:
    trial.faults.smtp(stage, action)
    outcome = await _deliver(trial, relay)
    assert (outcome.delivery, outcome.code, outcome.stage) == (Delivery.PENDING, 0, OURS.get(stage, stage))
    assert outcome.status in {"4.4.1", "4.4.2", "4.7.0", "4.7.5"}
    assert outcome.text.isprintable()
    assert trial.outbox == []
    trial.faults.release()
    trial.drop_connections()
    await _arrives_once(trial, relay)


async def test_C1_a_421_ends_the_connection_and_nothing_else(trial: TrialProvider, relay: SmtpRelay) -> None:
    trial.faults.smtp("rcpt", Refuse(421, "4.3.2 going down"))
    outcome = await _deliver(trial, relay)
    assert (outcome.delivery, outcome.code) == (Delivery.PENDING, 421)
    await _arrives_once(trial, relay)


async def test_C1_refused_recipients_keep_their_outcome_when_the_rest_is_lost(
    trial: TrialProvider, relay: SmtpRelay
) -> None:
    bad, good = to("bad", "good")
    trial.faults.smtp("rcpt", Refuse(550, "5.1.1 unknown"), match="bad")
    trial.faults.smtp("final", HangUp())
    outcomes = await deliver(relay, _box(trial), SUPPORT, [bad, good], message())
    assert (outcomes[bad.key].delivery, outcomes[bad.key].code) == (Delivery.FAILED, 550)
    assert (outcomes[good.key].delivery, outcomes[good.key].stage) == (Delivery.PENDING, "final")


async def test_C2_a_lost_answer_to_the_final_dot_is_pending_and_makes_one_double_at_most(
    trial: TrialProvider, relay: SmtpRelay
) -> None:
    trial.faults.smtp("final", Drop())
    outcome = await _deliver(trial, relay)
    assert (outcome.delivery, outcome.stage) == (Delivery.PENDING, "final")
    assert len(trial.outbox) == 1
    assert (await _deliver(trial, relay)).delivery is Delivery.DELIVERED
    assert len(trial.outbox) == 2


async def test_C2_the_client_waits_ten_minutes_for_the_answer_to_the_final_dot() -> None:
    assert Patience().final >= 600


async def test_nobody_listening_is_pending_at_connect(relay: SmtpRelay, trial: TrialProvider) -> None:
    await trial.stop_listening()
    outcome = await _deliver(trial, relay, Security.NONE)
    assert (outcome.delivery, outcome.code, outcome.status, outcome.stage) == (Delivery.PENDING, 0, "4.4.1", "connect")
    assert "127.0.0.1" in outcome.text


async def test_a_kept_connection_that_died_meanwhile_costs_no_attempt(trial: TrialProvider, relay: SmtpRelay) -> None:
    assert (await _deliver(trial, relay)).delivery is Delivery.DELIVERED
    trial.faults.smtp("mail", HangUp())
    assert (await _deliver(trial, relay)).delivery is Delivery.DELIVERED
    assert len(trial.outbox) == 2


async def test_a_kept_connection_is_used_again(trial: TrialProvider, relay: SmtpRelay) -> None:
    for _ in range(5):
        assert (await _deliver(trial, relay)).delivery is Delivery.DELIVERED
    assert trial.faults.reached["smtp:auth"] == 1


async def test_a_changed_password_is_not_hidden_by_a_kept_connection(trial: TrialProvider, relay: SmtpRelay) -> None:
    await _deliver(trial, relay)
    with pytest.raises(SignInRefused):
        await deliver(relay, mailbox(trial.smtp_port, password="other"), SUPPORT, [CLIENT], message())


async def test_close_says_goodbye(trial: TrialProvider, relay: SmtpRelay) -> None:
    await _deliver(trial, relay)
    await relay.close()
    await until(lambda: trial.connections == 0)
    assert trial.faults.reached["smtp:quit"] == 1


async def test_a_servers_words_become_one_printable_line(trial: TrialProvider, relay: SmtpRelay) -> None:
    words = b"550-5.1.1 one\x1b[31m\ttwo\r\n550-5.1.1 \xff\xfe\r\n550 5.1.1 " + b"x" * 3_000 + b"\r\n"
    trial.faults.smtp("rcpt", Garbage(words))
    outcome = await _deliver(trial, relay)
    assert (outcome.code, outcome.status) == (550, "5.1.1")
    assert outcome.text.isprintable()
    assert outcome.text.startswith("one [31m two")
    assert len(outcome.text) <= 400


@pytest.mark.parametrize(
    "data", [b"250 " * 20_000, b"250-x\r\n" * 10_000, b"999 what\r\n", b"+25 x\r\n", b"354 go\r\n"]
)
async def test_an_answer_without_end_or_sense_keeps_the_message(
    trial: TrialProvider, relay: SmtpRelay, data: bytes
) -> None:
    trial.faults.smtp("mail", Garbage(data))
    outcome = await _deliver(trial, relay)
    assert (outcome.delivery, outcome.code) == (Delivery.PENDING, 0)


async def test_eight_bits_are_encoded_where_they_are_not_taken(relay: SmtpRelay) -> None:
    async with TrialProvider({str(SUPPORT): mailbox(1).password.value}, without={"8BITMIME"}) as provider:
        raw = message("ă\r\n".encode())
        outcome = (await deliver(relay, mailbox(provider.smtp_port), SUPPORT, [CLIENT], raw))[CLIENT.key]
        assert outcome.delivery is Delivery.DELIVERED
        (relayed,) = provider.outbox
        assert relayed.raw.isascii()
        assert parts(relayed.raw)[0].encoding == "quoted-printable"
        assert relayed.raw.endswith(b"\r\n\r\n=C4=83\r\n")


async def test_eight_bits_of_a_signed_message_are_not_changed_but_refused(relay: SmtpRelay) -> None:
    async with TrialProvider({str(SUPPORT): mailbox(1).password.value}, without={"8BITMIME"}) as provider:
        raw = b"Content-Type: multipart/signed; boundary=b\r\n" + message("--b\r\n\r\nă\r\n--b--\r\n".encode())
        outcome = (await deliver(relay, mailbox(provider.smtp_port), SUPPORT, [CLIENT], raw))[CLIENT.key]
        assert (outcome.delivery, outcome.status) == (Delivery.FAILED, "5.6.3")
        assert "8-bit" in outcome.text
        assert provider.outbox == []


async def test_smtputf8_that_is_needed_and_not_offered_fails_with_a_reason(ca: Ca, relay: SmtpRelay) -> None:
    (recipient,) = to("ștefan")
    async with TrialProvider({str(SUPPORT): mailbox(1).password.value}, without={"SMTPUTF8"}) as provider:
        box = mailbox(provider.smtp_port)
        outcome = (await deliver(relay, box, SUPPORT, [recipient], message()))[recipient.key]
        assert (outcome.delivery, outcome.status) == (Delivery.FAILED, "5.6.7")
        plain = await deliver(relay, box, SUPPORT, [CLIENT], message(), smtputf8=True)
        assert plain[CLIENT.key].delivery is Delivery.DELIVERED  # asked for, but nothing in it needs it


@pytest.mark.parametrize("bad", [b"a\rb\r\n", b"a\nb\r\n", b"a\0b\r\n", b"\n.\n", b"\r\n.\r"])
async def test_S3_a_message_with_bare_line_ends_never_leaves(
    trial: TrialProvider, relay: SmtpRelay, bad: bytes
) -> None:
    outcome = (await deliver(relay, _box(trial), SUPPORT, [CLIENT], message() + bad))[CLIENT.key]
    assert (outcome.delivery, outcome.status) == (Delivery.FAILED, "5.6.0")
    assert trial.faults.reached["smtp:mail"] == 0


def _box(trial: TrialProvider, security: Security = Security.NONE) -> Mailbox:
    return mailbox(trial.smtp_port, security=security)


async def _deliver(trial: TrialProvider, relay: SmtpRelay, security: Security = Security.STARTTLS) -> Outcome:
    return (await deliver(relay, _box(trial, security), SUPPORT, [CLIENT], message()))[CLIENT.key]


async def _arrives_once(trial: TrialProvider, relay: SmtpRelay) -> None:
    """The next attempt succeeds, and what failed before did not arrive."""
    outcome = await _deliver(trial, relay)
    assert (outcome.delivery, outcome.code) == (Delivery.DELIVERED, 250)
    assert len(trial.outbox) == 1
