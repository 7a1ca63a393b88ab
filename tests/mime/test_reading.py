"""Facts, correspondents, attachments and plain text of a message."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.attachments import MAX_ATTACHMENTS, attachments
from gateway.mime.facts import MAX_REFERENCES, MAX_SUBJECT, correspondents, facts
from gateway.mime.plain import plain_text, text_of_html

HEADER = (
    b"Message-ID: <one@firm.example>\r\nIn-Reply-To: <zero@pacino.example>\r\n"
    b"References: <a@x> <b@x>\r\n <a@x>\r\nSubject: =?utf-8?q?=C8=98tiri?=\r\n"
    b'From: "Ana Pop" <ana@firm.example>\r\nTo: al@pacino.example\r\nCc: B <b@c.example>, AL@pacino.example\r\n'
    b"Date: Tue, 3 Mar 2026 10:02:03 +0200\r\n"
)


def test_facts_are_read_and_decoded() -> None:
    found = facts(HEADER + b"\r\nbody")
    assert found.message_id == "<one@firm.example>"
    assert found.in_reply_to == ("<zero@pacino.example>",)
    assert found.references == ("<a@x>", "<b@x>")
    assert found.subject == "Știri"
    assert found.sender == '"Ana Pop" <ana@firm.example>'
    assert found.recipients == "al@pacino.example, B <b@c.example>, AL@pacino.example"
    assert found.date == datetime(2026, 3, 3, 8, 2, 3, tzinfo=UTC)


def test_I10_facts_are_bounded() -> None:
    many = b"".join(b" <%d@x>\r\n" % number for number in range(10_000))
    found = facts(b"References:" + many + b"Subject: " + b"x" * 1_000_000 + b"\r\nDate: never\r\n\r\n")
    assert len(found.references) == MAX_REFERENCES
    assert found.references[-1] == "<9999@x>"
    assert len(found.subject) == MAX_SUBJECT
    assert found.date is None
    assert found.message_id == ""


@given(st.binary(max_size=300))
def test_any_bytes_have_facts(raw: bytes) -> None:
    facts(b"Date: " + raw + b"\r\nFrom: " + raw)
    correspondents(b"From: " + raw)


def test_correspondents_are_the_from_and_all_recipients_once() -> None:
    found = correspondents(HEADER + b"Bcc: c@d.example\r\nSender: x@y.example\r\nReply-To: r@y.example\r\n\r\n")
    assert [str(address) for address in found.senders] == ["ana@firm.example"]
    assert [str(address) for address in found.recipients] == ["al@pacino.example", "b@c.example", "c@d.example"]


@pytest.mark.parametrize(
    "header",
    [
        b"From: a@b.example\r\nFrom: c@d.example\r\n\r\n",
        b"From: a@good.example(x)evil.example\r\n\r\n",
        b"From: <@h:a@b.example>\r\n\r\n",
        b"Sender: a@b.example\r\n\r\n",
        b"From: =?x?q?collab=40evil=3E=00?=foo@client.example\r\n\r\n",
    ],
)
def test_I2_an_ambiguous_sender_is_nobody(header: bytes) -> None:
    assert correspondents(header).senders == ()


MIXED = (
    b"Content-Type: multipart/mixed; boundary=m\r\n\r\n"
    b"--m\r\nContent-Type: multipart/related; boundary=r\r\n\r\n"
    b'--r\r\nContent-Type: text/html\r\n\r\n<p>Hi<img src="cid:shown"></p><script>no()</script>\r\n'
    b"--r\r\nContent-Type: image/png; name=shown.png\r\nContent-ID: <shown>\r\n\r\nx\r\n"
    b"--r\r\nContent-Type: image/png; name=photo.png\r\nContent-ID: <photo>\r\n\r\ny\r\n--r--\r\n"
    b"--m\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n"
    b"Content-Disposition: attachment; filename*=utf-8''%c8%98.pdf\r\n\r\nYWJjZA==ZWZn\r\n"
    b"--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: the old one\r\n\r\n"
    b"--m\r\nContent-Type: text/plain; name=a.txt\r\n\r\nfile\r\n"
    b"--m\r\nContent-Type: application/zip; name=../b.zip\r\nContent-Transfer-Encoding: x-odd\r\n\r\nzip\r\n"
    b"--m\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--m--\r\n"
)


def test_M4_attachments_are_what_a_person_would_count() -> None:
    assert [(found.number, found.part, found.name, found.content, found.damaged) for found in attachments(MIXED)] == [
        (1, "1.2", "shown.png", b"x", False),
        (2, "1.3", "photo.png", b"y", False),
        (3, "2", "Ș.pdf", b"abcdefg", False),
        (4, "3", "the old one.eml", b"Subject: the old one\r\n", False),
        (5, "4", "a.txt", b"file", False),
        (6, "5", "../b.zip", b"zip", True),
    ]
    assert [found.name for found in attachments(MIXED) if found.shown] == ["shown.png"]


def test_F5_attachments_are_bounded() -> None:
    part = b"--b\r\nContent-Type: application/pdf\r\n\r\nx\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 3_000
    assert len(attachments(raw)) == MAX_ATTACHMENTS


def test_plain_text_prefers_text_and_reads_html_without_it() -> None:
    assert plain_text(MIXED) == "Hi"
    alternative = (
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nplain\x1b[31m\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\nhtml\r\n--b--\r\n"
    )
    assert plain_text(alternative) == "plain[31m"
    assert plain_text(b"Subject: x\r\n\r\n" + b"x" * 500, limit=100) == "x" * 100


def test_html_becomes_lines() -> None:
    page = "<head><title>t</title></head><p>a&nbsp;&amp;\n b</p><!-- c --><style>d</style>e<br>f &lt; g<div>h"
    assert text_of_html(page) == "a & b\ne\nf < g\nh".replace("g\nh", "gh")
