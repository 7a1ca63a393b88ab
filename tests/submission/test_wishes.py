"""What was wished arrives with the submission, decoded, and with the right recipient."""

from __future__ import annotations

import asyncio
import smtplib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.mail import Notify, Submission, Wish
from gateway.mime.xtext import encode_xtext
from gateway.policy.hold import MAX_HOLD
from gateway.submission.commands import read_mail, read_recipient
from gateway.submission.replies import Refused
from tests.peers import programs
from tests.submission.house import LOGIN, PASSWORD, house
from tests.submission.signed_in import signed_in

NOW = datetime(2026, 11, 22, 8, 0, 0, 250_000, tzinfo=UTC)
RAW = b"From: ana@firm.example\r\nSubject: x\r\n\r\nhello\r\n"


async def submitted(mail: str, *recipients: str) -> Submission:
    async with house() as found:
        peer = await signed_in(found.port)
        assert (await peer.ask(f"MAIL FROM:<ana@firm.example>{mail}")).startswith("250 ")
        for recipient in recipients:
            assert (await peer.ask(f"RCPT TO:{recipient}")).startswith("250 ")
        assert (await peer.ask("DATA")).startswith("354 ")
        assert (await peer.ask(RAW + b".")).startswith("250 ")
        await peer.close()
        return found.accepted[0]


async def test_each_recipient_keeps_the_wish_it_was_named_with() -> None:
    found = await submitted(
        " RET=FULL ENVID=QQ+2B1+3D2",
        "<a@client.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;A+2Bx@client.example",
        "<b@client.example>",
        "<c@client.example> NOTIFY=NEVER ORCPT=utf-8;\\x{219}@client.example",
    )
    assert found.envid == "QQ+1=2"
    assert found.return_full
    assert found.wishes == (
        Wish(frozenset({Notify.SUCCESS, Notify.DELAY}), "rfc822;A+x@client.example"),
        Wish(),
        Wish(frozenset(), "utf-8;ș@client.example"),
    )


async def test_who_asks_for_nothing_has_no_wishes() -> None:
    found = await submitted(" RET=HDRS", "<a@client.example> NOTIFY=FAILURE,DELAY", "<b@client.example>")
    assert (found.wishes, found.envid, found.return_full, found.not_before) == ((), "", False, None)


async def test_of_a_recipient_named_twice_the_first_wish_counts() -> None:
    found = await submitted("", "<a@client.example> NOTIFY=NEVER", "<A@client.example> NOTIFY=SUCCESS")
    assert len(found.recipients) == 1
    assert found.wishes == (Wish(frozenset()),)


async def test_wishes_end_with_their_message() -> None:
    async with house() as found:
        peer = await signed_in(found.port)
        for first, to in ((" RET=FULL ENVID=one HOLDFOR=60", " NOTIFY=NEVER"), ("", "")):
            await peer.ask(f"MAIL FROM:<ana@firm.example>{first}")
            await peer.ask(f"RCPT TO:<a@client.example>{to}")
            await peer.ask("DATA")
            assert (await peer.ask(RAW + b".")).startswith("250 ")
        await peer.close()
    one, two = found.accepted
    assert one.not_before is not None
    assert timedelta(seconds=50) < one.not_before - one.received_at <= timedelta(seconds=60)
    assert (two.wishes, two.envid, two.return_full, two.not_before) == ((), "", False, None)


def not_before(parameter: str) -> datetime | None:
    return read_mail(f"FROM:<a@b.example> {parameter}", limit=1, now=NOW).not_before


def test_a_moment_may_come_in_any_time_zone() -> None:
    wanted = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    for text in (
        "2026-12-01T08:00:00Z",
        "2026-12-01t08:00:00z",
        "2026-12-01T10:00:00+02:00",
        "2026-11-30T23:00:00.000-09:00",
    ):
        found = not_before(f"HOLDUNTIL={text}")
        assert found == wanted
        assert found.tzinfo is UTC


def test_a_moment_that_has_passed_means_now() -> None:
    assert not_before("HOLDUNTIL=2026-11-22T08:00:00Z") is None
    assert not_before("HOLDUNTIL=1999-12-31T23:59:59+14:00") is None


def test_what_the_greeting_announces_is_the_last_moment_that_is_taken() -> None:
    assert not_before(f"HOLDFOR={MAX_HOLD // timedelta(seconds=1)}") == NOW + MAX_HOLD
    assert not_before("HOLDUNTIL=2027-11-22T08:00:00Z") == datetime(2027, 11, 22, 8, tzinfo=UTC)
    for parameter in ("HOLDUNTIL=2027-11-22T08:00:01Z", f"HOLDFOR={MAX_HOLD // timedelta(seconds=1) + 1}"):
        with pytest.raises(Refused) as refused:
            not_before(parameter)
        assert (refused.value.reply.code, refused.value.reply.status) == (501, "5.5.4")


