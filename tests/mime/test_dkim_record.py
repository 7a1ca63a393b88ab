"""Reading what somebody's DNS has where a key should be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.dkim import MAX_STRING, SigningKey
from gateway.mime.dkim_record import KeyRecord, read_record
from tests.mime.signing import AT, BOTH, ED25519, published


def test_our_own_records_read_back() -> None:
    for key in map(published, BOTH):
        assert read_record(key.record_value.encode()) == KeyRecord(key.algorithm, key.public)


@pytest.mark.parametrize(
    "text",
    [b"p=eA==", b" v=DKIM1 ; k = rsa;p= e A = = ;", b"p=eA==;n=a note;t=y:s", b"v=DKIM1;h=*;s=*;p=eA=="],
)
def test_a_record_may_be_written_in_many_ways(text: bytes) -> None:
    record = read_record(text)
    assert record is not None
    assert replace(record, flags=frozenset()) == KeyRecord("rsa", b"x")


@pytest.mark.parametrize(
    "text", [b"", b"v=spf1 -all", b"v=DKIM2; p=eA==", b"v=DKIM1; k=rsa", b"p=eA==; p=eQ==", b"=", b"\xff\xfe"]
)
def test_other_text_is_no_key_record(text: bytes) -> None:
    assert read_record(text) is None


def test_a_revoked_and_a_mistyped_key_are_told_apart() -> None:
    assert read_record(b"v=DKIM1; p=") == KeyRecord("rsa", b"")
    assert read_record(b"v=DKIM1; p=abc") == KeyRecord("rsa", None)


def test_what_a_record_restricts_is_read() -> None:
    assert read_record(b"p=eA==; h=sha1 : sha256; s=email:tlsrpt") == KeyRecord(
        "rsa", b"x", frozenset({"sha1", "sha256"}), frozenset({"email", "tlsrpt"})
    )


@given(st.binary(max_size=200))
def test_nothing_in_a_record_makes_it_fail(text: bytes) -> None:
    record = read_record(text)
    assert record is None or isinstance(record.kind, str)


def test_the_zone_line_is_cut_into_strings_that_dns_takes() -> None:
    for key in map(published, BOTH):
        strings = key.zone_line.split('"')[1::2]
        assert "".join(strings) == key.record_value
        assert max(map(len, strings)) <= MAX_STRING
        assert key.zone_line.startswith(f"{key.record_name}. IN TXT ( ")


@pytest.mark.parametrize(
    ("domain", "selector"),
    [
        ("firm", "s"),
        ("firm.example.", "s"),
        ("Firm.example", "s"),
        ("-x.example", "s"),
        ("firm.example", ""),
        ("firm.example", "a b"),
        ("firm.example", "a\r\nb"),
        ("firm.example", "s;d=evil.example"),
        ("firm.example", "a..b"),
        ("firm.example", "x" * 64),
        ("x." * 110 + "example", "a." * 20 + "b"),
    ],
)
def test_names_that_dns_or_a_header_would_not_take_cannot_be_made(domain: str, selector: str) -> None:
    with pytest.raises(ValueError):
        SigningKey(domain, selector, published(ED25519).algorithm, b"", AT)
