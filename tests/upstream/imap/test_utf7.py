"""Modified UTF-7 both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.imap import utf7


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("INBOX", b"INBOX"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501 section 5.1.3
        ("Gelöschte & gesendete", b"Gel&APY-schte &- gesendete"),
        ("Entwürfe", b"Entw&APw-rfe"),
        ("😀", b"&2D3eAA-"),
        ("&", b"&-"),
        ("a\r\nA1 DELETE INBOX", b"a&AA0ACg-A1 DELETE INBOX"),
    ],
)
def test_a_known_name_is_written_as_the_RFC_says(name: str, wire: bytes) -> None:
    assert utf7.encode(name) == wire
    assert utf7.decode(wire) == name


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_survives_the_way_there_and_back(name: str) -> None:
    assert utf7.decode(utf7.encode(name)) == name


@given(st.text())
def test_I11_no_name_can_put_a_line_end_or_a_control_on_the_wire(name: str) -> None:
    assert all(0x20 <= octet <= 0x7E for octet in utf7.encode(name))


@pytest.mark.parametrize("wire", [b"&", b"a&AP", b"&A-", b"&*-", "ö".encode(), b"&2D0-"])
def test_what_is_not_modified_utf_7_is_a_value_error(wire: bytes) -> None:
    with pytest.raises(ValueError):
        utf7.decode(wire)
