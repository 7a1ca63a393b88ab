"""xtext there and back, and nothing that is not printable comes out of it."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.xtext import decode_utf8, decode_xtext, encode_utf8, encode_xtext

ASCII = st.text(alphabet=string.ascii_letters + string.digits + string.punctuation + " ", min_size=1)
PRINTABLE = st.text(min_size=1).filter(str.isprintable)


@given(ASCII)
def test_xtext_comes_back_as_it_was_and_fits_a_parameter(text: str) -> None:
    word = encode_xtext(text)
    assert re.fullmatch(r"[!-<>-~]+", word)
    assert decode_xtext(word) == text


@given(PRINTABLE)
def test_the_form_for_other_letters_comes_back_as_it_was_in_ascii(text: str) -> None:
    word = encode_utf8(text)
    assert re.fullmatch(r"[!-*,-<>-~]+", word)
    assert decode_utf8(word) == text


@given(st.text())
def test_whatever_is_decoded_is_printable(word: str) -> None:
    for decode in (decode_xtext, decode_utf8):
        try:
            assert decode(word).isprintable()
        except ValueError:
            continue


@pytest.mark.parametrize("word", ["", "a b", "a=b", "a+", "a+4", "a+4g", "a+2b", "a+0A", "a+7F", "a+FF", "ă", "a\r\n"])
def test_what_is_no_xtext_is_refused(word: str) -> None:
    with pytest.raises(ValueError):
        decode_xtext(word)


@pytest.mark.parametrize(
    "word",
    [
        "",
        "a b",
        "a=b",
        "a\\b",
        "\\x{}",
        "\\x{41}",
        "\\x{0103}",
        "\\x{D800}",
        "\\x{DFFF}",
        "\\x{110000}",
        "\\x{0A}",
        "\\x{7F}",
        "\\x{85}",
        "\\x{2028}",
        "\\x{202E}",
        "a\u2028b",
        "a\x7f",
    ],
)
def test_what_is_no_address_of_type_utf_8_is_refused(word: str) -> None:
    with pytest.raises(ValueError):
        decode_utf8(word)


def test_all_three_forms_of_rfc_6533_say_the_same() -> None:
    for word in ("ștefan+x@b.example", "\\x{219}tefan\\x{2B}x@b.example", "ștefan\\x{2b}x@b.example"):
        assert decode_utf8(word) == "ștefan+x@b.example"
    assert encode_utf8("ștefan+x@b.example") == "\\x{219}tefan\\x{2B}x@b.example"


@pytest.mark.parametrize("text", ["ă", "a\r\nb", "a\0"])
def test_only_printable_ascii_becomes_xtext(text: str) -> None:
    with pytest.raises(ValueError):
        encode_xtext(text)


def test_a_control_character_does_not_become_an_address() -> None:
    with pytest.raises(ValueError):
        encode_utf8("a\r\nb")
