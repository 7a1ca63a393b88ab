"""Messages on paper: as a page of HTML that needs nothing else and acts in no browser, and as text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape

from gateway.domain.record import Mark, Message
from gateway.mime.sheet import Enclosure

STYLE = """
body { font: 11pt/1.4 sans-serif; color: #000; background: #fff; max-width: 50em; margin: 1em auto; padding: 0 1em }
article { border-top: 1px solid #888; padding: 1em 0; break-inside: auto; overflow-wrap: anywhere }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1em; margin: 0 0 1em }
dt { color: #555 } dd { margin: 0 }
pre { font: inherit; white-space: pre-wrap; margin: 0 } img { max-width: 100% }
blockquote { margin: 0 0 0 .5em; padding-left: .8em; border-left: 2px solid #999 }
.warning { border: 2px solid #a00; color: #a00; padding: .5em 1em; font-weight: bold } .letter { contain: content }
"""
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
# Only the style above counts, pictures are in the page, and nothing is fetched, sent or run (row I7).
POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:; form-action 'none'; base-uri 'none'"
WARNINGS: Mapping[str, str] = {
    Mark.AMBIGUOUS.value: "Not decided whose it is: its address is that of several clients.",
    Mark.BOUNCE.value: "A server's report that a message failed.",
}
_HOSTILE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Printed:
    """One message; ``html`` is None where none could be made, ``text`` is what stands in its place."""

    message: Message
    clients: tuple[str, ...]  # whose it is, as far as the reader may know
    flags: tuple[str, ...] = ()
    text: str = field(default="", repr=False)
    html: str | None = field(default=None, repr=False)
    enclosures: tuple[Enclosure, ...] = ()
    infected: Mapping[str, str] = field(default_factory=dict)  # by part


def head(title: str) -> str:
    """The beginning of a page; the policy stands in it too, for when it is opened from a disk."""
    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" '
        f'content="{escape(POLICY)}">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{_shown(title)}</title>\n<style>{STYLE}</style></head><body>\n<h1><bdi>{_shown(title)}</bdi></h1>\n"
    )


FOOT = "</body></html>\n"


def article(one: Printed) -> str:
    """One message of a page."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd><bdi>{_shown(value)}</bdi></dd>\n" for name, value in _fields(one))
    warnings = "".join(f'<p class="warning">{_shown(line)}</p>\n' for line in _warnings(one))
    if one.html is None:
        note = "The letter's HTML could not be made safe in time; this is its text."
        body = f"<p><em>{note}</em></p>\n<pre>{escape(one.text)}</pre>"
    else:
        body = one.html if one.html.strip() else "<p><em>It has no text.</em></p>"
    return f"<article>\n{warnings}<dl>{rows}</dl>\n{body}\n{_listed(one)}</article>\n"


def _listed(one: Printed) -> str:
    lines = "".join(f"<li><bdi>{_shown(line)}</bdi></li>\n" for line in _attached(one))
    return f"<h2>Attachments</h2>\n<ul>\n{lines}</ul>\n" if lines else ""


def plain(one: Printed) -> str:
    """The same as text; lines end in LF."""
    warnings = [f"*** {_line(line)} ***" for line in _warnings(one)]
    fields = [f"{name}: {_line(value)}" for name, value in _fields(one)]
    files = [f"Attached: {_line(line)}" for line in _attached(one)]
    return "\n".join([*warnings, *fields, "", one.text.rstrip("\n"), *([""] if files else []), *files, "", ""])


def _fields(one: Printed) -> Iterator[tuple[str, str]]:
    facts = one.message.facts
    yield "From", facts.sender
    yield "To", facts.recipients
    yield "Date", _day(facts.date or one.message.filed_at)
    yield "Subject", facts.subject
    yield "Client", ", ".join(one.clients)
    if one.message.author_login:
        yield "Written by", one.message.author_login
    yield "Message", f"{one.message.id}, SHA-256 {one.message.sha256}"


def _warnings(one: Printed) -> Iterator[str]:
    weighed = one.message.weighed
    if weighed is not None and weighed.is_open:
        yield f"UNVERIFIED: it may not be from whom it says. {weighed.verdict.reason}"
    elif weighed is not None and weighed.verdict.holds_back and weighed.approved_at is not None:
        at = _day(weighed.approved_at)
        yield f"Unverified when it came; approved by {weighed.approved_by} on {at}. {weighed.verdict.reason}"
    yield from (WARNINGS[flag] for flag in one.flags if flag in WARNINGS)


def _attached(one: Printed) -> Iterator[str]:
    for each in one.enclosures:
        infection = one.infected.get(each.part, "")
        notes: Sequence[str] = [note for note in (each.note, infection and f"INFECTED: {infection}") if note]
        told = f", {', '.join(notes)}" if notes else ""
        yield f"{each.name or '(no name)'} ({each.content_type}, {each.size} octets{told})"


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")


def _line(text: str) -> str:
    return _HOSTILE.sub(" ", text)


def _shown(text: str) -> str:
    return escape(_line(text))
