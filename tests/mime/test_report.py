"""Delivery reports: readable by a person, by Python's own parser, and silent about everybody who got the message."""

from __future__ import annotations

import base64
import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage, Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.address import Address
from gateway.domain.mail import Delivery, Outcome, QueueEntry, Recipient, Wish
from gateway.mime import tree
from gateway.mime.check import is_ascii, line_fault, longest_line
from gateway.mime.report import MAX_FULL, delivery_report
from gateway.mime.report_status import Action
from tests.corpus import canonical, corpus_messages, needs_corpus

NOW = datetime(2026, 11, 22, 3, 14, 15, tzinfo=UTC)
ANA = Address("ana", "firm.example")
GONE = Outcome(Delivery.FAILED, 550, "5.1.1", "No such user here", "rcpt")
ORIGINAL = b"From: ana@firm.example\r\nTo: al@client.example\r\nSubject: Offer\r\nBcc: b@c.example\r\n\r\nthe body\r\n"


def entry(
    *,
    subject: str = "Offer",
    message_id: str = "<1@firm.example>",
    sender: Address | None = ANA,
    envid: str = "",
    return_full: bool = False,
) -> QueueEntry:
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
        envid=envid,
        return_full=return_full,
    )


def report(
    *,
    about: QueueEntry | None = None,
    to: tuple[Address, ...] = (Address("al", "client.example"),),
    outcome: Outcome = GONE,
    original: bytes = ORIGINAL,
    action: Action = Action.FAILED,
    orcpt: str = "",
    until: datetime | None = None,
) -> bytes:
    return delivery_report(
        entry=about or entry(),
        told=[(Recipient(address, wish=Wish(orcpt=orcpt)), outcome) for address in to],
        original=original,
        hostname="mail.firm.example",
        now=NOW,
        seed="a1b2c3d4" * 4,
        action=action,
        until=until,
    )


def parsed(raw: bytes) -> tuple[EmailMessage, list[Message]]:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not any(part.defects for part in message.walk())
    return message, list(message.iter_parts())


def says_eight_bits(raw: bytes) -> bool:
    return b"\r\nContent-Transfer-Encoding: 8bit" in raw.partition(b"\r\n\r\n")[0]


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
    message, (text, status, _) = parsed(report(outcome=later, action=Action.DELAYED, until=NOW))
    about_al = groups_of(status)[1]
    assert (about_al["Action"], about_al["Will-Retry-Until"]) == ("delayed", "Sun, 22 Nov 2026 03:14:15 +0000")
    assert message["Subject"].startswith("Not delivered yet")
    assert "keeps trying until Sun, 22 Nov 2026" in words_of(text)


def test_a_notice_of_handing_over_says_relayed_and_that_no_more_will_come() -> None:
    taken = Outcome(Delivery.DELIVERED, 250, "2.0.0", "queued as 4711", "final")
    message, (text, status, headers) = parsed(report(outcome=taken, action=Action.RELAYED))
    about_al = groups_of(status)[1]
    assert (about_al["Action"], about_al["Status"]) == ("relayed", "2.1.9")
    assert about_al["Diagnostic-Code"] == "smtp; 250 2.0.0 queued as 4711"
    assert message["Subject"] == "Handed over: Offer"
    assert "handed over to the next server" in words_of(text)
    assert "the last you hear of it" in words_of(text)
    assert headers.get_content_type() == "text/rfc822-headers"


def test_the_authors_names_for_envelope_and_recipient_come_back() -> None:
    raw = report(about=entry(envid="QQ+1 =2"), orcpt="rfc822;Al+x@Client.example")
    _, (_, status, _) = parsed(raw)
    about_message, about_al = groups_of(status)
    assert about_message["Original-Envelope-Id"] == "QQ+1 =2"
    assert about_al["Original-Recipient"] == "rfc822; Al+x@Client.example"
    assert about_al["Final-Recipient"] == "rfc822; al@client.example"
    assert b"Original-Recipient: utf-8; \\x{219}\\x{2B}x@b.example\r\n" in report(orcpt="utf-8;ș+x@b.example")


def test_nobody_is_told_names_that_the_author_did_not_give() -> None:
    raw = report()
    assert b"Original-Envelope-Id" not in raw
    assert b"Original-Recipient" not in raw


