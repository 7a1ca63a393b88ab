"""Bounces that come by mail: who is named, which message is meant, and that a stranger's bytes break nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.address import Address
from gateway.domain.mail import Delivery, Outcome, QueueEntry, Recipient
from gateway.mime.bounce import ReportedAction, Returned, returned
from gateway.mime.report import delivery_report
from gateway.mime.report_status import Action
from tests.cost import within

NOW = datetime(2026, 11, 22, 3, 14, 15, tzinfo=UTC)
ANA = Address("ana", "firm.example")
ID = "<1@firm.example>"
ORIGINAL = f"From: ana@firm.example\r\nTo: al@client.example\r\nMessage-ID: {ID}\r\nSubject: Offer\r\n\r\nHello\r\n"
DAEMON = "From: Mail Delivery <MAILER-DAEMON@mx.example>\r\nTo: ana@firm.example\r\nSubject: failure notice\r\n"


def read(text: str) -> Returned:
    found = returned(text.encode())
    assert found is not None
    return found


def written(words: str, *, head: str = DAEMON, divider: str = "--- Below this line is a copy of the message.") -> str:
    """A report without any report part: words, a divider, and the message that comes back."""
    return f"{head}\r\n{words}\r\n\r\n{divider}\r\n\r\nReturn-Path: <ana@firm.example>\r\n{ORIGINAL}"


def report(fields: str, *, about: str = "Reporting-MTA: dns; mx.example", back: str = ORIGINAL) -> str:
    return (
        f"{DAEMON}MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"{about}\r\n\r\n{fields}\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{back}\r\n--b--\r\n"
    )


def entry(*, sender: Address | None = ANA, to: tuple[Address, ...]) -> QueueEntry:
    return QueueEntry(
        id="q1",
        login="ana",
        mailbox=ANA.key,
        sender=sender,
        recipients=tuple(Recipient(one) for one in to),
        sha256="0" * 64,
        size=1,
        message_id=ID,
        subject="Offer",
        accepted_at=NOW,
        next_attempt=NOW,
    )


def test_a_report_by_the_book_is_read_whole() -> None:
    found = read(
        report(
            "Original-Recipient: rfc822;al@client.example\r\nFinal-Recipient: rfc822; al.new@other.example\r\n"
            "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 No such\r\n user here",
            about="Reporting-MTA: dns; mx.example\r\nOriginal-Envelope-Id: QQ+2B314159",
        )
    )
    (one,) = found.recipients
    assert (str(one.address), one.action, one.status, one.code) == ("al@client.example", "failed", "5.1.1", 550)
    assert one.text == "550 5.1.1 No such user here"
    assert one.keys == {"al@client.example", "al.new@other.example"}
    assert (found.message_id, found.envid) == (ID, "QQ+2B314159")
    assert found.original_from == ANA
    assert not found.of_bounce


@pytest.mark.parametrize(
    ("fields", "action", "status"),
    [
        ("Action: failed\r\nStatus: 5.2.2", ReportedAction.FAILED, "5.2.2"),
        ("Action: Delayed (retrying)\r\nStatus: 4.4.1", ReportedAction.DELAYED, "4.4.1"),
        ("Action: delivered\r\nStatus: 2.1.5", ReportedAction.DELIVERED, "2.1.5"),
        ("Action: relayed\r\nStatus: 2.0.0", ReportedAction.RELAYED, "2.0.0"),
        ("Action: expanded\r\nStatus: 2.0.0", ReportedAction.EXPANDED, "2.0.0"),
        ("Action: failed", ReportedAction.FAILED, "5.0.0"),
        ("Action: delayed", ReportedAction.DELAYED, "4.0.0"),
        ("Status: 4.2.2", ReportedAction.DELAYED, "4.2.2"),
        ("Diagnostic-Code: smtp; 552 full", ReportedAction.FAILED, "5.0.0"),
        ("Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 5.7.1 no", ReportedAction.FAILED, "5.7.1"),
    ],
)
def test_what_a_report_leaves_out_follows_from_the_rest(fields: str, action: ReportedAction, status: str) -> None:
    (one,) = read(report(f"Final-Recipient: rfc822; al@client.example\r\n{fields}")).recipients
    assert (one.action, one.status) == (action, status)


def test_recipients_without_an_empty_line_between_them_are_told_apart() -> None:
    fields = "".join(
        f"Final-Recipient: rfc822; {name}@client.example\r\nAction: {action}\r\n"
        for name, action in (("al", "failed"), ("bo", "delivered"))
    )
    found = read(report(fields)).recipients
    assert [(str(one.address), one.action) for one in found] == [
        ("al@client.example", "failed"),
        ("bo@client.example", "delivered"),
    ]


@pytest.mark.parametrize("name", ["al", "ștefan", "al pop"])
@pytest.mark.parametrize("action", [Action.FAILED, Action.DELAYED])
def test_our_own_reports_are_understood(name: str, action: Action) -> None:
    to = Address(name, "client.example")
    raw = delivery_report(
        entry=entry(to=(to,)),
        told=[(Recipient(to), Outcome(Delivery.FAILED, 550, "5.1.1", "No such user", "rcpt"))],
        original=ORIGINAL.encode(),
        hostname="mail.firm.example",
        now=NOW,
        seed="a1b2c3d4" * 4,
        action=action,
    )
    found = returned(raw)
    assert found is not None
    assert [(one.address, one.action, one.code) for one in found.recipients] == [(to, action.value, 550)]
    assert found.message_id == ID


NOTICES = {
    "qmail": """Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.

