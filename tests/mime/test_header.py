"""Header blocks by offset, and fields that cannot hold another field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.address import Address, NamedAddress
from gateway.mime.header import FOLD_AT, MAX_FIELDS, MAX_PLAIN, Field, Header
from gateway.mime.words import clean
from tests.cost import within


def test_fields_lie_where_the_spans_say() -> None:
    raw = b"From: a@b\r\nSubject: one\r\n two\r\nX-Empty:\r\n\r\nbody: no\r\n"
    header = Header.read(raw)
    assert [span.name for span in header.fields] == ["From", "Subject", "X-Empty"]
    assert b"".join(raw[span.start : span.end] for span in header.fields) == raw[: header.block_end]
    assert raw[header.end :] == b"body: no\r\n"
    assert header.first("subject") == b"one\r\n two"
    assert header.text("SUBJECT") == "one two"
    assert header.first("X-Empty") == b""
    assert header.first("To") is None
    assert header.fault == ""


@pytest.mark.parametrize(
    ("raw", "end"),
    [
        (b"A: b\r\n\r\nbody", 8),
        (b"A: b\n\nbody", 6),
        (b"\r\nbody", 2),
        (b"A: b\r\n", 6),
        (b"A: b", 4),
        (b"", 0),
        (b"A: b\n\r\nbody", 7),
    ],
)
def test_the_body_starts_behind_the_empty_line(raw: bytes, end: int) -> None:
    assert Header.read(raw).end == end


@pytest.mark.parametrize(
    "raw",
    [
        b"From : a@b\r\n\r\n",
        b" From: a@b\r\nFrom: c@d\r\n\r\n",
        b"From\r\n : a@b\r\n\r\n",
        b"Subject: x\r\nnot a field\r\nFrom: a@b\r\n\r\n",
        b"From: a@b\rBcc: c@d\r\n\r\n",
        b"From: a\0@b\r\n\r\n",
    ],
)
def test_P2_a_header_with_two_readings_has_a_fault(raw: bytes) -> None:
    assert Header.read(raw).fault


@pytest.mark.parametrize(
    "raw", [b"From : a@b\r\n\r\n", b"From\r\n : a@b\r\n\r\n", b"from:a@b\r\n\r\n", b"FROM\t: a@b\r\n\r\n"]
)
def test_P2_obsolete_spellings_of_a_name_are_that_name(raw: bytes) -> None:
    assert Header.read(raw).first("From") == b"a@b"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"=?iso-8859-1?q?J=F6rg?=", "Jörg"),
        (b"=?utf-8?b?xb0=?=\r\n =?utf-8?b?xb0=?=", "ŽŽ"),
        (b"=?utf-8?b?xQ==?= =?utf-8?b?vQ==?=", "Ž"),  # cut within a character
        (b"a =?utf-8?q?b?= c", "a b c"),
        (b"=?utf-8*en?q?b?=", "b"),
        (b"=?rot13?q?nop?=", "nop"),
        (b"=?utf-7?q?+AGE-?=", "+AGE-"),
        (b"=?x?q?a=00b=0D=0ABcc:_c?=", "a b Bcc: c"),
        ("Žluť".encode(), "Žluť"),
        (b"J\xf6rg", "Jörg"),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
    ],
)
def test_text_is_decoded_for_reading(value: bytes, text: str) -> None:
    assert Header.read(b"Subject: " + value + b"\r\n\r\n").text("Subject") == text


@pytest.mark.parametrize(
    "raw",
    [
        b"a: b\r\n" * 100_000,
        b"a:" + b"x" * 10_000_000,
        b"a:" + b"\r\n b" * 1_000_000,
        b"a\n" * 500_000,
        b"\r" * 1_000_000,
    ],
    ids=["100,000 fields", "10 MB field", "a million folds", "no fields", "bare CR"],
)
def test_F4_hostile_headers_take_less_than_a_second(raw: bytes) -> None:
    within(1, lambda: Header.read(raw).text("a"))
    header = Header.read(raw)
    assert len(header.fields) <= MAX_FIELDS


@given(
    st.lists(st.sampled_from([b"a", b":", b" ", b"\t", b"\r\n", b"\n", b"\r", b"\0", b"B:c\r\n", b"\xff"]), max_size=25)
)
def test_every_octet_of_a_block_is_in_one_field_or_in_a_line_that_is_none(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    header = Header.read(raw)
    assert header.start <= header.block_end <= header.end <= len(raw)
    assert raw[header.block_end : header.end] in {b"", b"\r\n", b"\n"}
    at, stray = 0, b""
    for span in header.fields:
        stray += raw[at : span.start]
        at = span.end
        whole = raw[span.start : span.end]
        assert whole.partition(b":")[0].rstrip(b" \t\r\n") == span.name.encode()
        assert raw[span.start : span.value_start].endswith(b":")
        assert all(line[:1] in {b" ", b"\t"} for line in whole.split(b"\n")[1:] if line)
        spaced = whole[: len(span.name) + 1] != span.name.encode() + b":"
        assert bool(header.fault) or not spaced
    stray += raw[at : header.block_end]
    block = raw[: header.block_end]
    odd = bool(stray) or b"\0" in block or block.count(b"\r") != block.count(b"\r\n")
    assert bool(header.fault) or not odd


INJECTIONS = [
    "x\r\nBcc: c@d",
    "x\nBcc: c@d",
    "x\rBcc: c@d",
    "x\u2028Bcc: c@d",
    "x\x85y",
    "x\0y",
    "x\r\n\r\nbody",
    "x\r\n y",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_P3_no_text_makes_a_second_field(text: str) -> None:
    named = NamedAddress(text, Address("a", "b.example"))
    for field in (Field.unstructured("Subject", text), Field.mailboxes("From", [named])):
        header = Header.read(field.line + b"\r\n")
        assert [span.name for span in header.fields] == [field.name]
        assert header.fault == ""
    with pytest.raises(ValueError, match="ASCII"):
        Field.token("X-Token", text)
    with pytest.raises(ValueError, match="line ends"):
        Field("Subject", text + "\n")
    with pytest.raises(ValueError, match="name"):
        Field.unstructured("Sub" + text, "x")


@given(st.text(max_size=300))
def test_P3_unstructured_text_reads_back_from_one_field(text: str) -> None:
    field = Field.unstructured("Subject", text)
    header = Header.read(field.line + b"\r\n")
    assert [span.name for span in header.fields] == ["Subject"]
    assert header.end == len(field.line) + 2
    assert header.text("Subject") == clean(text)
    assert field.line.isascii()
    assert all(len(line) <= 998 for line in field.line.split(b"\r\n"))


def test_lines_fold_at_78() -> None:
    line = Field.unstructured("Subject", "word " * 60).line
    assert max(map(len, line.split(b"\r\n"))) <= 78
    assert Header.read(line).text("Subject") == ("word " * 60).strip()
    long_words = Field.unstructured("Subject", "Žluťoučký kůň " * 40).line
    assert max(map(len, long_words.split(b"\r\n"))) <= 85  # a field's name and one encoded word of 75


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=30))
def test_many_mailboxes_fold_at_78_wherever_they_have_spaces(names: list[str]) -> None:
    mailboxes = [NamedAddress(name, Address(f"a{number}", "b.example")) for number, name in enumerate(names)]
    line = Field.mailboxes("To", mailboxes).line
    assert line.isascii()
    assert all(len(row) <= 78 or b" " not in row.strip() for row in line.split(b"\r\n"))
    assert [found.address for found in Header.read(line).mailboxes("To")] == [each.address for each in mailboxes]


def test_P3_a_name_of_10_kB_fits_no_line_over_998() -> None:
    line = Field.mailboxes("From", [NamedAddress("x" * 10_000, Address("a", "b.example"))]).line
    assert max(map(len, line.split(b"\r\n"))) <= 998


_LINES = st.sampled_from(
    [
        b"From: a@b",
        b"X:",
        b" folded",
        b"\t: folded",
        b"From : a@b",
        b"no field",
        b"a:b:c",
        b"to: x",
        b"TO:y",
        b"\xc3\xa9: z",
        b" ",
    ]
)


@given(st.lists(st.tuples(_LINES, st.sampled_from([b"\r\n"] * 6 + [b"\n", b"\r", b"\0\r\n"])), max_size=10))
def test_a_plain_block_is_read_as_any_other_is(lines: list[tuple[bytes, bytes]]) -> None:
    block = b"X-First: x\r\n" + b"".join(line + end for line, end in lines) + b"\r\n"
    block = block[: Header.read(block).block_end]
    alone = Header.read(block + b"\r\n")
    large = Header.read(block + b"X-Last: " + b"x" * MAX_PLAIN + b"\r\n\r\n")  # too large to be taken for plain
    assert alone.fields == large.fields[:-1]
    assert alone.fault == large.fault
    assert list(alone.by_name) == list(large.by_name)[:-1]
    for name, spans in alone.by_name.items():
        assert [span for span in alone.fields if span.name.lower() == name] == spans


@given(st.lists(st.integers(1, 100), min_size=1, max_size=20), st.integers(1, 3))
def test_a_field_is_folded_at_its_spaces_where_a_line_is_full(words: list[int], gap: int) -> None:
    text = (" " * gap).join("w" * length for length in words)
    lines = Field.token("X-Words", text).line.decode().removesuffix("\r\n").split("\r\n")
    assert "".join(lines) == f"X-Words: {text}"
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        assert len(line) <= FOLD_AT or " " not in line.removeprefix("X-Words: ").strip(" ")
        if following is not None:
            assert len(line) + len(following) - len(following.lstrip(" ").partition(" ")[2]) > FOLD_AT


def test_a_word_takes_the_place_of_one_as_long_and_of_no_other() -> None:
    field = Field.token("Received", "by mail.firm.example id ____; now")
    put = field.with_word("____", "AB12")
    assert put == Field.token("Received", "by mail.firm.example id AB12; now")
    assert put.line == b"Received: by mail.firm.example id AB12; now\r\n"
    for word in ("AB123", "A\r\nB", "A B2", "é123", ""):
        with pytest.raises(ValueError, match="no such place"):
            field.with_word("____", word)
    with pytest.raises(ValueError, match="no such place"):
        field.with_word("!!!!", "AB12")
