"""What a rule may ask about a message: client, reply, attachments, header, size."""

from __future__ import annotations

import base64
import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.firm import When
from gateway.policy.conditions import failing, fits, matches
from tests.cost import within
from tests.policy.firms import authorised, submission

PDF = (
    b"--b\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n"
    b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\nPDF\r\n--b--\r\n"
)
MIXED = 'Content-Type: multipart/mixed; boundary="b"'
ION = "From: Ion <ion@firm.example>"


def holds(when: When, header: str = ION, *, to: tuple[str, ...] = ("al@pacino.example",), body: bytes = b"x") -> bool:
    mail = authorised(submission(header, to=to, body=body))
    held = matches(when, mail)
    assert (failing(when, mail) is None) is held
    return held


def test_client_asks_of_whom_a_recipient_is() -> None:
    assert holds(When(client=("Secret Corp", "Al Pacino")))
    assert not holds(When(client=("Secret Corp",)))
    assert not holds(When(client=("Al Pacino",)), to=("x@y.example",))


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("In-Reply-To: <a@b>", True),
        ("references: <a@b>\r\n <c@d>", True),
        ("In-Reply-To:", False),
        ("Subject: Re: hello", False),
    ],
)
def test_a_reply_is_what_names_the_message_that_it_answers(line: str, reply: bool) -> None:
    header = f"{ION}\n{line}"
    assert holds(When(reply=True), header) is reply
    assert holds(When(reply=False), header) is not reply


def test_attachments_asks_for_a_file_in_the_message() -> None:
    for asked in (True, False):
        assert holds(When(attachments=asked), f"{ION}\n{MIXED}", body=PDF) is asked
        assert holds(When(attachments=asked)) is not asked


def test_the_message_is_decoded_only_when_a_rule_asks_for_attachments() -> None:
    mail = authorised(submission(f"{ION}\n{MIXED}", to=("al@pacino.example",), body=PDF))
    assert not matches(When(member=("ana",), attachments=True), mail)
    assert matches(When(reply=False, header=(("From", "*ion*"),)), mail)
    assert "has_attachments" not in mail.letter.__dict__
    assert matches(When(attachments=True), mail)
    assert mail.letter.__dict__["has_attachments"] is True


def test_sizes_are_octets_as_submitted_and_neither_limit_is_included() -> None:
    size = len(submission(ION, body=b"x").raw)
    assert holds(When(larger_than=size - 1, smaller_than=size + 1))
    assert not holds(When(larger_than=size))
    assert not holds(When(smaller_than=size))


ENCODED = "=?utf-8?b?" + base64.b64encode("Factură nr. 5".encode()).decode() + "?="


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        (("Subject", "*invoice*"), "Subject: Your INVOICE of May", True),
        (("subject", "*invoice*"), "SUBJECT: an\r\n invoice", True),
        (("Subject", "invoice"), "Subject: invoice 5", False),
        (("Subject", "factură*"), f"Subject: {ENCODED}", True),
        (("Subject", "FACTURĂ NR. ?"), f"Subject: {ENCODED}", False),
        (("Subject", "*"), "X: no subject", False),
        (("Subject", "*"), "Subject:", True),
        (("X-Tag", "b*"), "X-Tag: a\nX-Tag: bcd", True),
        (("X-Postern-Send-As", "support"), "X-Postern-Send-As: Support", True),
        (("X-Tag", "a[bc]d"), "X-Tag: abd", False),
        (("X-Tag", "a[bc]d"), "X-Tag: A[BC]D", True),
    ],
)
def test_header_patterns_are_compared_with_what_a_person_reads(
    pattern: tuple[str, str], line: str, expected: bool
) -> None:
    assert holds(When(header=(pattern,)), f"{ION}\n{line}") is expected


def test_every_header_pattern_must_be_found() -> None:
    header = f"{ION}\nSubject: a\nX-Tag: b"
    assert holds(When(header=(("Subject", "a"), ("X-Tag", "b"))), header)
    assert not holds(When(header=(("Subject", "a"), ("X-Tag", "c"))), header)


TEXTS = st.text("abAB.?[]!^-ßİ ", max_size=12)


@given(st.text("abAB*.?[]!^-ß ", max_size=8), TEXTS)
def test_a_pattern_says_what_the_shells_would_say_of_its_stars(pattern: str, text: str) -> None:
    shell = "".join(f"[{c}]" if c in "?[" else c for c in pattern.casefold())
    assert fits(pattern, text) is fnmatch.fnmatchcase(text.casefold(), shell)


@given(TEXTS, TEXTS)
def test_a_star_stands_for_anything_and_for_nothing(before: str, after: str) -> None:
    assert fits(f"{before.replace('*', '')}*{after}", before + after)
    assert fits("*", before)


def test_F4_a_pattern_of_many_stars_takes_no_longer_for_a_hostile_text() -> None:
    assert not within(1, lambda: fits("a*" * 100 + "b", "a" * 1_000_000))
    assert not within(1, lambda: fits("*" + "ab*" * 60 + "c", "ab" * 500_000))


def test_F4_many_fields_of_one_name_are_read_once_for_all_rules() -> None:
    mail = authorised(submission(ION + "\nX-Tag: =?utf-8?q?a_b?=" * 10_000))
    rules = [When(header=(("x-tag", f"*{number}*"),)) for number in range(50)]
    assert not within(5, lambda: any(matches(rule, mail) for rule in rules))
    assert len(mail.letter.texts("X-Tag")) == 10_000


@pytest.mark.parametrize(
    ("when", "why"),
    [
        (When(member=("ana", "eva")), 'the member is ion, not "ana" or "eva"'),
        (When(sender=("support@firm.example",)), 'From is ion@firm.example, not "support@firm.example"'),
        (When(recipient=("@x.example",)), 'no recipient is "@x.example"'),
        (When(to_client=False), "a recipient is a client's"),
        (When(client=("Secret Corp",)), 'no recipient is of the client "Secret Corp"'),
        (When(reply=True), "it is no reply"),
        (When(attachments=True), "it has no attachment"),
        (When(larger_than=10**6), "it has 37 octets, not more than 1000000"),
        (When(smaller_than=5), "it has 37 octets, not fewer than 5"),
        (When(header=(("From", "*"), ("Subject", "*x*"))), 'no Subject field is like "*x*"'),
        (When(), None),
    ],
)
def test_the_first_condition_that_fails_is_told_in_words(when: When, why: str | None) -> None:
    assert failing(when, authorised(submission(ION, to=("al@pacino.example",), body=b"Text\n"))) == why
