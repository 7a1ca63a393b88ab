"""Folder names on the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.imap.answers import Bad
from gateway.proxy.imap.names import decoded, encoded, matches

names = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=40)


@given(names)
def test_every_name_survives_the_wire(name: str) -> None:
    wire = encoded(name)
    assert wire.isascii()
    assert decoded(wire) == ("INBOX" if name.upper() == "INBOX" else name)


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),  # the example of RFC 3501 section 5.1.3
        (b"A&-B", "A&B"),
        (b"&AOg-", "è"),
        (b"inbox", "INBOX"),
        ("Gesendet/Müll".encode(), "Gesendet/Müll"),
    ],
)
def test_known_names_are_read(wire: bytes, name: str) -> None:
    assert decoded(wire) == name


@pytest.mark.parametrize("wire", [b"&AOg", b"&!!!-", b"&A-", b"a\x01b", b"\xff", b"x" * 1001, b"a\rb"])
def test_what_is_no_name_is_bad(wire: bytes) -> None:
    with pytest.raises(Bad):
        decoded(wire)


@pytest.mark.parametrize(
    ("name", "pattern", "fits"),
    [
        ("INBOX", "*", True),
        ("INBOX", "inbox", True),
        ("Clients/Pacino", "%", False),
        ("Clients/Pacino", "Clients/%", True),
        ("Clients/Pacino/Sent", "Clients/%", False),
        ("Clients/Pacino/Sent", "Clients/*t", True),
        ("Clients/Pacino/Sent", "*/%/Sent", True),
        ("Sent", "sent", False),
        ("Sent", "Sen", False),
        ("Sent", "Sent%", True),
        ("", "", True),
    ],
)
def test_wildcards_are_those_of_imap(name: str, pattern: str, fits: bool) -> None:
    assert matches(name, pattern) is fits


def test_no_pattern_is_expensive() -> None:
    assert not matches("a" * 200, "*a%" * 300 + "b")
