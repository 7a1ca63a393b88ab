"""One parser for addresses: what it reads, and that it refuses what two readers may read differently."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.address import Address, NamedAddress
from gateway.mime.address import (
    AddressFault,
    find_mailboxes,
    format_mailbox,
    hides_address,
    parse_address,
    parse_mailboxes,
)
from gateway.mime.words import clean

_HIDDEN = base64.b64encode(b"<ceo@bank>").decode()

AMBIGUOUS = [
    "alice@example.org(<bob@example.com>",
    "alice@example.org(<bob@example.com>)",
    "a@good.example(x)evil.example",
    "a@good.example .evil.example",
    "<@h:a@b>",
    "<@h,@i:a@b>",
    "<a@b>ceo@bank",
    "<a@b><c@d>",
    f"=?utf-8?b?{_HIDDEN}?=,<a@b>",
    "=?x?q?collab=40evil=3E=00?=foo@client.example",
    "a\\,<b>",
    "a\\@b@c.example",
    "a@b\0",
    "a@b\r\nBcc: c@d",
    "a@b@c.example",
    "ceo@bank <a@b>",
    "a＠evil.example@client.example",
    "a\u200b@client.example",
    "a@client.example.",
    "a..b@client.example",
    ".a@client.example",
    "a@b;",
    "group: a@b",
    "(unclosed a@b",
    '"unclosed a@b',
    "<a@b",
    "a@",
    "@b",
    "<>",
    "john doe@example.com",
    "a@b c@d",
    "a@exa_mple.com",
    "a@[127.0.0.1",
    "a\x85@b.example",
    "a@ex\udcffample.com",
]


@pytest.mark.parametrize("value", AMBIGUOUS)
def test_P2_I2_what_can_be_read_in_two_ways_is_refused(value: str) -> None:
    with pytest.raises(AddressFault):
        parse_mailboxes(value)
    assert find_mailboxes(value) == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b.example", [("", "a@b.example")]),
        ("Ana Pop <ana@FIRM.example>", [("Ana Pop", "ana@firm.example")]),
        ('"Pop, Ana" <ana@firm.example>, b@c.example', [("Pop, Ana", "ana@firm.example"), ("", "b@c.example")]),
        ("Joe Q. Public <j@x.example>, ,", [("Joe Q. Public", "j@x.example")]),
        ("Pete(A nice \\) chap) <pete(his account)@silly.example(his host)>", [("Pete", "pete@silly.example")]),
        ("a@x.example (Ana (the first) Pop)", [("Ana the first Pop", "a@x.example")]),
        (
            "Team: a@b.example, C <c@d.example>;, e@f.example",
            [("", "a@b.example"), ("C", "c@d.example"), ("", "e@f.example")],
        ),
        ("undisclosed-recipients:;", []),
        ("", []),
        ("a@b.example <A@b.example>", [("a@b.example", "A@b.example")]),
        ("=?utf-8?q?J=C3=B6rg?= =?utf-8?q?_B?= <j@b.example>", [("Jörg B", "j@b.example")]),
        ("j@bücher.example", [("", "j@xn--bcher-kva.example")]),
        ("jörg@b.example", [("", "jörg@b.example")]),
        ('"a b"@c.example', [("", '"a b"@c.example')]),
        ('"a@b"@us.example', [("", '"a@b"@us.example')]),
        ("a@[127.0.0.1]", [("", "a@[127.0.0.1]")]),
        ("Ana\r\n Pop <a@b.example>", [("Ana Pop", "a@b.example")]),
        ("< a @ b.example >", [("", "a@b.example")]),
    ],
)
def test_what_is_clear_is_read(value: str, expected: list[tuple[str, str]]) -> None:
    assert [(found.name, str(found.address)) for found in parse_mailboxes(value)] == expected


@pytest.mark.parametrize("text", [" a@b.example", "a@b.example ", "<a@b.example>", "a(x)@b.example", "a@b, c@d", ""])
def test_a_lone_address_stands_alone(text: str) -> None:
    with pytest.raises(AddressFault):
        parse_address(text)


def test_I2_homographs_and_case_compare_by_a_label() -> None:
    assert parse_address("a@\u0441lient.example").key != parse_address("a@client.example").key
    assert parse_address("A@CLIENT.example").key == parse_address("a@client.EXAMPLE").key


@pytest.mark.parametrize(
    ("name", "hides"),
    [
        ("ceo@bank", True),
        ("ceo @ bank.example", True),
        ("ceo＠bank.example", True),
        (f"=?utf-8?b?{_HIDDEN}?=", True),
        ("Ana Pop", False),
        ("ana@firm.example", False),
        ("ANA@firm.example", False),
        ("Ana @ home", False),
        ("", False),
    ],
)
def test_P2_a_name_that_shows_another_address_is_told(name: str, hides: bool) -> None:
    assert hides_address(NamedAddress(name, Address("ana", "firm.example"))) is hides


@pytest.mark.parametrize(
    "value",
    [
        "(" * 200_000,
        "(" * 20_000 + ")" * 20_000,
        '"' + "\\a" * 100_000,
        "a" * 250_000,
        "a@b.example, " * 20_000,
        "<" * 99_999,
    ],
    ids=["open comments", "nested comments", "quoted pairs", "one atom", "20,000 addresses", "angles"],
)
def test_F4_hostile_values_take_less_than_a_second(value: str) -> None:
    started = time.process_time()
    assert find_mailboxes(value) == ()
    assert time.process_time() - started < 1


def test_F4_a_hostile_name_is_looked_at_in_linear_time() -> None:
    started = time.process_time()
    hides_address(NamedAddress("a" * 100_000 + " @ " * 10_000, Address("a", "b.example")))
    assert time.process_time() - started < 1


_ADDRESSES = st.builds(
    Address,
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20).filter(
        lambda s: "=?" not in s
    ),
    st.sampled_from(["firm.example", "xn--bcher-kva.example", "localhost", "[127.0.0.1]"]),
)


@given(_ADDRESSES)
def test_an_address_reads_back_as_it_is_written(address: Address) -> None:
    assert parse_address(str(address)) == address


@given(st.text(max_size=60), _ADDRESSES)
def test_P3_a_mailbox_reads_back_and_is_one_printable_line(name: str, address: Address) -> None:
    written = format_mailbox(NamedAddress(name, address))
    assert written.isascii()
    assert written.isprintable()
    (found,) = parse_mailboxes(written)
    assert found.address == address
    assert found.name == " ".join(clean(name).split())


@given(st.text())
def test_any_text_is_read_or_refused(value: str) -> None:
    find_mailboxes(value)
