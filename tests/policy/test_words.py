"""Words are the same however they are written, and nothing in them means anything to a search engine."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.words import MAX_WORD, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ștefan", "ştefan"),
        ("BUCUREŞTI", "bucurești"),
        ("Müller", "muller"),
        ("e\u0301tude", "étude"),
        ("Straße", "STRASSE"),
        ("Łódź", "lodz"),
        ("ﬁle", "file"),
        ("İstanbul", "istanbul"),
        ("ΌΣΟΣ", "όσος"),
        ("ｐｄｆ", "pdf"),
        ("한국", "한국"),
    ],
)
def test_case_accents_and_forms_make_no_difference(one: str, other: str) -> None:
    assert words_of(one) == words_of(other)
    assert len(words_of(one)) == 1


def test_words_end_where_no_letter_or_digit_is() -> None:
    assert words_of("al_b@pacino.example: don't (re-)read\x00 №7") == [
        *("al", "b", "pacino", "example", "don", "t", "re", "read", "no7"),
    ]


def test_scripts_without_spaces_give_a_word_for_each_character() -> None:
    assert words_of("北京 大学") == ["北", "京", "大", "学"]


def test_what_no_language_has_is_cut() -> None:
    assert words_of("x" * 10_000) == ["x" * MAX_WORD]


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_words_are_only_letters_and_digits_and_stay_what_they_are(text: str) -> None:
    words = words_of(text)
    assert not re.search(r'[\s"*()^:{}+\-_\x00]', "".join(words))
    assert words_of(" ".join(words)) == words
    " ".join(words).encode()  # raises for what no database can hold
