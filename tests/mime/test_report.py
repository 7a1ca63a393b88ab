"""Delivery reports: readable by a person, by Python's own parser, and silent about everybody who got the message."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage, Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.address import Address
from gateway.domain.mail import Delivery, Outcome, QueueEntry, Recipient
from gateway.mime.check import is_ascii, line_fault, longest_line
from gateway.mime.report import delivery_report

NOW = datetime(2026, 11, 22, 3, 14, 15, tzinfo=UTC)
ANA = Address("ana", "firm.example")
GONE = Outcome(Delivery.FAILED, 550, "5.1.1", "No such user here", "rcpt")
ORIGINAL = b"From: ana@firm.example\r\nTo: al@client.example\r\nSubject: Offer\r\nBcc: b@c.example\r\n\r\nthe body\r\n"


def entry(*, subject: str = "Offer", message_id: str = "<1@firm.example>", sender: Address | None = ANA) -> QueueEntry:
    recipients = tuple(Recipient(Address(name, "client.example")) for name in ("al", "bo", "hidden"))
    return QueueEntry(
        id="q1",
        login="ana",
        mailbox=ANA.key,
        sender=sender,
        recipients=recipients,
        sha256="0" * 64,
        size=len(ORIGINAL),
        message_id=message_id,
        subject=subject,
        accepted_at=NOW,
        next_attempt=NOW,
    )


def report(
    *,
    about: QueueEntry | None = None,
    to: tuple[Address, ...] = (Address("al", "client.example"),),
    outcome: Outcome = GONE,
    original: bytes = ORIGINAL,
    final: bool = True,
) -> bytes:
    return delivery_report(
        entry=about or entry(),
        failed=[(Recipient(address), outcome) for address in to],
        original=original,
        hostname="mail.firm.example",
        now=NOW,
        seed="a1b2c3d4" * 4,
        final=final,
    )


def parsed(raw: bytes) -> tuple[EmailMessage, list[Message]]:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not any(part.defects for part in message.walk())
    return message, list(message.iter_parts())


def words_of(part: Message) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def groups_of(part: Message) -> list[Message]:
    payload = part.get_payload()
    assert isinstance(payload, list)
    return [group for group in payload if isinstance(group, Message)]


def test_a_report_is_what_rfc_3464_and_6522_say() -> None:
    message, (text, status, headers) = parsed(report())
    assert message.get_content_type() == "multipart/report"
    assert message["Content-Type"].params["report-type"] == "delivery-status"
    assert message["From"] == "Mail delivery <mailer-daemon@mail.firm.example>"
    assert message["To"] == "ana@firm.example"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Subject"] == "Not delivered: Offer"
    assert message["In-Reply-To"] == "<1@firm.example>"
    assert message["Date"]
    assert message["Message-ID"]
    assert text.get_content_type() == "text/plain"
    assert status.get_content_type() == "message/delivery-status"
    assert headers.get_content_type() == "text/rfc822-headers"
    about_message, about_al = groups_of(status)
    assert about_message["Reporting-MTA"] == "dns; mail.firm.example"
    assert about_al["Final-Recipient"] == "rfc822; al@client.example"
    assert (about_al["Action"], about_al["Status"]) == ("failed", "5.1.1")
    assert about_al["Diagnostic-Code"] == "smtp; 550 5.1.1 No such user here"


def test_a_person_learns_who_why_and_what_to_do() -> None:
    _, (text, *_) = parsed(report())
    words = words_of(text)
    for part in (
        "did not reach this recipient",
        "al@client.example",
        "No such user here",
        "Check the address",
        "Offer",
    ):
        assert part in words


def test_B2_only_who_failed_is_named_and_no_body_is_quoted() -> None:
    raw = report(to=(Address("al", "client.example"), Address("bo", "client.example")))
    assert b"al@client.example" in raw
    assert b"bo@client.example" in raw
    assert b"hidden" not in raw
    assert b"b@c.example" not in raw
    assert b"the body" not in raw
    assert raw.count(b"Final-Recipient") == 2


def test_a_notice_of_delay_says_delayed() -> None:
    later = Outcome(Delivery.PENDING, 450, "4.2.0", "Come back later", "rcpt")
    message, (text, status, _) = parsed(report(outcome=later, final=False))
    assert groups_of(status)[1]["Action"] == "delayed"
    assert message["Subject"].startswith("Not delivered yet")
    assert "keeps trying" in words_of(text)


def test_where_there_was_no_answer_there_is_no_diagnostic_code() -> None:
    expired = Outcome(Delivery.FAILED, 0, "5.4.7", "given up after trying for too long", "final")
    _, (text, status, _) = parsed(report(outcome=expired))
    assert "Diagnostic-Code" not in groups_of(status)[1]
    assert "given up" in words_of(text)


def test_other_letters_travel_in_ascii() -> None:
    raw = report(
        about=entry(subject="Ofertă"),
        to=(Address("ștefan", "client.example"),),
        outcome=Outcome(Delivery.FAILED, 550, "5.1.1", "Nu există", "rcpt"),
        original="Subject: Ofertă\r\n\r\n".encode(),
    )
    assert is_ascii(raw)
    message, (text, _, headers) = parsed(raw)
    assert message["Subject"] == "Not delivered: Ofertă"
    assert "ștefan@client.example" in words_of(text)
    assert b"Final-Recipient: utf-8; \\x{219}tefan@client.example\r\n" in raw
    assert headers.get_content_type() == "message/global-headers"


def test_S3_bare_line_ends_of_the_original_do_not_come_back() -> None:
    raw = report(original=b"From: a@b.example\nSubject: x\r\ry\r\nX: \0\n.\r\n\r\nbody")
    assert line_fault(raw) is None
    assert b"\r\n.\r\n" not in raw


def test_an_endless_header_is_cut_and_an_endless_line_wrapped() -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 500) for n in range(2_000))
    raw = report(original=b"X-Long: " + b"z" * 20_000 + b"\r\n" + fields + b"\r\n")
    assert len(raw) < 80_000
    assert longest_line(raw) <= 998


def test_a_report_is_never_reported() -> None:
    with pytest.raises(ValueError, match="author"):
        report(about=entry(sender=None))
    with pytest.raises(ValueError, match="failure"):
        report(to=())


@given(
    subject=st.text(max_size=300),
    message_id=st.text(max_size=60),
    words=st.text(max_size=400),
    original=st.binary(max_size=400),
)
def test_nothing_that_others_wrote_breaks_a_report(subject: str, message_id: str, words: str, original: bytes) -> None:
    outcome = Outcome(Delivery.FAILED, 550, "5.7.1", words, "final")
    raw = report(about=entry(subject=subject, message_id=message_id), outcome=outcome, original=original)
    assert line_fault(raw) is None
    assert longest_line(raw) <= 998
    assert is_ascii(raw)
    message, parts = parsed(raw)
    assert len(parts) == 3
    assert message.get_all("To") == ["ana@firm.example"]
    assert len(groups_of(parts[1])) == 2
