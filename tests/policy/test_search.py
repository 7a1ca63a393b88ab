"""A query is read from whatever a person types, and says what was left out."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.record import Direction
from gateway.domain.search import Field, Query, Term
from gateway.policy.search import MAX_PHRASE, MAX_TERMS, parse
from gateway.policy.snippet import LENGTH, snippet


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Popescu  factură", Query((Term(("popescu",)), Term(("factura",))))),
        ("popes*", Query((Term(("popes",), prefix=True),))),
        ('"Land Registry"', Query((Term(("land", "registry")),))),
        ("„land registry”", Query((Term(("land", "registry")),))),
        ('"land regi"*', Query((Term(("land", "regi"), prefix=True),))),
        ('"never closed', Query((Term(("never", "closed")),))),
        ("from:al@pacino.example", Query((Term(("al", "pacino", "example"), Field.FROM),))),
        ('to:"Ana Pop"', Query((Term(("ana", "pop"), Field.TO),))),
        ("-subject:lease", Query((Term(("lease",), Field.SUBJECT, unwanted=True),))),
        ("client:pacino -client:zorro", Query(clients=(("pacino",),), other_than=(("zorro",),))),
        ("after:2025 before:2026-03-14", Query(since=date(2025, 1, 1), before=date(2026, 3, 14))),
        ("-before:2026/3", Query(since=date(2026, 3, 1))),
        ("has:attachment IN:Sent", Query(attachment=True, box=Direction.SENT)),
        ("-has:attachments -in:sent", Query(attachment=False, box=Direction.INBOX)),
        ("https://x.example", Query((Term(("https", "x", "example")),))),
        ("a NOT b", Query((Term(("a",)), Term(("not",)), Term(("b",))))),
        ("", Query()),
    ],
)
def test_what_is_typed_is_read_as_it_was_meant(text: str, query: Query) -> None:
    assert parse(text) == query


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("before:yesterday", "before:2026-03-14"),
        ("before:2026-13-45", "before:2026-03-14"),
        ("pop*", "4 letters"),
        ("from: al", "follows at once"),
        ("in:trash", "in:inbox"),
        ("x " * 20, f"first {MAX_TERMS} words"),
        ('"' + "x " * 20 + '"', f"first {MAX_PHRASE} words"),
        ("x" * 2_000, "characters"),
    ],
)
def test_what_is_left_out_is_said(text: str, note: str) -> None:
    assert note in " ".join(parse(text).notes)


@given(st.text(alphabet='ab "-*:()^\x00%ș\ud800from', max_size=80) | st.text(max_size=80))
@settings(max_examples=300)
def test_I9_nothing_that_is_typed_is_an_error_and_every_query_is_bounded(text: str) -> None:
    query = parse(text)
    assert len(query.terms) <= MAX_TERMS
    assert all(0 < len(term.words) <= MAX_PHRASE for term in query.terms)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("registry", "the land registry wrote"),
        ("regi*", "the land registry wrote"),
        ('"land registry"', "the land registry wrote"),
        ("ştefan", "Ștefan"),
        ("nowhere", "Good day"),
        ("-registry", "Good day"),
    ],
)
def test_a_snippet_shows_the_place_where_the_word_stands(typed: str, shown: str) -> None:
    text = "Good day " + "and so on " * 30 + "the land registry wrote " + "and more " * 40 + "to Ștefan."
    found = snippet(text, parse(typed).terms)
    assert shown in found
    assert len(found) <= LENGTH + 2


def test_a_snippet_finds_its_place_where_folding_changes_lengths() -> None:
    assert "Straße" in snippet("ﬃ " * 200 + "Große Straße 7 " + "x " * 100, parse("strasse").terms)
