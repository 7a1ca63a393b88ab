"""Sizes, durations and listening addresses are read as people write them."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.quantities import (
    Listen,
    is_host_name,
    parse_duration,
    parse_listen,
    parse_nameserver,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("50 MB", 50_000_000),
        ("50MB", 50_000_000),
        ("50 mb", 50_000_000),
        ("50M", 50_000_000),
        ("64 KiB", 65_536),
        ("1 MiB", 1_048_576),
        ("1 GB", 1_000_000_000),
        ("1 GiB", 2**30),
        ("123", 123),
        ("123 B", 123),
    ],
)
def test_a_size_is_decimal_unless_it_says_binary(text: str, octets: int) -> None:
    assert parse_size(text) == octets


@pytest.mark.parametrize("text", ["", "MB", "5 TB", "-1 MB", "1.5 MB", "5 MB MB", "5 apples", "9" * 40])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="50 MB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0s", timedelta(0)),
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("6h", timedelta(hours=6)),
        ("5d", timedelta(days=5)),
        ("2w", timedelta(weeks=2)),
        ("1h 30m", timedelta(minutes=90)),
        ("1h30m", timedelta(minutes=90)),
    ],
)
def test_a_duration_has_units(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize("text", ["", "5", "five days", "-1s", "1.5h", "5y", "5 d x"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="5d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["9" * 30 + "w", "999999999999999d"])
def test_a_duration_beyond_all_calendars_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too long"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "listen", "loopback"),
    [
        ("127.0.0.1:1587", Listen("127.0.0.1", 1587), True),
        ("127.1.2.3:0", Listen("127.1.2.3", 0), True),
        ("[::1]:0", Listen("::1", 0), True),
        ("[0:0:0:0:0:0:0:1]:25", Listen("::1", 25), True),
        ("localhost:587", Listen("localhost", 587), True),
        ("*:587", Listen("", 587), False),
        ("0.0.0.0:587", Listen("0.0.0.0", 587), False),
        ("[::]:587", Listen("::", 587), False),
        ("Mail.Firm.example:465", Listen("mail.firm.example", 465), False),
    ],
)
def test_a_listening_address_knows_who_can_reach_it(text: str, listen: Listen, loopback: bool) -> None:
    assert parse_listen(text) == listen
    assert listen.loopback is loopback


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1587",
        ":1587",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:65536",
        "::1:25",
        "[::1]",
        "[x]:25",
        "300.0.0.1:25",
        "1.2.3:25",
        "-a:25",
        "127.0.0.1:٢٥",
        "127.0.0.1:+5",
        "127.0.0.1/8:25",
    ],
)
def test_what_is_no_listening_address_is_refused_with_a_sentence_that_quotes_it(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_listen(text)
    assert f'"{text}"' in str(refused.value)


@given(st.ip_addresses(), st.integers(0, 65_535))
def test_a_listening_address_is_written_as_it_is_read(address: object, port: int) -> None:
    text = f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"
    assert parse_listen(str(parse_listen(text))) == parse_listen(text)


@given(st.text(max_size=40))
def test_no_text_makes_a_quantity_fail_in_another_way(text: str) -> None:
    for parse in (parse_size, parse_duration, parse_listen):
        with suppress(ValueError):
            assert parse(text) is not None


@pytest.mark.parametrize(
    ("text", "valid"),
    [("mail.firm.example", True), ("localhost", True), ("a-b", True), ("a_b", False), ("", False), ("a..b", False)],
)
def test_host_names_are_those_of_rfc_1123(text: str, valid: bool) -> None:
    assert is_host_name(text) is valid


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", Listen("192.0.2.53", 53)),
        ("2001:db8::53", Listen("2001:db8::53", 53)),
        ("127.0.0.1:5353", Listen("127.0.0.1", 5353)),
        ("[::1]:5353", Listen("::1", 5353)),
    ],
)
def test_a_name_server_is_an_address_with_or_without_a_port(text: str, server: Listen) -> None:
    assert parse_nameserver(text) == server


@pytest.mark.parametrize("text", ["", "dns.example", "localhost:53", "*:53", "192.0.2", "[::1]", "192.0.2.53:x"])
def test_what_is_no_name_server_is_refused_with_a_sentence_that_quotes_it(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f'"{text}"')):
        parse_nameserver(text)
