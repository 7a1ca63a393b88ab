"""Texts that plainly quote nobody and hold no signature yet, as nearly all do: told from their octets, at little cost.

Never sure of the contrary: whatever might be a quote, or the signature, is left to who looks closely.
"""

from __future__ import annotations

import re
from functools import lru_cache, reduce
from operator import or_

from gateway.mime.htmlquote import MARKS
from gateway.mime.standing import REMOVED, Known

# In these an octet below 0x80 is always that ASCII character, and no other stands for one, also in lower case.
CODECS = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-2", "iso8859-15", "cp1250", "cp1252"})

KNOWN = 4_096  # tags that are remembered: programs write a few dozens each
SHORT = 200  # octets of one that is, attributes and all; one to two megabytes in all at most

_WIDE_COLON = "\uff1a".encode()
_GROWING = "\u0130".encode(), "\u212a".encode()  # the letters whose lower case is an ASCII letter
_BOM = b"\xef\xbb\xbf"
_HIGH = bytes(range(0x80, 0x100))
_UNSEEN = REMOVED.replace(b"-", b"") + _HIGH  # of dashes are separators made
_TAG = re.compile(rb"(</?[A-Za-z!?][^<>]*>)")
_HIDING = (b"<script", b"<style", b"<title", b"<textarea")
_OPENING = re.compile(rb"<!--|<(script|style|title|textarea)\b")
_ENTITY = re.compile(rb"&(?:nbsp|[lr][sd]quo|[nm]dash|hellip|euro|copy);")  # none of them an ASCII character
_MARKS = tuple(mark.encode() for mark in MARKS)
_QUOTES, _HIDES = 1, 2  # what a tag may do


def plain_end(octets: bytes, codec: str, known: Known, *, is_html: bool) -> int | None:
    """Find the octet that the signature goes in front of, where the author's text ends.

    None where that takes a closer look: see `Place`, which would find the same.
    """
    if codec not in CODECS or known.like_a_quote or octets.startswith(_BOM):
        return None
    if is_html:
        return _page_end(octets, known)
    if b":" in octets or b">" in octets or b"[" in octets or b"<" in octets:  # found in no time, and seldom missing
        return None
    may_quote = b"---" in octets or b"wrote" in octets or (not octets.isascii() and _WIDE_COLON in octets)
    return None if may_quote or _may_hold(octets.translate(None, _UNSEEN), known) else len(octets)


def _page_end(octets: bytes, known: Known) -> int | None:
    lowered = octets.lower()
    end = lowered.rfind(b"</body")
    if end == -1:
        end = lowered.rfind(b"</html")
    end = len(octets) if end == -1 else end
    if b"rtl" in lowered or (not octets.isascii() and (_grows(octets) or not octets[end:].isascii())):
        return None
    pieces = _TAG.split(octets[:end])
    does = _does(pieces[1::2])
    if does & _HIDES or b"<!--" in octets:
        hidden = _hidden(lowered)
        if hidden is None or any(low <= end < high for low, high in hidden):
            return None
        pieces, unseen = _shown(octets[:end], hidden)
        does = _does(pieces[1::2]) | _deed(unseen)
    return end if not does & _QUOTES and _says_little(b"\n".join(pieces[::2]), known) else None


def _does(tags: list[bytes]) -> int:
    each = set(tags)  # the same few stand in all of a page, and in many pages
    if max(map(len, each), default=0) <= SHORT:
        return reduce(or_, map(_known_deed, each), 0)
    return reduce(or_, [_known_deed(tag) if len(tag) <= SHORT else _deed(tag) for tag in each])


def _deed(tag: bytes) -> int:
    """What it does to the text behind it."""
    lowered = tag.lower()
    quotes = any(map(lowered.__contains__, _MARKS))
    return quotes * _QUOTES | any(map(lowered.__contains__, _HIDING)) * _HIDES


_known_deed = lru_cache(maxsize=KNOWN)(_deed)


def _grows(octets: bytes) -> bool:
    return _GROWING[0] in octets or _GROWING[1] in octets


def _says_little(text: bytes, known: Known) -> bool:
    """Whether the text between the tags has no sign of a quote, and too few letters of the signature."""
    if b"&" in text:
        text = _ENTITY.sub(b" ", text).replace(b"&quot;", b'"')
        if text.count(b"&") != text.count(b"&amp;"):
            return False
        text = text.replace(b"&amp;", b"&")
    if b":" in text or b">" in text or b"<" in text or b"[" in text or _WIDE_COLON in text:
        return False
    letters = text.translate(None, _UNSEEN)  # what tags and spaces part may stand together
    return not (b"---" in letters or b"wrote" in letters or _may_hold(letters, known))


def _may_hold(letters: bytes, known: Known) -> bool:
    return any(map(letters.replace(b"-", b"").__contains__, known.plainest))


def _hidden(lowered: bytes) -> list[tuple[int, int]] | None:
    """Find what nobody sees, as `Page` does; None where letters beyond ASCII decide what it is."""
    found: list[tuple[int, int]] = []
    match = _OPENING.search(lowered)
    while match:
        if match[1] and lowered[match.end() : match.end() + 1] >= b"\x80":
            return None
        end = lowered.find(b"</" + match[1], match.end()) if match[1] else lowered.find(b"-->", match.start() + 2)
        end = len(lowered) if end == -1 else end + 3 * (not match[1])
        found.append((match.start(), end))
        match = _OPENING.search(lowered, end)
    return found


def _shown(octets: bytes, hidden: list[tuple[int, int]]) -> tuple[list[bytes], bytes]:
    """Take apart what is seen, text and tags in turn, and give what is not as one."""
    pieces: list[bytes] = []
    at = 0
    for low, high in [*hidden, (len(octets), len(octets))]:
        found = _TAG.split(octets[at:low])
        pieces += [*found, b""] if at < low else []
        at = max(at, high)
    return pieces, b"\n".join([octets[low:high] for low, high in hidden])
