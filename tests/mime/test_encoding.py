"""Transfer encodings, charsets, encoded words and line checks."""

from __future__ import annotations

import base64
import quopri
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.charset import codec_of, decode_text
from gateway.mime.check import is_ascii, line_fault, longest_line
from gateway.mime.encoding import (
    decode_base64,
    decode_quoted,
    decode_transfer,
    encode_base64,
    encode_quoted,
    quoted_offset,
)
from gateway.mime.words import clean, decode_words, encode_words
from tests.cost import within


def test_M4_what_follows_padding_is_not_lost() -> None:
    assert decode_base64(b"YWJjZA==ZWZn") == (b"abcdefg", True)
    assert decode_base64(b"YQ==\r\nYg==\r\nYw==\r\n") == (b"abc", True)


@pytest.mark.parametrize(
    ("raw", "expected", "sound"),
    [
        (b"YWJj", b"abc", True),
        (b"YWJjZA", b"abcd", True),
        (b"YWJjZ", b"abc", False),
        (b"YW*Jj", b"abc", False),
        (b"", b"", True),
        (b"====", b"", True),
    ],
)
def test_base64_is_read_tolerantly(raw: bytes, expected: bytes, sound: bool) -> None:
    assert decode_base64(raw) == (expected, sound)


@given(st.binary(max_size=500))
def test_base64_decodes_what_it_encoded(raw: bytes) -> None:
    coded = encode_base64(raw)
    assert decode_base64(coded) == (raw, True)
    assert base64.b64decode(coded) == raw
    assert all(len(line) <= 76 for line in coded.split(b"\r\n"))


_TEXT = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=120), max_size=6)


@given(_TEXT)
def test_quoted_printable_decodes_what_it_encoded(lines: list[str]) -> None:
    raw = "\r\n".join(lines).encode()
    coded = encode_quoted(raw)
    assert decode_quoted(coded) == raw
    assert quopri.decodestring(coded) == raw
    assert all(len(line) <= 76 for line in coded.split(b"\r\n"))
    assert not any(line.startswith((b"From ", b"..")) or line == b"." for line in coded.split(b"\r\n"))


_TREACHEROUS = st.sampled_from(
    ["-", "--", "--b", ".", "From ", " ", "\t", "=", "a", "ä", "x" * 30, "-" * 80, "\r\n", "\r"]
)


@given(st.lists(_TREACHEROUS, max_size=30).map("".join))
def test_no_line_of_quoted_printable_can_be_a_delimiter_or_be_mangled(text: str) -> None:
    coded = encode_quoted(text.encode())
    assert decode_quoted(coded) == text.encode()
    for line in coded.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.endswith((b" ", b"\t"))
        assert not re.match(rb"--[^ =]|From |[.]", line)


@given(_TEXT, st.data())
def test_quoted_printable_can_be_cut_at_any_octet(lines: list[str], data: st.DataObject) -> None:
    raw = "\r\n".join(lines).encode()
    coded = encode_quoted(raw)
    wanted = data.draw(st.integers(0, len(raw)))
    at = quoted_offset(coded, wanted)
    assert at is not None
    assert decode_quoted(coded[:at] + b"=\r\n") + decode_quoted(coded[at:]) == raw
    assert len(decode_quoted(coded[:at] + b"=\r\n")) == wanted


def test_white_space_at_line_ends_is_the_transports() -> None:
    assert decode_quoted(b"a  \r\nb\t\r\nc =\r\nd") == b"a\r\nb\r\nc d"


def test_an_unknown_encoding_is_told() -> None:
    assert decode_transfer(b"abc", "x-uuencode") == (b"abc", False)


@pytest.mark.parametrize(
    "name", ["utf-7", "base64", "zlib", "x-unknown", "rot13", "../x", "a\0b", "x" * 5000, "idna", "aliases"]
)
def test_I6_only_charsets_of_mail_are_codecs(name: str) -> None:
    assert codec_of(name) is None
    assert decode_text(b"abc", name) == "abc"


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("UTF-8", "utf-8"),
        ("ISO-8859-2", "iso8859-2"),
        ("Windows-1252", "cp1252"),
        ("", "ascii"),
        ("KS_C_5601-1987", "cp949"),
        ("iso-2022-jp", "iso2022_jp"),
        ("gb2312", "gb18030"),
        ("koi8-r", "koi8-r"),
        ("x-sjis", "cp932"),
        ("iso-8859-8-i", "iso8859-8"),
    ],
)
def test_charsets_of_real_mail_are_known(name: str, codec: str) -> None:
    assert codec_of(name) == codec


@given(st.text(min_size=1, max_size=200).map(clean))
def test_encoded_words_decode_to_what_was_encoded(text: str) -> None:
    words = encode_words(text)
    assert decode_words(" ".join(words)) == text
    assert all(len(word) <= 75 and word.isascii() and " " not in word for word in words)


@given(st.text())
def test_any_text_can_be_looked_at_for_encoded_words(text: str) -> None:
    decode_words("=?" + text)


@pytest.mark.parametrize(
    "text", ["=?utf-8?q?" * 50_000, "=?a?b?YQ?= " * 50_000, "=?" * 200_000, "=?utf-8?b?" + "A" * 500_000]
)
def test_I6_hostile_encoded_words_take_less_than_a_second(text: str) -> None:
    within(1, lambda: decode_words(text))


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"a\rb\r\n", "carriage return"),
        (b"a\nb\r\n", "line feed"),
        (b"a\0\r\n", "NUL"),
        (b"\r", "carriage"),
        (b"\r\r\n", "carriage"),
    ],
)
def test_S3_line_ends_that_are_none_are_told(raw: bytes, word: str) -> None:
    assert word in (line_fault(raw) or "")


def test_canonical_bytes_have_no_fault() -> None:
    assert line_fault(b"a: b\r\n\r\n.\r\n\r\n") is None
    assert line_fault(b"") is None


@given(st.binary(max_size=200).map(lambda raw: raw.replace(b"\n", b"\r\n")))
def test_the_longest_line_is_found(raw: bytes) -> None:
    assert longest_line(raw) == max(len(line.rstrip(b"\r")) for line in raw.split(b"\n"))


def test_eight_bits_are_seen() -> None:
    assert is_ascii(b"abc")
    assert not is_ascii(b"\xe9")
