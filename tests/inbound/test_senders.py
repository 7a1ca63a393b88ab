"""Row I2: who is taken for a client by a header that two programs may read in two ways."""

from __future__ import annotations

import base64
from functools import partial

import pytest

from gateway.inbound.filing import Said, whose
from gateway.mime.header import Header
from gateway.policy.evidence import from_domains
from tests.cost import within
from tests.policy.firms import FIRM

AL = "al@pacino.example"
ENCODED = base64.b64encode(f"<{AL}>".encode()).decode()


def clients(*lines: str) -> list[str]:
    head = "\r\n".join((*lines, "To: ana@firm.example", "Subject: x", "", "text", ""))
    return [match.client for match in whose(FIRM, Said.of(Header.read(head.encode()), ()))]


@pytest.mark.parametrize(
    "header",
    [
        f"From: {AL}",
        f"From: Al Pacino <{AL}>",
        "From: AL@PACINO.EXAMPLE",
        "From: Al@Pacino.Example",
        f'From: "Pacino, Al" <{AL}>',
        f"From: {AL} (Al Pacino)",
        f"FROM:{AL}",
        f"From:\r\n {AL}",
    ],
)
def test_I2_one_mailbox_in_one_reading_is_the_clients(header: str) -> None:
    assert clients(header) == ["Al Pacino"]


@pytest.mark.parametrize(
    "header",
    [
        # espoofer's server and client cases: two From, and white space where a field's name ends
        f"From: {AL}\r\nFrom: x@attacker.example",
        f"From: x@attacker.example\r\nFrom: {AL}",
        f"From : {AL}\r\nFrom: x@attacker.example",
        f"From: x@attacker.example\r\n From: {AL}",
        f"From: x@attacker.example\r\nFrom\r\n : {AL}",
        f" From: {AL}\r\nFrom: x@attacker.example",
        # nobody
        "From: undisclosed-recipients:;",
        "From:",
        # one field, two readings
        f"From: <@{AL.partition('@')[2]}:x@attacker.example>",
        f"From: <@attacker.example:{AL}>",
        f"From: <{AL}>x@attacker.example",
        f"From: {AL}(<x@attacker.example>",
        f"From: {AL}(x)attacker.example",
        f"From: {AL} <x@attacker.example> <{AL}>",
        "From: al\\@pacino.example@attacker.example",
        f"From: a\\,<{AL}>",
        f"From: =?utf-8?b?{ENCODED}=?=,<x@attacker.example>",
        f"From: =?utf-8?b?{ENCODED}?= <x@attacker.example>",
        f'From: "{AL}" <x@attacker.example>',
        f"From: =?x?q?collab=40evil=3E=00?={AL}",
        "From: =?utf-8?q?al=40pacino.example?=",
        f"From: {AL}\x00",
        f"From: {AL}\x01",
        # another address that looks the same
        "From: al@\u0440acino.example",  # Cyrillic
        "From: \u0430l@pacino.example",
        "From: al\uff20pacino.example",  # fullwidth @
        "From: al\u200b@pacino.example",
        "From: al+invoice@pacino.example",
        "From: al@pacino.example.",
        "From: al@pacino.example.attacker.example",
        "From: al@sub.pacino.example",
        "From: al@[192.0.2.1]",
    ],
)
def test_I2_whoever_else_it_may_be_read_as_is_nobodys(header: str) -> None:
    assert clients(header) == []


@pytest.mark.parametrize("name", ["Sender", "X-From", "Return-Path", "X-Original-From", "Envelope-From"])
def test_I2_no_other_field_says_who_wrote_it(name: str) -> None:
    assert clients("From: x@attacker.example", f"{name}: {AL}") == []


def test_I2_the_domain_that_is_weighed_is_the_one_that_was_matched() -> None:
    def domains(value: str) -> tuple[str, ...]:
        return from_domains(Header.read(f"From: {value}\r\n\r\n".encode()))

    assert domains("Al <al@PACINO.Example>") == ("pacino.example",)
    assert domains("al@b\u00fccher.example") == ("xn--bcher-kva.example",)
    assert domains("al@\u0440acino.example") == ("xn--acino-uye.example",)
    assert domains("al@pacino\uff0eexample") == ("pacino.example",)  # a dot by UTS 46: the client's own domain
    assert domains("al@pacino.example, x@attacker.example") == ("pacino.example", "attacker.example")
    assert domains("al@pacino.example(") == ()


def test_F4_ten_thousand_recipients_are_read_in_less_than_a_second() -> None:
    many = ",\r\n ".join(f'"Person, {number}" <p{number}@crowd.example>' for number in range(10_000))
    for field in ("To", "Cc", "Reply-To"):
        assert within(1, partial(clients, f"From: {AL}", f"{field}: {many}"), field) == ["Al Pacino"]


def test_F4_ten_thousand_authors_are_nobody_s_and_read_in_less_than_a_second() -> None:
    many = ", ".join(f"p{number}@crowd.example" for number in range(10_000))
    assert within(1, lambda: clients(f"From: {AL}, {many}")) == []
