"""Reports that servers write as plain text: whom they name, with which words, and whether they give up or go on."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gateway.domain.address import Address
from gateway.mime.bounce_status import MAX_RECIPIENTS, address_in, code_of, recipient_of, status_of
from gateway.mime.bounce_value import ReportedAction, ReturnedRecipient
from gateway.mime.words import clean

MAX_LINES = 2_000  # of a report's own words: the longest known have under 200
MAX_LINE = 2_000  # characters of one of them that are looked at
MAX_SENTENCE = 4  # lines that are quoted to a person
MAX_SAID = 15  # lines below a recipient that are the server's words about it

# Openings that servers use and people hardly do. Matched in one line of text in lower case with single spaces.
_FAILURE = re.compile(
    r"(?:could|can|might) ?(?:not|n't|no) be (?:delivered|sent)|(?:wasn't|was not|were|not been|is not) "
    r"(?:able to|unable to|delivered)"
    r"|unable to (?:deliver|send|contact)|undeliver(?:able|ed)|not deliver(?:able|ed)|trouble delivering|nondelivery"
    r"|fail(?:ed|ure|s) to (?:be )?deliver|delivery (?:to .{1,200}? )?(?:has |have )?(?:been )?"
    r"(?:failed|failure|delayed|error|problem)"
    r"|deliver(?:y|ing) (?:status|your|the|a) (?:mail|message|notification)|failed:"
    r"|permanent (?:fatal )?error|address(?:\(es\)|es)? (?:had|failed|has been failed)|failed permanently"
    r"|transcript of session|failure (?:reasons|notice)|mail (?:system error|delivery)|returned mail"
    r"|recipients? (?:was|were) (?:rejected|affected)|rejected recipient|rejected by|failed delivery|delivery errors"
    r"|unknown user|user unknown|exceeds allowed size|invalid final delivery|server message|invalid user address"
    r"|(?:may|might) not exist|mailbox is full|message delivery|was aborted|did not reach"
)
_DELAY = re.compile(
    r"warning message only|will be retried|(?:has|have|been|is|was|notification:?) (?:been )?\(?delay(?:ed)?\b"
    r"|not yet been delivered|has not been delivered .{0,80}yet|will (?:continue|keep) (?:to )?try"
    r"|still (?:being )?tr(?:y|ied)"
    r"|do not need to resend|delivery status notification \(delay\)|delayed mail|temporarily delayed"
)
_OVER = re.compile(
    r"giving up|given up|not going to try again|failed permanently|permanent error|permanent failure|has expired"
    r"|message will be deleted|retry time(?:out)? (?:exceeded|not reached)|too long"
)
# Rules and titles behind which the text is no longer the server's own.
_DIVIDER = re.compile(
    r"^[\s\-=*_>]*(?:"
    r"(?:below this line|below|this|enclosed|here) (?:is|follows) (?:a|the) (?:copy|header|original)"
    r"|(?:the )?(?:original|returned|unsent|bounced) (?:message|mail)\b(?!.*received at)"
    r"|(?:the )?(?:message )?headers? (?:of the original message )?(?:is )?follow|included is a copy"
    r"|the header of the original|message text follows|first \d+ lines of"
    r")",
    re.IGNORECASE,
)
_ADDRESS = r"[\"'<]{0,2}(?:mailto:)?([^\s<>()\[\]\"',;:@]{1,64}+@[^\s<>()\[\]\"',;:=@]{1,255}+)(?![=@])[\"'>]{0,2}"
_AT_START = re.compile(rf"(?:[45]\d\d\s+|[-*]\s+|\d+[.)]\s+)?{_ADDRESS}(?![^\s.:,;(\[<>-])", re.IGNORECASE)
_BEHIND_WORD = re.compile(
    rf"(?:\b(?:to|for|recipients?|address|user|userid|mailbox|account|attempts|failed|size|full|rcpt(?: to)?)\b)"
    rf"(?:\(?s?\)?| is| was)?\s*[:=]?\s*{_ADDRESS}",
    re.IGNORECASE,
)
_NOT_THEIRS = re.compile(
    r"mail from|^from\b|^sender|original sender|reply-to|^>>>|contact|questions|assistance|help|envelope-from",
    re.IGNORECASE,
)
_NO_WORDS = re.compile(r"https?://|x-|message-id|(?:received|subject|sent|date|to|cc)\s*:|[^\w]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Notice:
    """The server's own words, without what they quote."""

    lines: tuple[str, ...]
    title: str  # the subject

    @property
    def failure(self) -> bool:
        """Whether it speaks of a message that was not delivered, or not yet."""
        return any(_FAILURE.search(line) or _DELAY.search(line) for line in self._plain())

    @property
    def action(self) -> ReportedAction:
        """Whether the server gives up or goes on."""
        plain = tuple(self._plain())
        delayed = any(_DELAY.search(line) for line in plain)
        return ReportedAction.DELAYED if delayed and not any(map(_OVER.search, plain)) else ReportedAction.FAILED

    def _plain(self) -> Iterator[str]:
        yield clean(self.title).lower()
        for first, second in zip(self.lines, (*self.lines[1:], ""), strict=True):
            yield " ".join(f"{first} {second}".lower().split())  # sentences are wrapped in the middle


