"""Whether a signature stands in a text already: compared by its letters, not by markup, spacing or images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from gateway.mime.htmlquote import html_quote
from gateway.mime.page import Page, text_lines
from gateway.mime.quote import text_quote_start

MAX_MATCHES = 1_000  # places that are looked at

# what mail programs add where they make text of HTML, and characters that nobody sees
_NOTHING = re.compile(
    r"[\s*_\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]+|\[cid:[^\]\s]{1,200}\]|<(?:mailto|https?|tel):[^<>\s]{1,2000}>"
)
REMOVED = b" \t\n\r\v\f\x1c\x1d\x1e\x1f*_-"  # of ASCII: what _NOTHING takes out, and what _RULES are made of
_RULES = frozenset({"", "--", "---", "\u2014"})


@dataclass(frozen=True, slots=True)
class Known:
    """By which letters a signature is known: those of its text, those of its HTML; and whether it reads as a quote."""

    forms: tuple[str, ...]
    like_a_quote: bool
    plainest: tuple[bytes, ...]  # the plainest letters of each form

    @classmethod
    @lru_cache(maxsize=256)
    def by(cls, text: str, markup: str) -> Known:
        """Reduce a signature; the few that a firm has come again and again."""
        page = Page.read(markup)
        found = ("".join(letters(text.splitlines())), "".join(letters(text_lines(page, 0, len(markup)))))
        quote = text_quote_start(text) < len(text) or html_quote(page)[0] < page.body_end() or "\n>" in f"\n{text}"
        forms = tuple({form: None for form in found if form})
        return cls(forms, quote, tuple(map(_plainest, forms)))

    def stands(self, own: Iterable[str], below: Iterable[str]) -> bool:
        """Whether it is whole lines of the author's own text.

        One that reads as a quote may run on below it, even begin there: that is where it was taken for one.
        """
        own, below = list(own), list(below)
        if not self._may_stand([*own, *below] if self.like_a_quote else own):
            return False
        above = letters(own)
        limit = sum(map(len, above))
        lines = [*above, *letters(below)] if self.like_a_quote else above
        hay = "".join(lines)
        if not any(form in hay for form in self.forms):
            return False
        edges = {0, *accumulate(map(len, lines))}
        return any(_found(hay, form, edges, limit) for form in self.forms)

    def _may_stand(self, lines: Sequence[str]) -> bool:
        """False where the plainest letters alone, which nothing here removes, show that none of the forms is there."""
        text = "\n".join(lines)
        if "[" in text or "<" in text:  # names of pictures and links would have to be taken out
            return True
        plain = _plainest(text)
        return any(form in plain for form in self.plainest)


def _plainest(text: str) -> bytes:
    return text.encode("ascii", "ignore").translate(None, REMOVED)


def letters(lines: Iterable[str]) -> list[str]:
    """Reduce lines to what is compared; empty ones and those that only part the signature off are gone."""
    reduced = (_NOTHING.sub("", line) for line in lines)
    return [line for line in reduced if line not in _RULES]


def _found(hay: str, form: str, edges: set[int], limit: int) -> bool:
    at = hay.find(form)
    for _ in range(MAX_MATCHES):
        if at == -1 or at > limit:
            return False
        if at in edges and at + len(form) in edges:
            return True
        at = hay.find(form, at + 1)
    return False
