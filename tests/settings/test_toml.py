"""What is written as TOML is read back equal."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.toml import write_toml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = TEXTS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.dates()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
DOCUMENTS = st.dictionaries(TEXTS, VALUES, max_size=5)


@given(DOCUMENTS)
def test_a_document_survives_writing_and_reading(document: dict[str, object]) -> None:
    assert tomllib.loads(write_toml(document)) == document


def test_tables_and_arrays_of_tables_are_written_as_people_write_them() -> None:
    document = {"firm": {"name": 'P "A"'}, "member": [{"login": "ana", "folders": ["a", "b"]}], "x": 1}
    expected = 'x = 1\n\n[firm]\nname = "P \\"A\\""\n\n[[member]]\nlogin = "ana"\nfolders = ["a", "b"]\n'
    assert write_toml(document) == expected


@pytest.mark.parametrize("text", ["a\nb", "tab\t", "nul\0", "\x7f", "\\", '"', "ă 🙂", "\u2028", "\r", "'''", "#"])
def test_no_character_breaks_out_of_a_string(text: str) -> None:
    assert tomllib.loads(write_toml({"a": {"b": text}, text: text})) == {"a": {"b": text}, text: text}


def test_what_toml_has_no_word_for_is_refused() -> None:
    with pytest.raises(TypeError, match="NoneType"):
        write_toml({"a": None})
