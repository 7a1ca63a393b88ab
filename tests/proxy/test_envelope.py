"""Addresses as ENVELOPE shows them: for people to look at, so nothing is too odd to be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.header import Header
from gateway.proxy.imap.envelope import addresses, envelope
from tests.cost import within


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"a@b.example", b'((NIL NIL "a" "b.example"))'),
        (b"Al Pacino <al@pacino.example>", b'(("Al Pacino" NIL "al" "pacino.example"))'),
        (b'"Pop, Ana" <a@b.example>, c@d', b'(("Pop, Ana" NIL "a" "b.example")(NIL NIL "c" "d"))'),
        (b"a@b.example (Al)", b'(("Al" NIL "a" "b.example"))'),
        (b"Team: a@b, c@d;", b'((NIL NIL "Team" NIL)(NIL NIL "a" "b")(NIL NIL "c" "d")(NIL NIL NIL NIL))'),
        (b"undisclosed-recipients:;", b'((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL))'),
        (b"<@relay.example:a@b.example>", b'((NIL NIL "a" "b.example"))'),
        (b"a@[127.0.0.1]", b'((NIL NIL "a" "[127.0.0.1]"))'),
        (b'"quo\\"ted" <a@b>', b'(("quo\\"ted" NIL "a" "b"))'),
        (b"al.pacino@b", b'((NIL NIL "al.pacino" "b"))'),
        (b"MAILER-DAEMON", b'((NIL NIL "MAILER-DAEMON" ""))'),
        (b"", b"NIL"),
        (None, b"NIL"),
    ],
)
def test_addresses_are_taken_apart(value: bytes | None, shown: bytes) -> None:
    assert addresses(value) == shown


@given(st.binary(max_size=300))
def test_no_header_breaks_the_answer(value: bytes) -> None:
    shown = addresses(value)
    assert shown == b"NIL" or (shown.startswith(b"(") and shown.endswith(b")"))


def test_nested_comments_cost_nothing() -> None:
    within(1, lambda: addresses(b"(" * 50_000 + b"a@b"))


def test_sender_and_reply_to_fall_back_to_from() -> None:
    shown = envelope(Header.read(b"From: a@b\r\nSubject: =?utf-8?q?=C4=83?=\r\n\r\n"))
    author = b'((NIL NIL "a" "b"))'
    assert shown == b'(NIL "=?utf-8?q?=C4=83?=" ' + b" ".join([author] * 3) + b" NIL NIL NIL NIL NIL)"
