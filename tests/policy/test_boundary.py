"""Where the provider's lines end: forms of Received, what greetings can imitate, and which results are believed."""

from __future__ import annotations

import pytest

from gateway.mime.header import Header
from gateway.policy.boundary import Trust, arrival, envelope, hops, received_at, stated
from gateway.policy.spf import Envelope
from tests.cost import within
from tests.policy.arriving import GOOGLE, OWN

TAIL = "From: al@pacino.example\r\n\r\nx\r\n"


def header(*lines: str) -> Header:
    return Header.read("".join(f"{line}\r\n" for line in lines).encode() + TAIL.encode())


def client(received: str) -> tuple[str, str]:
    hop = hops(header(f"Received: {received}"))[0]
    return str(hop.ip or ""), hop.helo


@pytest.mark.parametrize(
    ("received", "wanted"),
    [
        (
            "from a.example (b.example [203.1.113.7])\r\n\tby mx (Postfix) with ESMTP id 1; x",
            ("203.1.113.7", "a.example"),
        ),
        ("from a.example (unknown [IPv6:2a00::1]) by mx (Postfix) with ESMTP; x", ("2a00::1", "a.example")),
        (
            "from a (b [203.1.113.7]) (using TLSv1.3 with cipher X (256/256 bits)) (No cert) by mx; x",
            ("203.1.113.7", "a"),
        ),
        ("from a (b. [203.1.113.7]) by mx.google.com with ESMTPS; x", ("203.1.113.7", "a")),
        ("from a ([203.1.113.7] helo=b) by mx with esmtp (Exim 4.96) id 1; x", ("203.1.113.7", "a")),
        ("from [203.1.113.7] (helo=b) by mx with esmtp (Exim 4.96); x", ("203.1.113.7", "b")),
        ("from [203.1.113.7] by mx with esmtp; x", ("203.1.113.7", "")),
        ("from a (203.1.113.7) by mx.outlook.com (10.0.0.1) with Microsoft SMTP; x", ("203.1.113.7", "a")),
        # greetings that imitate an address
        ("from [8.8.8.8] (unknown [203.1.113.7]) by mx (Postfix) with ESMTP; x", ("203.1.113.7", "[8.8.8.8]")),
        ("from x ([203.1.113.7] helo=[8.8.8.8]) by mx with esmtp; x", ("203.1.113.7", "x")),
        ("from [203.1.113.7] (helo=[8.8.8.8]) by mx with esmtp; x", ("203.1.113.7", "[8.8.8.8]")),
        # what can't be read for sure
        ("from a by mx; x", ("", "")),
        ("by 2002:a05::1 with SMTP id 1; x", ("", "")),
        ("(qmail 84128 invoked by uid 3013); x", ("", "")),
        ("from a (b [999.1.1.1]) by mx; x", ("", "a")),
        ("from a (b [203.1.113.7]", ("", "")),
        ("", ("", "")),
    ],
)
def test_the_client_in_the_forms_of_many_servers(received: str, wanted: tuple[str, str]) -> None:
    assert client(received) == wanted


LOCAL = "Received: from mx ([127.0.0.1]) by mx with LMTP id 1; Sun, 22 Nov 2026 06:30:01 +0000"
OUTSIDE = (
    "Received: from a.example (a.example [203.1.113.7]) by mx (Postfix) with ESMTP; Sun, 22 Nov 2026 06:30:00 +0000"
)


def test_the_machines_own_hops_are_passed_over() -> None:
    found = header("Return-Path: <al@pacino.example>", LOCAL, OUTSIDE, "Received: from x (x [198.51.100.1]) by y; z")
    trace = hops(found)
    hop = arrival(trace)
    assert hop is not None
    assert str(hop.ip) == "203.1.113.7"
    sent = envelope(found, trace)
    assert sent == Envelope(hop.ip, "a.example", "al@pacino.example")  # type: ignore[arg-type]
    at = received_at(trace)
    assert at is not None
    assert at.second == 1


@pytest.mark.parametrize(
    "lines",
    [
        [OUTSIDE],  # no Return-Path
        [OUTSIDE, "Return-Path: <al@pacino.example>"],  # the sender's
        ["Return-Path: <al@pacino.example>", OUTSIDE.replace("203.1.113.7", "10.0.0.7")],
        ["Return-Path: <al@pacino.example>", OUTSIDE.replace("203.1.113.7", "172.17.0.1")],  # a container's door
        ["Return-Path: <al@pacino.example>", "Received: from a by mx with ESMTP; x", OUTSIDE],
        ["Return-Path: <al@pacino.example>"],
    ],
)
def test_where_the_envelope_cannot_be_known_nobody_guesses(lines: list[str]) -> None:
    found = header(*lines)
    assert envelope(found, hops(found)) is None


RESULTS = "Authentication-Results: mx.firm.example; "


def said(trust: Trust, *lines: str) -> list[tuple[str, str]]:
    read = header(*lines)
    found = stated(read, trust, hops(read))
    return [(one.method, one.result.value) for one in found.results] if found else []


def test_results_above_the_boundary_are_believed_and_the_topmost_of_each_method_counts() -> None:
    lines = [LOCAL, RESULTS + "dkim=pass header.d=a.example", RESULTS + "dmarc=fail; dkim=fail", OUTSIDE]
    assert said(OWN, *lines) == [("dkim", "pass"), ("dmarc", "fail")]


def test_below_the_boundary_only_what_is_not_in_the_senders_favour() -> None:
    assert said(OWN, OUTSIDE, RESULTS + "dkim=pass header.d=a.example; dmarc=fail") == [("dmarc", "fail")]
    assert said(OWN, OUTSIDE, RESULTS + "dkim=pass header.d=a.example") == []
    assert said(OWN, OUTSIDE, "Received: from x by y; z", RESULTS + "dmarc=fail") == []


def test_without_any_received_nothing_is_believed() -> None:
    assert said(OWN, RESULTS + "dmarc=pass") == []
    assert said(GOOGLE, "Authentication-Results: mx.google.com; dmarc=pass") == []


def test_a_field_that_cannot_be_read_says_nothing_and_hides_no_other() -> None:
    assert said(OWN, RESULTS + "dmarc=pass (", RESULTS + "spf=fail", OUTSIDE) == [("spf", "fail")]


def test_a_name_with_a_dot_in_front_stands_for_all_below_it() -> None:
    trust = Trust((".yahoo.com",))
    assert trust.knows("atlas1.ne1.yahoo.com")
    assert not trust.knows("yahoo.com.attacker.example")
    assert not trust.knows("evilyahoo.com")


@pytest.mark.parametrize("piece", ["(", "from a (", "by ", "[", "(a) ", "; ", "(" * 50 + ")" * 50])
def test_a_thousand_hostile_lines_cost_little(piece: str) -> None:
    raw = header(*[f"Received: from x ({piece * (4_000 // len(piece))}"] * 1_000)
    within(1.0, lambda: hops(raw))
