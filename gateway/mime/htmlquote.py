"""Where the quoted part of an HTML reply begins: by the containers of mail programs, then by its words."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate, islice

from gateway.mime.page import MAX_TAG, Page, lines_of, text_lines
from gateway.mime.quote import FROM, OTHER, says_who_wrote, text_quote_start

MAX_CANDIDATES = 2_000  # marks that are looked at closely; a reply has one within the first few

_CITE = ('type="cite', "type='cite", "type=cite")
MARKS = (
    *("gmail_quote", "gmail_extra", "gmail_attr", "moz-cite-prefix", "moz-forward-container", "yahoo_quoted"),
    *("divrplyfwdmsg", "appendonsend", "olk_src_body_section", "stopspelling", "zwchr", "isreplycontent"),
    *("protonmail_quote", "tutanota_quote", "zmail_extra", "mail-editor-reference-message-container"),
    *("ms-outlook-mobile-reference-message", "replyforwardmessage", "quoted_header_editor", "reply-intro"),
    *("border-top:solid #e1e1e1", "border-top: solid #e1e1e1", "border-top:solid #b5c4df", "border-top: solid #b5c4df"),
    *("border-top:1pt solid rgb(225", "border-top:1.0pt solid #e1e1e1", "border-top-color: rgb(229, 229, 229"),
    *(*_CITE, "tabindex=-1", 'tabindex="-1', "<blockquote", "<hr"),
)
_BLOCKS = ("<p", "<div", "<hr")
_TAIL_TAG = re.compile(r"<(?:br|p|div|/p|/div|td|tr)\b[^<>]*>")
_WRAPPING = re.compile(r"(?:<(?:div|p|span|font)\b[^<>]*+>\s*+)+\Z")
_UP_TO_END = re.compile(r"<[^<>]*")  # a mark that stands elsewhere is no tag's
_ANY_TAG = re.compile(r"<[^<>]*>")
_BOLD_FROM = re.compile(rf"<(?:b|strong)>(?:<[^<>]{{1,400}}>)?(?:{FROM})[ \u00a0]?:", re.IGNORECASE)
_HEADER_WORD = re.compile(rf"\s*(?:{FROM}|{OTHER})[ \u00a0]*:", re.IGNORECASE)
_SPACES = re.compile(r"(?:\s|&nbsp;|&#160;|\u00a0)+")


def html_quote(page: Page) -> tuple[int, list[str]]:
    """Find where in the markup the quote begins, else where the body ends, else the end; and the lines above it."""
    end = page.body_end()
    start = _container(page, end)
    if start is not None and _answered_below(page, start, end):
        return end, text_lines(page, 0, end)
    limit = end if start is None else start
    lines = text_lines(page, 0, limit)
    worded = _by_words(lines)
    return (limit, lines) if worded is None else (lines_of(page, 0, limit)[1][worded], lines[:worded])


def _container(page: Page, end: int) -> int | None:
    for at, mark in _marks(page.lowered, end):
        start = _quote_tag(page.lowered, at, mark)
        if start is not None and not page.is_hidden(start):
            return start
    return None


def _by_words(lines: list[str]) -> int | None:
    """Find the line of a quote that no container tells: "On … wrote:" in any language, a separator, ">" in front."""
    text = "\n".join(lines)
    found = text_quote_start(text)
    if found >= len(text.rstrip()):
        return None
    return bisect_right(list(accumulate(len(line) + 1 for line in lines)), found)


def _marks(lowered: str, end: int) -> list[tuple[int, str]]:
    """Find all the marks in their order, as many as a sane reply has."""
    found: list[tuple[int, str]] = []
    tags = "\n".join(set(_UP_TO_END.findall(lowered, 0, end)))  # the same few stand in all of a page
    for mark in MARKS:
        at = lowered.find(mark, 0, end) if mark in tags else -1
        count = 0
        while at != -1 and count < MAX_CANDIDATES:
            found.append((at, mark))
            count += 1
            at = lowered.find(mark, at + 1, end)
    found.extend((match.start(), "from") for match in islice(_BOLD_FROM.finditer(lowered, 0, end), MAX_CANDIDATES))
    return sorted(found)[:MAX_CANDIDATES]


def _quote_tag(lowered: str, at: int, mark: str) -> int | None:
    """Find the start of the tag that a mark stands in, if that mark makes it a quote."""
    if mark in {"<hr", "from"}:
        above = at if mark == "<hr" else max(lowered.rfind(tag, max(0, at - MAX_TAG), at) for tag in _BLOCKS)
        return above if above != -1 and _is_header_next(lowered, at) else None
    if mark == "<blockquote":
        return _attributed(lowered, at)
    start = lowered.rfind("<", max(0, at - MAX_TAG), at)
    if start == -1 or ">" in lowered[start:at]:
        return None
    if mark.startswith("tabindex"):
        return _outside(lowered, start) if lowered.startswith("<hr", start) else None
    return start if mark != "gmail_extra" or "gmail_quote" in lowered[start : start + MAX_TAG] else None


def _outside(lowered: str, start: int) -> int:
    """Step out of the elements that hold nothing before the rule: older Outlooks centre it."""
    wrapped = _WRAPPING.search(lowered, max(0, start - MAX_TAG // 4), start)
    return wrapped.start() if wrapped else start


def _is_header_next(html: str, at: int) -> bool:
    """Whether "From: …" and another such line are what follows."""
    following = _SPACES.sub(" ", _ANY_TAG.sub("\n", html[at : at + MAX_TAG].partition(">")[2]))
    return _HEADER_WORD.match(following) is not None and len(_HEADER_WORD.findall(following)) > 1


def _attributed(html: str, start: int) -> int | None:
    """Find the line of text that says whose words follow; a quote without one is the author's own indentation."""
    tag = html[start : start + MAX_TAG].partition(">")[0]
    cited = start if any(cite in tag for cite in _CITE) else None
    low = max(0, start - 1000)
    before = html[low:start]
    for match in reversed([*_TAIL_TAG.finditer(before)][-6:]):
        text = _SPACES.sub(" ", _ANY_TAG.sub("", before[match.end() :])).replace("&lt;", "<").replace("&gt;", ">")
        if text.strip():
            found = low + (match.start() if match[0].startswith(("<p", "<div")) else match.end())
            return found if text.rstrip().endswith(":") and says_who_wrote(text.strip()) else cited
    return cited


def _answered_below(page: Page, start: int, end: int) -> bool:
    """Whether the author's words follow a cited quote (Thunderbird's way of answering below)."""
    if "moz-cite-prefix" not in page.lowered[start : start + 200]:
        return False
    quotation = page.lowered.find("<blockquote", start, end)
    close = page.quotation_end(quotation, end) if quotation != -1 else -1
    return close != -1 and any(line.strip() for line in text_lines(page, close, end))