def notice_of(text: str, title: str) -> Notice:
    """Cut the server's own words out of a report's text."""
    lines: list[str] = []
    for line in text.split("\n", MAX_LINES)[:MAX_LINES]:
        if _DIVIDER.match(line[:MAX_LINE]) and any(one.strip() for one in lines):
            break
        lines.append(line[:MAX_LINE].strip())
    return Notice(tuple(lines), title[:MAX_LINE])


def named_recipients(
    notice: Notice, known: Sequence[Address], told: Iterable[str], expected: Sequence[Address]
) -> tuple[ReturnedRecipient, ...]:
    """Find whom a notice names, with its words about each.

    ``known`` were named elsewhere (X-Failed-Recipients) and are the answer where there are any; ``told`` are keys of
    those who got the report or wrote the original, who are named as well and seldom meant; ``expected`` are the
    original's own recipients.
    """
    found = _at_start(notice, frozenset(told)) or _behind_words(notice, frozenset(told), expected)
    if known:
        lines = {address.key: line for address, line in found}
        found = [(address, lines.get(address.key)) for address in known]
    elif not found and len(expected) == 1:
        found = [(expected[0], None)]
    found = found[:MAX_RECIPIENTS]
    starts = sorted(line for _, line in found if line is not None)
    action = notice.action
    return tuple(recipient_of((address,), action, "", _said(notice, line, starts)) for address, line in found)


def anonymous(notice: Notice) -> ReturnedRecipient:
    """Say what a notice says where it names nobody."""
    return recipient_of((), notice.action, "", _said(notice, None, []))


_Found = list[tuple[Address, int | None]]


def _at_start(notice: Notice, told: frozenset[str]) -> _Found:
    """Find the addresses that begin a line, the form of nearly every server."""
    matches = ((number, _AT_START.match(line)) for number, line in enumerate(notice.lines))
    return _unique(((number, match[1]) for number, match in matches if match), told)


def _behind_words(notice: Notice, told: frozenset[str], expected: Sequence[Address]) -> _Found:
    """Find those that follow a telling word; where some of them are the original's recipients, only these."""
    found = _unique(
        (
            (number, match[1])
            for number, line in enumerate(notice.lines)
            if not _NOT_THEIRS.search(line)
            for match in _BEHIND_WORD.finditer(line)
        ),
        told,
    )
    keys = {address.key for address in expected}
    return [one for one in found if one[0].key in keys] or found


def _unique(matches: Iterable[tuple[int, str]], told: frozenset[str]) -> _Found:
    """Parse them, without doubles; those that were told are kept only where nobody else is named."""
    found: dict[str, tuple[Address, int | None]] = {}
    for number, text in matches:
        address = address_in(text.rstrip(".!?*"))
        if address is not None:
            found.setdefault(address.key, (address, number))
    others = [one for key, one in found.items() if key not in told]
    return others or list(found.values())


def _said(notice: Notice, start: int | None, starts: Sequence[int]) -> str:
    """Choose the words about one recipient: from its line to the next one's, the part with a code where there is one.

    Some servers give the reason first, above the recipients.
    """
    if start is None or len(starts) == 1:
        coded = _with_code(notice.lines[start : start + MAX_SAID]) if start is not None else ""
        coded = coded or _with_code(notice.lines)
        if coded or start is None:
            return coded or _sentence(notice.lines)
    after = bisect_right(starts, start)
    stop = starts[after] if after < len(starts) else len(notice.lines)
    own = [line for line in notice.lines[start : min(stop, start + MAX_SAID)] if line]
    above = [line for line in notice.lines[max(0, start - 3) : start] if line][-1:]
    alone = " " not in own[0]
    return _with_code(own) or _sentence(own[1:] if alone else own) or _sentence(above) or own[0]


def _with_code(lines: Sequence[str]) -> str:
    for number, line in enumerate(lines):
        if code_of(line) >= 400 or status_of(line):
            return _sentence(lines[number : number + MAX_SENTENCE + 4])
    return ""


def _sentence(lines: Sequence[str]) -> str:
    return " ".join([line for line in lines if line and not _NO_WORDS.match(line)][:MAX_SENTENCE])
