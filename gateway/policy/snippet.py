"""A few words of a message around the place where what was looked for stands."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.domain.search import Field, Term
from gateway.policy.words import folded, written

LENGTH = 160  # characters: two lines of a terminal
BEFORE = 50  # of them before the word

_GAP = "…"


def snippet(excerpt: str, terms: Sequence[Term]) -> str:
    """One line; the beginning where no word stands in the excerpt (it may stand in the header or far down)."""
    wanted = [term for term in terms if not term.unwanted and term.field is Field.ANY]
    at = _place(excerpt, wanted) if wanted else 0
    start = max(0, at - BEFORE)
    if start:
        start = excerpt.find(" ", start, at) + 1 or start
    end = start + LENGTH
    text = " ".join(excerpt[start:end].split())
    return f"{_GAP if start else ''}{text}{_GAP if end < len(excerpt) else ''}"


def _place(excerpt: str, terms: Sequence[Term]) -> int:
    """Where the first of the terms' first words stands; 0 if none does."""
    plain = folded(excerpt)
    hits = [found.start() for term in terms if (found := _pattern(term).search(plain))]
    if not hits:
        return 0
    # Most scripts are folded letter by letter, so that places stay; it takes other letters to move them.
    return min(hits) if len(plain) == len(excerpt) else _unfolded(excerpt, terms)


def _pattern(term: Term) -> re.Pattern[str]:
    """Between the words of a phrase anything may stand that is none."""
    words = r"[\W_]+".join(re.escape(word) for word in term.words)
    return re.compile(rf"(?<![^\W_]){words}" + ("" if term.prefix else r"(?![^\W_])"))


def _unfolded(excerpt: str, terms: Sequence[Term]) -> int:
    """Where folding changed lengths: the written word whose folded form begins a term."""
    first = [(term.words[0], term.prefix and len(term.words) == 1) for term in terms]
    for at, words in written(excerpt):
        for word in words:
            if any(word == one or (prefix and word.startswith(one)) for one, prefix in first):
                return at
    return 0
