"""From a message seen in a mailbox to what one filing transaction writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.domain.firm import Firm, Mailbox
from gateway.domain.large import Mail
from gateway.domain.record import Cursor, Direction, Duty, HeaderFacts, Location, NewFiling
from gateway.domain.verdict import Weighed
from gateway.mime.facts import Correspondents, correspondents, facts, tags
from gateway.mime.header import Header
from gateway.mime.large import mail_begins, mentions, read_header
from gateway.mime.leaf import brings_files
from gateway.mime.read_before import read_before
from gateway.policy.match import Evidence, Match, clients_of
from gateway.policy.thread import MAX_RELATED


@dataclass(frozen=True, slots=True)
class Said:
    """What a header says of whose its message is."""

    header: Header
    facts: HeaderFacts
    people: Correspondents
    tags: frozenset[str]
    answers: tuple[str, ...]  # Message-IDs, the nearest first
    sent: bool  # its labels say so

    @classmethod
    def of(cls, header: Header, labels: Collection[str] = ()) -> Said:
        """``labels``: its provider's."""
        known = facts(header)
        answers = known.answers[:MAX_RELATED]
        return cls(header, known, correspondents(header), tags(known.subject), answers, is_sent(labels))

    @classmethod
    def read(cls, octets: bytes, labels: Collection[str] = ()) -> Said:
        """As `of`; what left through the gateway a moment ago is not taken apart again."""
        known = read_before(octets)
        answers = known.facts.answers[:MAX_RELATED]
        return cls(known.header, known.facts, known.people, known.tags, answers, is_sent(labels))

    @classmethod
    def of_mail(cls, mail: Mail, before: Said) -> Said:
        """What the message itself says: ``before`` where it begins with that very header, as the server had said."""
        header = before.header
        if header.end > header.block_end and mail_begins(mail, header.raw[: header.end]):
            return before
        return replace(cls.of(read_header(mail)), sent=before.sent)


def is_sent(labels: Collection[str]) -> bool:
    """Whether they say that the mailbox's people wrote it: nobody can give a message this label by hand."""
    return "\\Sent" in labels


def is_draft(labels: Collection[str]) -> bool:
    """Whether nobody has sent it yet."""
    return not {"\\Draft", "\\Drafts"}.isdisjoint(labels)


def whose(firm: Firm, said: Said, answered: frozenset[str] = frozenset()) -> tuple[Match, ...]:
    """The clients whose it is; empty for mail that is none of ours to read. ``answered``: see `Evidence`."""
    people = said.people
    evidence = Evidence(people.senders, people.recipients, people.others, said.tags, answered, said.sent)
    return clients_of(firm, evidence, firm.mailbox_by_key.keys())


def filing_of(
    firm: Firm,
    mailbox: Mailbox,
    raw: Mail,
    said: Said,
    *,
    location: Location,
    cursor: Cursor | None,
    now: datetime,
    announce: bool,
    matches: Sequence[Match] | None = None,
    weighed: Weighed | None = None,
    sha256: str = "",
) -> NewFiling | None:
    """None when the whole message turns out to be no client's. ``said``: by itself, whatever the server had said.

    ``matches``: whose it is, if known. Attachments of what is unverified wait, see `gateway.inbound.approval`.
    """
    if not (matches := whose(firm, said) if matches is None else matches):
        return None
    # History is saved only where it is asked for. Mail in doubt is saved once a person, or a change, says whose it is.
    saves = matches[0].direction is Direction.INBOX and mailbox.save_attachments and announce
    held = weighed is not None and weighed.is_open
    return NewFiling(
        raw=raw,
        facts=said.facts,
        clients=tuple((match.client, match.direction) for match in matches),
        marks={match.client: match.marks for match in matches if match.marks},
        filed_at=now,
        duty=None if held else _duty(raw, saves=saves),
        location=location,
        cursor=cursor,
        announce=announce,
        verdict=weighed.verdict if weighed else None,
        held=held,
        saves=saves,
        withheld=held and saves and _brings_files(raw),
        sha256=sha256,
        revision=firm.revision,
    )


def _duty(raw: Mail, *, saves: bool) -> Duty | None:
    return Duty.SAVE if saves else Duty.LOOK if mentions(raw, b"image/") else None


def _brings_files(raw: Mail) -> bool:
    """A message that is too large to be in memory is taken to: nobody writes so much by hand."""
    return brings_files(raw) if isinstance(raw, bytes) else True
