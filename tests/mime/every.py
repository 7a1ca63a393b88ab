"""Acceptance without network and store: what a firm with signatures and copies makes of one message after the other."""

from __future__ import annotations

import email
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from email import policy
from pathlib import Path

from gateway.domain.errors import Refusal
from gateway.domain.firm import Firm, InlineImage, Rule, Signature
from gateway.domain.mail import Submission
from gateway.mime.render import Rendered, render
from gateway.outbound.compose import Stamp, edits_for
from gateway.policy.rules import decide
from tests.mime.comparing import Comparison, compared
from tests.policy.firms import FIRM, NOON, address, authorised, submission

SENDER = "support@firm.example"
COPIES = ("archive@firm.example", "boss@partner.example")
KINDS = ("none", "text", "html", "html+logo")
NAME = "Ștefan Ionescu-Ωmega"  # beyond most charsets: it raises many parts to UTF-8, which is the hard way
_TEXT = f"-- \n{NAME}\nPopescu & Asociații"
_HTML = f"<p><b>{NAME}</b><br>Popescu &amp; Asociații</p>"
_SIGNATURES = {
    "text": Signature("text", _TEXT),
    "html": Signature("html", _TEXT, _HTML),
    "html+logo": Signature(
        "html+logo", _TEXT, _HTML + '<img src="cid:logo">', (InlineImage("logo", "image/png", bytes(range(256))),)
    ),
}
_STAMP = Stamp("ABCDEFGHJKLM", "0123456789abcdef" * 2, "mail.firm.example", NOON)
_REPLACED = re.compile(rb"(?:from|sender|bcc|return-path|resent-[a-z-]+)[ \t]*:", re.IGNORECASE)


@dataclass
class Row:
    """What came of all messages with one kind of signature and one number of copies."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    parts: int = 0
    letters: int = 0
    signed: int = 0  # messages with the signature in at least one text
    changed: list[str] = field(default_factory=list)
    worse: list[str] = field(default_factory=list)


def firm_with(kind: str, copies: int) -> Firm:
    """The firm whose every mail gets that signature and goes to so many addresses more."""
    signature = _SIGNATURES.get(kind)
    rules = (Rule("copies", bcc=tuple(map(address, COPIES[:copies])), signature="" if signature is None else kind),)
    return replace(FIRM, rules=rules, signatures=tuple(_SIGNATURES.values()))


def prepared(raw: bytes, sender: str = SENDER, *, top: bytes = b"") -> bytes:
    """The message as our author's mail program would hand it over: canonical line ends, the author's own From."""
    raw = re.sub(rb"\r\n|\r|\n", b"\r\n", raw)
    if raw.startswith((b"From ", b">From ")):
        raw = raw.partition(b"\r\n")[2]
    header, blank, body = (b"", b"\r\n", raw[2:]) if raw.startswith(b"\r\n") else raw.partition(b"\r\n\r\n")
    kept, drop = [], False
    for line in header.split(b"\r\n"):
        if line[:1] not in {b" ", b"\t"}:
            drop = bool(_REPLACED.match(line))
        if not drop:
            kept.append(line)
    lines = b"\r\n".join(kept)
    whole = top + b"From: Ana <" + sender.encode() + b">\r\n" + lines + (blank or b"\r\n\r\n") + body
    return whole if whole.endswith(b"\r\n") else whole + b"\r\n"


def handed_over(raw: bytes) -> Submission:
    return replace(submission(login="ana", sender=SENDER, to=("someone@else.example",)), raw=raw)


def accepted(firm: Firm, raw: bytes) -> Rendered:
    """Do what acceptance does between the mail program and the queue; raises Refusal."""
    allowed = authorised(handed_over(raw), firm)
    return render(raw, edits_for(firm, allowed, decide(firm, allowed), _STAMP))


def tried(messages: Iterable[tuple[str, bytes]], kind: str) -> tuple[Row, ...]:
    """Put all through, with no copy, one and two; one row for each."""
    rows = (Row(), Row(), Row())
    firms = [firm_with(kind, copies) for copies in range(len(rows))]
    for name, raw in messages:
        first: bytes | None = None
        judged = Comparison()
        for row, firm in zip(rows, firms, strict=True):
            try:
                after = accepted(firm, raw).raw
            except Refusal as refusal:
                row.refused[reason(refusal)] += 1
                continue
            if first is None:
                first, judged = after, compared(raw, after)
                judged.worse += new_faults(raw, after)
            _count(row, name, judged)
            if after != first:  # a blind copy leaves no trace
                row.changed.append(f"{name}: a copy changed the bytes")
    return rows


def _count(row: Row, name: str, judged: Comparison) -> None:
    row.accepted += 1
    row.parts += judged.parts
    row.letters += judged.letters
    row.signed += bool(judged.signed)
    row.changed += [f"{name}: {what}" for what in judged.changed]
    row.worse += [f"{name}: {what}" for what in judged.worse]


def reason(refusal: Refusal) -> str:
    return re.sub(r"\S+@\S+", "…", f"{type(refusal).__name__}: {refusal.sentence}")


def new_faults(before: bytes, after: bytes) -> Counter[str]:
    """What Python's `email` finds wrong now and did not before; nothing where nesting is too deep for it."""
    try:
        return +(_faults(after) - _faults(before))
    except RecursionError:
        return Counter()


def _faults(raw: bytes) -> Counter[str]:
    message = email.message_from_bytes(raw, policy=policy.compat32)
    found = Counter(type(defect).__name__ for part in message.walk() for defect in part.defects)
    for part in message.walk():
        if not part.is_multipart():
            before = len(part.defects)
            part.get_payload(decode=True)
            found.update(type(defect).__name__ for defect in part.defects[before:])
    return found


def listed(folder: Path, *, malformed: bool) -> list[tuple[str, bytes]]:
    """The corpus's messages with, or without, the flag `malformed`, as their authors would hand them over."""
    rows = [line.split("\t") for line in (folder / "INDEX.tsv").read_text().splitlines()[1:]]
    names = [row[0] for row in rows if ("malformed" in re.split(r"[ ,]+", row[2])) is malformed]
    return [(name, prepared((folder / "messages" / name).read_bytes())) for name in names]