<al@client.example>:
Remote host said: 550 5.1.1 no such user""",
    "exim": """A message that you sent could not be delivered to one or more of its
recipients. The following address(es) failed:

  al@client.example
    host mx [192.0.2.1]: 550 5.1.1 no such user""",
    "sendmail": """   ----- Transcript of session follows -----
<<< 550 5.1.1 no such user
550 5.1.1 <al@client.example>... no such user""",
    "yahoo": """Unable to deliver message to the following address(es).

<al@client.example>:
550 5.1.1 no such user""",
    "imail": """undeliverable to al@client.example
550 5.1.1 no such user""",
    "reason first": """Could not be delivered because of

550 5.1.1 no such user

The following recipients were affected:
    al@client.example""",
    "exchange": """Delivery has failed to these recipients:

al@client.example<mailto:al@client.example>
550 5.1.1 no such user""",
}


@pytest.mark.parametrize("words", NOTICES.values(), ids=NOTICES)
def test_servers_that_send_no_report_are_understood(words: str) -> None:
    found = read(written(words))
    (one,) = found.recipients
    assert (str(one.address), one.action, one.code, one.status) == ("al@client.example", "failed", 550, "5.1.1")
    assert "no such user" in one.text
    assert found.message_id == ID


@pytest.mark.parametrize(
    "divider",
    [
        "----- Original message -----",
        "------ This is a copy of the message, including all the headers. ------",
        "Message headers follow.",
        "   ----- Unsent message follows -----",
        "",
    ],
)
def test_the_returned_header_is_found_with_and_without_a_divider(divider: str) -> None:
    found = read(written("Delivery failed: al@client.example", divider=divider))
    assert found.message_id == ID
    assert found.original_from == ANA


def test_a_field_names_the_recipients_where_the_words_are_in_no_language_we_know() -> None:
    head = f"{DAEMON}X-Failed-Recipients: al@client.example, bo@client.example\r\n"
    found = read(written("Mesajul nu a ajuns.", head=head))
    assert [str(one.address) for one in found.recipients] == ["al@client.example", "bo@client.example"]


def test_a_warning_is_no_failure() -> None:
    words = "THIS IS A WARNING MESSAGE ONLY.\r\nDelivery to the following recipient has been delayed:\r\n\r\n    "
    (one,) = read(written(f"{words} al@client.example\r\n\r\nMessage will be retried for 2 more days.")).recipients
    assert (one.action, one.status) == ("delayed", "4.0.0")


def test_where_the_original_did_not_come_back_the_report_may_answer_it() -> None:
    head = f"{DAEMON}In-Reply-To: {ID}\r\n"
    assert read(f"{head}\r\nDelivery failed: al@client.example\r\n").message_id == ID


def test_a_server_that_names_nobody_still_says_which_message() -> None:
    text = written("The message could not be delivered.").replace("To: al@client.example\r\n", "")
    found = read(text)
    assert [one.address for one in found.recipients] == [None]
    assert found.message_id == ID


def test_a_bounce_that_a_filter_wrapped_is_taken_out() -> None:
    inner = report("Final-Recipient: rfc822; al@client.example\r\nAction: failed\r\nStatus: 5.1.1")
    outer = (
        f"{DAEMON}Content-Type: multipart/mixed; boundary=w\r\n\r\n--w\r\nContent-Type: text/plain\r\n\r\n"
        "----- The following addresses had permanent delivery errors -----\r\n"
        f"--w\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--w--\r\n"
    )
    found = read(outer)
    assert [str(one.address) for one in found.recipients] == ["al@client.example"]
    assert found.message_id == ID


@pytest.mark.parametrize(
    "back",
    [
        f"Return-Path: <>\r\n{ORIGINAL}",
        f"Auto-Submitted: auto-replied\r\n{ORIGINAL}",
        f"Content-Type: multipart/report; boundary=x\r\n{ORIGINAL}",
    ],
)
def test_C7_a_bounce_of_a_bounce_is_recognised_as_such(back: str) -> None:
    fields = "Final-Recipient: rfc822; al@client.example\r\nAction: failed\r\nStatus: 5.1.1"
    assert read(report(fields, back=back)).of_bounce
    assert not read(report(fields)).of_bounce


ABSENT = "Auto-Submitted: auto-replied\r\nReturn-Path: <>\r\nFrom: al@client.example\r\nSubject: Absent\r\n"
WORDS = "Your message could not be delivered to\r\nal@client.example\r\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{ABSENT}In-Reply-To: {ID}\r\n\r\nI am away and cannot be reached.\r\nal@client.example\r\n",
        f"From: al@client.example\r\nSubject: Fwd: failure notice\r\n\r\n> {WORDS}",
        f"{DAEMON}Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n{WORDS}",
        f"{DAEMON}Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n{WORDS}",
        "From: noreply@shop.example\r\nSubject: Your order\r\n\r\nThe parcel for al@client.example is on its way.\r\n",
        "",
        "From: MAILER-DAEMON\r\n\r\n",
    ],
)
def test_other_mail_is_no_bounce(text: str) -> None:
    assert returned(text.encode()) is None


def test_a_forwarded_bounce_is_the_mail_of_who_forwards_it() -> None:
    inner = report("Final-Recipient: rfc822; al@client.example\r\nAction: failed")
    raw = (
        "From: al@client.example\r\nContent-Type: multipart/mixed; boundary=f\r\n\r\n--f\r\n\r\nLook.\r\n"
        f"--f\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--f--\r\n"
    )
    assert returned(raw.encode()) is None


def test_amazons_notifications_are_understood() -> None:
    head = "From: no-reply@sns.amazonaws.com\r\nx-amz-sns-message-id: 1\r\nSubject: AWS Notification Message\r\n\r\n"
    found = read(
        head + '{"notificationType":"Bounce","bounce":{"bouncedRecipients":[{"emailAddress":"al@client.example",'
        '"action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 no such user"}]},'
        f'"mail":{{"source":"ana@firm.example","commonHeaders":{{"messageId":"{ID}"}}}}}}\r\n\r\n--\r\nUnsubscribe'
    )
    (one,) = found.recipients
    assert (str(one.address), one.action, one.code, found.message_id) == ("al@client.example", "failed", 550, ID)
    assert returned((head + '{"notificationType":"Complaint"}').encode()) is None
    assert returned((head + "[" * 100_000).encode()) is None


HOSTILE: dict[str, Callable[[int], str]] = {
    "addresses": lambda n: DAEMON + "\r\nfailed delivery\r\n" + "".join(f"<a{i}@b.example>: no\r\n" for i in range(n)),
    "at signs": lambda n: DAEMON + "\r\nfailed delivery\r\n" + "a@" * n,
    "words": lambda n: DAEMON + "\r\n" + "delivery to has not been delivered " * n,
    "groups": lambda n: report("Final-Recipient: rfc822;a@b.example\r\n" * n),
    "folds": lambda n: report("Final-Recipient: rfc822;a@b.example\r\n" + " a\r\n" * n),
    "parts": lambda n: (
        DAEMON
        + "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + "--b\r\nContent-Type: message/rfc822\r\n\r\nX: y\r\n" * n
    ),
    "headers": lambda n: DAEMON + "\r\nfailed\r\n" + "Received: b\r\n\r\n" * n,
    "dividers": lambda n: DAEMON + "\r\nfailed\r\n" + "-= " * n,
    "named": lambda n: DAEMON + "X-Failed-Recipients: " + "a@b.example," * n + "\r\n\r\nfailed",
    "words in fields": lambda n: report(("Final-Recipient: rfc822;" + "a" * 3_900 + "@\r\n\r\n") * (n // 100)),
    "quotes in fields": lambda n: report(("Final-Recipient: rfc822;" + '"a <' * 900 + "@\r\n\r\n") * (n // 100)),
    "named again and again": lambda n: (
        DAEMON
        + "X-Failed-Recipients: a@b.example\r\n" * (n // 10)
        + "\r\nfailed\r\n"
        + "".join(f"<a{i}@b.example>: no\r\n" for i in range(n))
    ),
    "recipients of the original": lambda n: report("", back="To: " + "a@b.example," * n + "\r\n" + ORIGINAL),
    "wrapped": lambda n: (DAEMON + "Content-Type: message/rfc822\r\n\r\n") * n,
}


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_hostile_bounces_cost_no_more_than_their_length(kind: str) -> None:
    raw = HOSTILE[kind](100_000).encode()
    within(2, lambda: returned(raw))  # a hundredth of what squares would take


def test_no_more_recipients_are_taken_than_anybody_sends_to() -> None:
    found = read(report("Final-Recipient: rfc822;a@b.example\r\n" * 3_000))
    assert len(found.recipients) == 1_000


FRAGMENTS = st.sampled_from(
    [
        DAEMON,
        ORIGINAL,
        "\r\n",
        "\r\n\r\n",
        "Final-Recipient: rfc822; al@client.example\r\n",
        "Action: failed\r\nStatus: 5.1.1\r\n",
        "Content-Type: multipart/report; boundary=b\r\n",
        "--b\r\n",
        "Content-Type: message/delivery-status\r\n\r\n",
        "could not be delivered to",
        " <al@client.example>: 550 no\r\n",
        "X-Failed-Recipients: a@b\r\n",
        "utf-8; \\x{110000}\\x{D800}@b.example",
        "=?utf-8?b?4pyT?=@b.example",
        "\0\ud800\ufffd",
    ]
)


@given(st.lists(FRAGMENTS | st.text(max_size=30), max_size=20))
def test_no_bytes_break_the_reader(pieces: list[str]) -> None:
    found = returned("".join(pieces).encode("utf-8", "surrogatepass"))
    if found is not None:
        assert found.recipients
        for one in found.recipients:
            assert one.text.isprintable()
            assert len(one.text) <= 500


@given(st.binary(max_size=300))
def test_no_tail_of_a_report_breaks_the_reader(tail: bytes) -> None:
    assert returned(report("Final-Recipient: rfc822; al@client.example\r\n").encode() + tail) is not None
