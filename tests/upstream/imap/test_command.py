"""Commands as octets: nothing that comes from outside can end a line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.address import Address
from gateway.upstream.imap.command import TOGETHER, Command, Literal, date_time, string, uid_set, unasked
from gateway.upstream.imap.search import address_searches
from gateway.upstream.imap.values import date_time as read_date_time
from gateway.upstream.imap.values import read_values


def wire(command: Command, *, unasked: int = -1) -> bytes:
    return b"".join(piece.octets for piece in command.pieces("A1", unasked=unasked))


def test_arguments_are_joined_by_one_space() -> None:
    assert wire(Command("UID FETCH", (b"1:3", b"(UID)"))) == b"A1 UID FETCH 1:3 (UID)\r\n"


def test_a_literal_is_announced_and_waits_for_the_invitation() -> None:
    pieces = list(Command("APPEND", (b'"Sent"', Literal(b"x" * 5000))).pieces("A1", unasked=4096))
    assert [(piece.octets[-20:], piece.wait) for piece in pieces[:1]] == [(b'APPEND "Sent" {5000}\r\n'[-20:], True)]
    assert [(piece.octets, piece.wait) for piece in pieces[1:]] == [(b"x" * 5000 + b"\r\n", False)]


def test_a_large_literal_is_not_copied_to_be_written() -> None:
    content = b"x" * 100_000
    pieces = list(Command("APPEND", (b'"Sent"', Literal(content))).pieces("A1", unasked=65536))
    assert pieces[1].octets is content
    assert [piece.wait for piece in pieces] == [True, False, False]


@given(st.lists(st.integers(0, 90_000), max_size=6), st.sampled_from([-1, 0, 4096, 65536]))
def test_literals_of_any_size_go_out_whole_and_wait_where_they_must(sizes: list[int], limit: int) -> None:
    literals = [Literal(b"x" * size) for size in sizes]
    pieces = list(Command("APPEND", tuple(literals)).pieces("A1", unasked=limit))
    announced = [f" {{{size}{'+' if size <= limit else ''}}}\r\n".encode() + b"x" * size for size in sizes]
    assert b"".join(piece.octets for piece in pieces) == b"A1 APPEND" + b"".join(announced) + b"\r\n"
    assert sum(piece.wait for piece in pieces) == sum(size > limit for size in sizes)
    assert all(piece.octets.endswith(b"}\r\n") for piece in pieces if piece.wait)
    assert all(len(piece.octets) <= 2 * TOGETHER for piece in pieces)


def test_how_large_a_literal_may_be_depends_on_what_the_server_offers() -> None:
    assert [unasked(frozenset(offered)) for offered in ((), ("LITERAL-",), ("LITERAL-", "LITERAL+"))] == [
        -1,
        4096,
        65536,
    ]


def test_a_small_literal_goes_out_unasked_where_the_server_takes_that() -> None:
    assert wire(Command("LOGIN", (Literal("é".encode()),)), unasked=4096) == b"A1 LOGIN {2+}\r\n\xc3\xa9\r\n"


@given(st.binary(max_size=1200).filter(lambda value: b"\0" not in value))
def test_I11_a_string_is_read_back_as_it_was_and_its_line_ends_where_it_should(value: bytes) -> None:
    argument = string(value)
    if isinstance(argument, Literal):
        assert argument.content == value
    else:
        assert b"\r" not in argument
        assert b"\n" not in argument
        assert read_values([argument]) == [value]


def test_NUL_is_refused() -> None:
    with pytest.raises(ValueError):
        string(b"a\0b")


def test_uids_are_written_as_runs() -> None:
    assert uid_set([1, 2, 3, 7, 9, 10]) == b"1:3,7,9:10"


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.integers(-12 * 60, 14 * 60))  # noqa: DTZ001
def test_a_date_is_read_back_as_the_moment_that_it_was(at: datetime, minutes: int) -> None:
    aware = at.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    assert read_date_time(date_time(aware)[1:-1]) == aware


@pytest.mark.parametrize("text", [b"", b"31-Feb-2026 00:00:00 +0000", b"1-Foo-2026 00:00:00 +0000", b"now", None])
def test_what_is_no_date_is_none(text: bytes | None) -> None:
    assert read_date_time(text) is None


def test_dates_are_in_UTC() -> None:
    read = read_date_time(b" 1-Jan-2026 01:00:00 +0200")
    assert read == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert read is not None
    assert read.tzinfo is UTC


def test_a_search_looks_in_every_address_field() -> None:
    (command,) = address_searches([Address("al", "pacino.example")], 99, extended=False)
    assert wire(command) == (
        b'A1 UID SEARCH UID 1:99 OR OR FROM "al@pacino.example" TO "al@pacino.example"'
        b' OR CC "al@pacino.example" BCC "al@pacino.example"\r\n'
    )


def test_ten_addresses_go_into_one_search_and_each_OR_has_two_keys() -> None:
    addresses = [Address(f"a{number}", "b.example") for number in range(23)]
    commands = list(address_searches(addresses, 5, extended=True))
    texts = [wire(command).decode() for command in commands]
    assert [text.count("FROM") for text in texts] == [10, 10, 3]
    for text in texts:
        assert text.startswith("A1 UID SEARCH RETURN (ALL) UID 1:5 OR ")
        assert text.count("OR ") == text.count("@") - 1
        assert len(text) < 8000


def test_an_address_beyond_ASCII_goes_apart_as_a_literal_in_UTF_8() -> None:
    plain, foreign = address_searches([Address("ă", "b.example"), Address("al", "b.example")], 5, extended=False)
    assert b"CHARSET" not in wire(plain)
    assert b"UID SEARCH CHARSET UTF-8 UID 1:5 OR OR FROM {12}\r\n\xc4\x83@b.example TO" in wire(foreign)
