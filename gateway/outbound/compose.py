"""What acceptance changes in a message, as header edits: settled once, the same for every recipient and attempt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

from gateway.domain.address import Address, NamedAddress
from gateway.domain.firm import Firm
from gateway.domain.mail import Decision, Submission
from gateway.mime.dkim import CLAIMS
from gateway.mime.header import Field, Header
from gateway.mime.render import Edits
from gateway.policy.authorise import Authorised
from gateway.policy.rules import MAX_DISPLAY_NAME
from gateway.policy.signature import signature_block

KNOWN = 1_024  # From fields that are remembered as they are written: one or two for each who writes
NEVER_LEAVES = frozenset({"bcc", "resent-bcc", "return-path", "deferred-delivery"}) | CLAIMS
NOR_SENDER = NEVER_LEAVES | {"sender"}  # where nobody is to be shown
_BLANK_ID = "_" * 12  # in the place of an id, as long; no name of a host holds it
CONTROL = "x-postern-"  # what fields that a mail program or a script writes for us alone begin with


class Stamp(NamedTuple):
    """The marks of one acceptance: ``queue_id`` and ``seed`` are unguessable, ``at`` is when."""

    queue_id: str
    seed: str
    hostname: str
    at: datetime


def edits_for(firm: Firm, authorised: Authorised, decision: Decision, stamp: Stamp) -> Edits:
    """All edits that the decision asks for, and no others: what need not change keeps its bytes."""
    replace: list[Field] = []
    header = authorised.letter.header
    remove = NEVER_LEAVES if decision.show_sender else NOR_SENDER
    controls = [name for name in header.by_name if name.startswith(CONTROL)]
    written = authorised.header_from
    name = written.name if decision.display_name is None else decision.display_name
    shown = NamedAddress(name, decision.mailbox.address)
    if shown != written or _is_raw(authorised):
        replace.append(_from(shown) if len(name) <= MAX_DISPLAY_NAME else _from.__wrapped__(shown))
    if decision.reply_to is not None:
        replace.append(Field.mailboxes("Reply-To", [NamedAddress("", decision.reply_to)]))
    if decision.show_sender:
        replace.append(Field.mailboxes("Sender", [_author(firm, decision, written.address)]))
    return Edits(
        prepend=(received(authorised.submission, stamp),),
        replace=tuple(replace),
        default=tuple(_lacking(header, decision, stamp)),
        remove=remove.union(controls) if controls else remove,
        signature=signature_block(decision, firm, stamp.seed),
    )


def _lacking(header: Header, decision: Decision, stamp: Stamp) -> Iterator[Field]:
    """What every message needs (RFC 5322 section 3.6) and this one came without."""
    if "date" not in header.by_name:
        yield Field.token("Date", written_date(stamp.at))
    if "message-id" not in header.by_name:
        yield Field.token("Message-ID", new_message_id(stamp, decision.mailbox.address))


def _is_raw(authorised: Authorised) -> bool:
    """Whether From holds eight bits that nobody announced (RFC 6532 needs SMTPUTF8)."""
    header = authorised.letter.header
    return not authorised.submission.smtputf8 and not (header.first("From") or b"").isascii()


@lru_cache(maxsize=KNOWN)
def _from(shown: NamedAddress) -> Field:
    return Field.mailboxes("From", [shown])


def received(submission: Submission, stamp: Stamp) -> Field:
    """The trace line (RFC 5321 section 4.4) without its ``from``: the author's network is nobody's business."""
    protocol = ("UTF8SMTP" if submission.smtputf8 else "ESMTP") + ("SA" if submission.tls else "A")  # RFC 3848, 6531
    return _trace(stamp.hostname, protocol, written_date(stamp.at)).with_word(_BLANK_ID, stamp.queue_id)


@lru_cache(maxsize=8)  # of this second, of a few kinds
def _trace(hostname: str, protocol: str, date: str) -> Field:
    return Field.token("Received", f"by {hostname} (Postern) with {protocol} id {_BLANK_ID}; {date}")


def written_date(at: datetime) -> str:
    """As a header has it (RFC 5322 section 3.3), in whole seconds."""
    return _dated(at.replace(microsecond=0), at.utcoffset())


@lru_cache(maxsize=8)  # seconds; those who wait for one another share theirs
def _dated(at: datetime, _: timedelta | None) -> str:  # equal moments have their own words in each zone
    return format_datetime(at)


def new_message_id(stamp: Stamp, address: Address) -> str:
    """A Message-ID of the domain that the message leaves from (RFC 5322 section 3.6.4)."""
    return f"<{stamp.queue_id}.{stamp.seed[:12]}@{address.domain}>"


def _author(firm: Firm, decision: Decision, asked: Address) -> NamedAddress:
    """Who really wrote: the member's own address where they have one, else the one they asked for."""
    return NamedAddress(decision.member.name, firm.own_address(decision.member.login) or asked)
