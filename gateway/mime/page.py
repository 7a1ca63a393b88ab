"""HTML as a reader sees it: its lines with the offsets that they begin at, without what is never shown."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

_OPENING = re.compile(r"<!--|<(script|style|title|textarea)\b")
_TAG = re.compile(r"<(/?)([a-z!?][^\s<>/]*)[^<>]*>")
_SPACES = re.compile(r"[\s\u00a0]+")
_BREAKS = frozenset(
    (
        *("address", "article", "blockquote", "body", "br", "center", "dd", "div", "dl", "dt", "fieldset", "footer"),
        *("form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "li", "main", "nav", "ol", "p"),
        *("pre", "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
    )
)
_QUOTATION = re.compile(r"<(/?)blockquote\b")
_CITES = re.compile(r"type=[\"']?cite|gmail_quote")
MAX_TAG = 2_000  # characters; Outlook writes long styles


@dataclass(frozen=True, slots=True)
class Page:
    """A page, in lower case of the same length beside it, and the stretches that nobody sees."""

    html: str
    lowered: str
    hidden: tuple[tuple[int, int], ...]

    @classmethod
    def read(cls, page: str) -> Page:
        """Find comments, scripts, styles, titles and text areas; an unclosed one goes on to the end."""
        lowered = page.replace("\u0130", "i").lower()  # the one letter that would grow
        return cls(page, lowered, tuple(_hidden(lowered)))

    def is_hidden(self, at: int) -> bool:
        """Whether what stands at ``at`` is never shown."""
        found = bisect_right(self.hidden, (at, len(self.html))) - 1
        return found >= 0 and at < self.hidden[found][1]

    def body_end(self) -> int:
        """Find the last ``</body>`` that counts, else the last ``</html>``, else the end."""
        for tag in ("</body", "</html"):
            at = self.lowered.rfind(tag)
            while at != -1 and self.is_hidden(at):
                at = self.lowered.rfind(tag, 0, self.hidden[bisect_right(self.hidden, (at, at)) - 1][0])
            if at != -1:
                return at
        return len(self.html)

    def quotation_end(self, start: int, stop: int) -> int:
        """Find where the ``<blockquote>`` that begins at or behind ``start`` is closed, nested ones counted; -1."""
        depth = 0
        for match in _QUOTATION.finditer(self.lowered, start, stop):
            if self.is_hidden(match.start()):
                continue
            depth += -1 if match[1] else 1
            if depth <= 0:
                return match.start()
        return -1

    def without_quotations(self, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the stretches before ``stop`` that are outside of cited ``<blockquote>`` elements."""
        done, at = 0, self.lowered.find("<blockquote", 0, stop)
        while at != -1:
            if _CITES.search(self.lowered[at : at + MAX_TAG].partition(">")[0]):
                yield done, at
                end = self.quotation_end(at, stop)
                done = stop if end == -1 else end
            at = self.lowered.find("<blockquote", max(at + 1, done), stop)
        yield done, stop


def lines_of(page: Page, start: int, stop: int) -> tuple[list[str], list[int]]:
    """Read a stretch line by line, with the offset that each begins at: before its opening block tags."""
    lines: list[str] = []
    begins = [start]
    pieces: list[str] = []
    preformatted = False
    for low, high, closes, name in _tokens(page, start, stop):
        if low < high and (chunk := page.html[low:high]).strip():
            pieces.append(chunk if preformatted else _SPACES.sub(" ", chunk))
        if name == "pre":
            preformatted = not closes
        if name in _BREAKS:
            end = page.html.find(">", high, stop) + 1 or stop
            if pieces:
                lines.append("".join(pieces))
                pieces.clear()
                begins.append(end if closes or name == "br" else high)
            elif closes or name == "br":
                begins[-1] = end
    lines.append("".join(pieces))
    return _cleaned(lines, begins)


def _cleaned(lines: list[str], begins: list[int]) -> tuple[list[str], list[int]]:
    """Resolve entities and split what was preformatted."""
    out: list[str] = []
    offsets: list[int] = []
    for line, at in zip(lines, begins, strict=True):
        text = html.unescape(line) if "&" in line else line
        for part in text.split("\n"):
            out.append(part.replace("\u00a0", " ").strip("\r "))
            offsets.append(at)
    return out, offsets


def _tokens(page: Page, start: int, stop: int) -> Iterator[tuple[int, int, bool, str]]:
    """Yield each run of text with the tag behind it: from, to, whether the tag closes, its name."""
    done = start
    hidden = iter([span for span in page.hidden if span[1] > start and span[0] < stop])
    skip = next(hidden, None)
    for match in _TAG.finditer(page.lowered, start, stop):
        while skip is not None and match.start() >= skip[1]:
            yield done, max(done, skip[0]), False, ""
            done = max(done, skip[1])
            skip = next(hidden, None)
        if skip is not None and match.start() >= skip[0]:
            continue
        yield done, match.start(), bool(match[1]), match[2]
        done = match.end()
    while skip is not None:
        yield done, max(done, min(skip[0], stop)), False, ""
        done, skip = max(done, skip[1]), next(hidden, None)
    yield done, max(done, stop), False, ""


def _hidden(lowered: str) -> Iterator[tuple[int, int]]:
    match = _OPENING.search(lowered)
    while match:
        start = match.start()
        if match[1]:
            end = lowered.find("</" + match[1], match.end())
        else:
            end = lowered.find("-->", start + 2)  # "<!-->" is a whole comment
            end = end + 3 if end != -1 else -1
        end = len(lowered) if end == -1 else end
        yield start, end
        match = _OPENING.search(lowered, end)