def test_B2_the_whole_message_comes_back_where_it_was_asked_for_but_no_blind_copy() -> None:
    _, (*_, original) = parsed(report(about=entry(return_full=True)))
    assert original.get_content_type() == "message/rfc822"
    assert original["Content-Transfer-Encoding"] == "7bit"
    raw = report(about=entry(return_full=True))
    assert ORIGINAL.replace(b"Bcc: b@c.example\r\n", b"") in raw
    assert b"b@c.example" not in raw


def test_a_whole_message_of_eight_bits_is_announced_as_such() -> None:
    body = "From: ana@firm.example\r\nSubject: x\r\n\r\nbună ziua\r\n".encode()
    raw = report(about=entry(return_full=True), original=body)
    message, (*_, original) = parsed(raw)
    assert body in raw
    assert (message["Content-Transfer-Encoding"], original["Content-Transfer-Encoding"]) == ("8bit", "8bit")


def test_a_whole_message_with_other_letters_in_its_header_travels_in_ascii() -> None:
    original = "From: ana@firm.example\r\nSubject: Ofertă\r\nBcc: ș@b.example\r\n\r\nbună ziua\r\n".encode()
    raw = report(about=entry(return_full=True), original=original)
    assert is_ascii(raw)
    assert b"Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\n" in raw
    coded = raw.partition(b"base64\r\n\r\n")[2].partition(b"--")[0]
    assert base64.b64decode(coded) == original.replace("Bcc: ș@b.example\r\n".encode(), b"")


@pytest.mark.parametrize(
    "original",
    [
        ORIGINAL + b"x" * 70 + b"\r\n" + b"y" * MAX_FULL,
        ORIGINAL + b"z" * 2_000 + b"\r\n",
        ORIGINAL + b"bare\nline\r\n",
        b"no field\r\n" + ORIGINAL,
    ],
    ids=["large", "long line", "bare line end", "odd header"],
)
def test_of_a_message_that_no_part_can_hold_only_the_header_comes_back(original: bytes) -> None:
    raw = report(about=entry(return_full=True), original=original)
    assert b"Content-Type: text/rfc822-headers\r\n" in raw
    assert len(raw) < 10_000


def test_what_was_refused_for_its_form_does_not_take_its_report_down_with_it() -> None:
    outcome = Outcome(Delivery.FAILED, 0, "5.6.3", "the server takes only 7-bit messages", "mail")
    raw = report(about=entry(return_full=True), outcome=outcome, original="Subject: x\r\n\r\nbună\r\n".encode())
    assert is_ascii(raw)
    assert b"text/rfc822-headers" in raw


@pytest.mark.parametrize("action", [Action.DELAYED, Action.RELAYED])
def test_only_a_failure_returns_the_whole_message(action: Action) -> None:
    raw = report(about=entry(return_full=True), action=action)
    assert b"text/rfc822-headers" in raw
    assert b"the body" not in raw


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
    with pytest.raises(ValueError, match="recipient"):
        report(to=())


@given(
    subject=st.text(max_size=300),
    message_id=st.text(max_size=60),
    words=st.text(max_size=400),
    original=st.binary(max_size=400),
    orcpt=st.text(max_size=50).filter(str.isprintable),
    return_full=st.booleans(),
)
def test_nothing_that_others_wrote_breaks_a_report(
    subject: str, message_id: str, words: str, original: bytes, orcpt: str, return_full: bool
) -> None:
    outcome = Outcome(Delivery.FAILED, 550, "5.7.1", words, "final")
    about = entry(subject=subject, message_id=message_id, return_full=return_full)
    raw = report(about=about, outcome=outcome, original=original, orcpt=f"utf-8;{orcpt}" if orcpt else "")
    assert line_fault(raw) is None
    assert longest_line(raw) <= 998
    assert is_ascii(raw) or says_eight_bits(raw)
    message, parts = parsed(raw)
    assert len(parts) == 3
    assert message.get_all("To") == ["ana@firm.example"]
    assert len(groups_of(parts[1])) == 2


@needs_corpus
@pytest.mark.corpus
def test_every_real_message_comes_back_whole_or_by_its_header() -> None:
    about, whole = entry(return_full=True), 0
    for path in corpus_messages():
        original = canonical(path.read_bytes())
        raw = report(about=about, original=original)
        assert line_fault(raw) is None, path
        assert longest_line(raw) <= 998, path
        assert is_ascii(raw) or says_eight_bits(raw), path
        shape = tree.parts(raw)
        kinds = [part.content_type for part in shape if part.parent == 0]
        assert kinds[:2] == ["text/plain", "message/delivery-status"], path
        assert len(kinds) == 3, path
        whole += kinds[2] in {"message/rfc822", "message/global"}
    assert whole > 500
