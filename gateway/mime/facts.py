"""What filing and matching read from a header: bounded, decoded, and whose addresses it names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.domain.address import Address
from gateway.domain.record import HeaderFacts
from gateway.mime.address import AddressFault
from gateway.mime.dates import MAX_DATE, read_date
from gateway.mime.header import Header, readable

MAX_SUBJECT = 998  # characters: a line of RFC 5322; hostile subjects have megabytes
MAX_PEOPLE = 2_000  # characters of From, To and Cc as shown
MAX_MESSAGE_ID = 998
MAX_REFERENCES = 100  # the last ones, for those are the nearest
MAX_TOLD_APART = 100  # people: more of them are a mailing, and no conversation
MAX_READ = 100_000  # octets of a field of references

_MESSAGE_ID = re.compile(r"<[^<>\s]{1,998}>")
_TAG = re.compile(r"\[([^\[\]\s]{1,32})\]")
_OTHERS = ("Reply-To", "Resent-From", "Resent-Sender")
_RECIPIENTS = ("To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc")


@dataclass(frozen=True, slots=True)
class Correspondents:
    """Whom a message is from and to; both without doubles, empty where a field could be read in two ways."""

    senders: tuple[Address, ...]
    recipients: tuple[Address, ...]
    others: tuple[Address, ...] = ()  # whom an answer would go to, and who passed it on


def facts(message: bytes | Header) -> HeaderFacts:
    """Read what filing needs of a message, or of its header alone; never raises."""
    header = _header(message)
    return HeaderFacts(
        message_id=message_id(header),
        in_reply_to=answered(header),
        references=_ids(header, "References"),
        subject=subject(header),
        sender=_shown(header, "From", MAX_PEOPLE),
        recipients=", ".join(filter(None, (_shown(header, name, MAX_PEOPLE) for name in ("To", "Cc")))),
        date=read_date(header.text("Date", MAX_DATE)),
        people=_people(header),
    )


def _people(header: Header) -> tuple[str, ...]:
    """Each once, in the order of their keys; none where that would be fewer than there are."""
    try:
        keys = {mailbox.address.key for name in ("From", "To", "Cc") for mailbox in header.mailboxes(name)}
    except AddressFault:
        return ()
    return tuple(sorted(keys)) if len(keys) <= MAX_TOLD_APART else ()


def correspondents(message: bytes | Header) -> Correspondents:
    """Read whose message it is: From alone says who sent it, and only where there is exactly one From."""
    header = _header(message)
    senders = _addresses(header, "From") if len(header.spans("From")) == 1 else ()
    recipients = tuple(address for name in _RECIPIENTS for address in _addresses(header, name))
    others = tuple(address for name in _OTHERS for address in _addresses(header, name))
    return Correspondents(_unique(senders), _unique(recipients), _unique(others))


def tags(subject: str) -> frozenset[str]:
    """What stands in brackets in a subject, without its case: ``Re: [C042] your return`` has c042."""
    return frozenset(match.casefold() for match in _TAG.findall(subject))


def _header(message: bytes | Header) -> Header:
    return message if isinstance(message, Header) else Header.read(message)


def _addresses(header: Header, name: str) -> tuple[Address, ...]:
    if name.lower() not in header.by_name:  # as most are not
        return ()
    try:
        return tuple(mailbox.address for mailbox in header.mailboxes(name))
    except AddressFault:
        return ()


def _unique(addresses: tuple[Address, ...]) -> tuple[Address, ...]:
    first: dict[str, Address] = {}
    for address in addresses:
        first.setdefault(address.key, address)
    return tuple(first.values())


def _shown(header: Header, name: str, limit: int) -> str:
    return header.text(name, limit * 8)[:limit]


def subject(header: Header) -> str:
    """As a person reads it; empty where there is none."""
    return _shown(header, "Subject", MAX_SUBJECT)


def answered(header: Header) -> tuple[str, ...]:
    """The Message-IDs that In-Reply-To names."""
    return _ids(header, "In-Reply-To")


def message_id(header: Header) -> str:
    """The first one, or what stands in its place; empty where there is none."""
    value = readable((header.first("Message-ID") or b"")[:MAX_READ])
    match = _MESSAGE_ID.search(value)
    return match[0] if match else value.strip()[:MAX_MESSAGE_ID]


def _ids(header: Header, name: str) -> tuple[str, ...]:
    if name.lower() not in header.by_name:
        return ()
    value = readable((header.first(name) or b"")[-MAX_READ:])
    return tuple(dict.fromkeys(_MESSAGE_ID.findall(value)))[-MAX_REFERENCES:]