@given(st.integers(0, 3 * 10**9), st.integers(-1439, 1439))
def test_every_moment_is_taken_refused_or_now(seconds: int, minutes: int) -> None:
    offset = timedelta(minutes=minutes)
    moment = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    sign = "-" if minutes < 0 else "+"
    text = f"{(moment + offset):%Y-%m-%dT%H:%M:%S}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    try:
        found = not_before(f"HOLDUNTIL={text}")
    except Refused:
        assert moment > NOW + MAX_HOLD - timedelta(seconds=1)
    else:
        assert found == (moment if moment > NOW else None)


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=100))
def test_every_printable_envid_comes_through(envid: str) -> None:
    if envid.strip():
        assert read_mail(f"FROM:<a@b.example> ENVID={encode_xtext(envid)}", limit=1, now=NOW).envid == envid


def test_an_envid_of_more_than_a_hundred_characters_is_refused() -> None:
    assert len(read_mail(f"FROM:<a@b.example> ENVID={'+2B' * 100}", limit=1, now=NOW).envid) == 100
    with pytest.raises(Refused):
        read_mail(f"FROM:<a@b.example> ENVID={'x' * 101}", limit=1, now=NOW)


def test_an_orcpt_of_more_than_five_hundred_characters_is_refused() -> None:
    fits = "rfc822;" + "x" * 493
    assert read_recipient(f"TO:<a@b.example> ORCPT={fits}", smtputf8=False).wish.orcpt == fits
    with pytest.raises(Refused):
        read_recipient(f"TO:<a@b.example> ORCPT={fits}x", smtputf8=False)


def test_an_orcpt_that_no_older_server_could_be_told_is_refused() -> None:
    assert read_recipient(f"TO:<a@b.example> ORCPT=utf-8;{'ș' * 70}", smtputf8=True).wish.orcpt
    with pytest.raises(Refused):
        read_recipient(f"TO:<a@b.example> ORCPT=utf-8;{'ș' * 71}", smtputf8=True)


@given(st.text(max_size=60))
def test_S11_no_parameter_changes_the_recipient(text: str) -> None:
    try:
        found = read_recipient(f"TO:<a@b.example> ORCPT=rfc822;{text}", smtputf8=True)
    except Refused:
        return
    assert str(found.address) == "a@b.example"
    assert found.wish.orcpt.isprintable()


@pytest.mark.real
async def test_msmtp_wishes_reports() -> None:
    async with house() as found:
        ran = await programs.run(
            programs.or_skip("msmtp"),
            *("--host=127.0.0.1", f"--port={found.port}", "--auth=plain", f"--user={LOGIN}", "--tls=off"),
            *(f"--passwordeval=echo '{PASSWORD}'", "--from=ana@firm.example"),
            *("--dsn-notify=failure,delay,success", "--dsn-return=full", "--", "c@client.example"),
            stdin=RAW.replace(b"\r\n", b"\n"),
        )
        assert ran.status == 0, ran.output
        assert found.accepted[0].wishes == (Wish(frozenset(Notify)),)
        assert found.accepted[0].return_full


@pytest.mark.real
async def test_mutt_wishes_no_report(tmp_path: Path) -> None:
    async with house() as found:
        settings = tmp_path / "muttrc"
        settings.write_text(
            f'set smtp_url = "smtp://{LOGIN}@127.0.0.1:{found.port}"\nset smtp_pass = "{PASSWORD}"\n'
            'set smtp_authenticators = "plain"\nset ssl_starttls = no\nset ssl_force_tls = no\nset copy = no\n'
            'set from = "ana@firm.example"\nset use_envelope_from = yes\n'
            'set dsn_notify = "never"\nset dsn_return = "full"\n'
        )
        ran = await programs.run(
            programs.or_skip("mutt"),
            *("-n", "-F", str(settings), "-s", "x", "--", "c@client.example"),
            stdin=b"hello\n",
            home=tmp_path,
        )
        assert ran.status == 0, ran.output
        assert found.accepted[0].wishes == (Wish(frozenset()),)
        assert found.accepted[0].return_full


async def test_pythons_own_client_sends_later() -> None:
    def send(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            client.login(LOGIN, PASSWORD)
            assert client.has_extn("FUTURERELEASE")
            client.sendmail(
                *("ana@firm.example", ["c@client.example"], RAW),
                mail_options=["HOLDFOR=3600", "ENVID=abc"],
                rcpt_options=["NOTIFY=DELAY"],
            )

    async with house() as found:
        await asyncio.to_thread(send, found.port)
        one = found.accepted[0]
        assert one.not_before is not None
        assert one.not_before > one.received_at + timedelta(minutes=59)
        assert (one.envid, one.wishes) == ("abc", (Wish(frozenset({Notify.DELAY})),))
