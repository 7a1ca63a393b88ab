"""Reads from a header who it says wrote, sent and wants the answers; what can be read in two ways is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from unicodedata import normalize

from gateway.domain.address import Address, NamedAddress
from gateway.domain.errors import BadMessage
from gateway.mime.address import AddressFault, hides_address, parse_mailboxes
from gateway.mime.header import MAX_FIELDS, Header, readable
from gateway.mime.words import decode_words

KNOWN = 1_024  # From fields that are remembered with what they say: a firm's members have one or two each
SHORT = 300  # octets of one that is; nobody's is longer
RESENT = frozenset({"resent-from", "resent-sender"})  # RFC 5322 section 3.6.6

_NAMES = RESENT | {"from", "sender", "reply-to"}  # section 3.6.2
_HARMLESS = re.compile(rb'"(?:[^"\\]|\\.)*+"|\((?:[^()\\]|\\.)*+\)', re.DOTALL)  # quoted strings, comments
_LIST_SIGNS = re.compile(rb"[:;,]")  # of groups, lists and source routes, which not all readers take apart alike
_AGAIN = "send it again as a new message"


def check_block(header: Header) -> frozenset[str]:
    """Refuse a header in which two readers may see different fields; give the names of its claims, in lower case.

    White space before a colon (obsolete, RFC 5322 section 4.5) is refused where somebody is named as writing; in any
    other field it changes nothing of who wrote, and ``Bcc :`` is known for what it is.
    """
    if not header.fault:
        return _NAMES.intersection(header.by_name)
    if not header.complete:
        raise BadMessage(f"The message's header has more than {MAX_FIELDS} fields; {_AGAIN}.")
    # Looked at here and not taken from header.fault, which names the first fault only, and may be the harmless one.
    if _has_stray_line(header):
        raise BadMessage(f"The message's header has a line that is no header field; {_AGAIN}.")
    block = header.raw[header.start : header.end]
    if b"\0" in block or block.count(b"\r") != block.count(b"\r\n"):
        raise BadMessage(f"The message's header holds a bare CR or a NUL; {_AGAIN}.")
    claims = [span for span in header.fields if span.key in _NAMES]
    for span in claims:
        if span.value_start - span.start != len(span.name) + 1:
            raise BadMessage(f"The {span.name} field has white space before its colon; {_AGAIN}.")
    return frozenset(span.key for span in claims)


def author(header: Header) -> NamedAddress:
    """Who is named in From: exactly one field with exactly one plain mailbox, or BadMessage."""
    values = header.all("From")
    if len(values) != 1:
        raise BadMessage("A message needs exactly one From field with exactly one address.")
    named = _author(values[0]) if len(values[0]) <= SHORT else _author.__wrapped__(values[0])
    if isinstance(named, str):
        raise BadMessage(named)
    return named


@lru_cache(maxsize=KNOWN)
def _author(value: bytes) -> NamedAddress | str:
    """Who it names, or what is wrong with it."""
    if not _is_plain(value):
        return "The From field must be plain: one address, perhaps with a name, no group and no list."
    try:
        named = parse_mailboxes(value.decode("utf-8", "surrogateescape"))
    except AddressFault as error:
        return f"The From field can't be read without doubt: {error}."
    if len(named) != 1:
        return "From must hold exactly one address."
    if hides_address(named[0]):
        return "The display name in From shows another address than the real one; change the name."
    return named[0]


def sender(header: Header) -> Address:
    """Who is named in Sender, which is there: exactly one field with exactly one plain mailbox, or BadMessage."""
    fields = header.spans("Sender")
    if len(fields) != 1:
        raise BadMessage("The message has more than one Sender field; leave them out, or keep one.")
    named = _mailboxes(header, "Sender")
    if len(named) != 1 or not _is_plain(header.value(fields[0])):
        raise BadMessage("The Sender field must name exactly one address; leave it out, or name yourself.")
    if hides_address(named[0]):
        raise BadMessage("The display name in Sender shows another address than the real one; leave the field out.")
    return named[0].address


def resenders(header: Header) -> Iterator[Address]:
    """Who re-sends (RFC 5322 section 3.6.6): claims like From."""
    for name in ("Resent-From", "Resent-Sender"):
        yield from (named.address for named in _mailboxes(header, name))


def answers_to(header: Header) -> Iterator[Address]:
    """Where answers are to go, as the author wrote it; a field without any @ names nobody, and programs write such."""
    if any("@" in normalize("NFKC", decode_words(readable(value))) for value in header.all("Reply-To")):
        yield from (named.address for named in _mailboxes(header, "Reply-To"))


def _mailboxes(header: Header, name: str) -> tuple[NamedAddress, ...]:
    try:
        return header.mailboxes(name)
    except AddressFault as error:
        raise BadMessage(f"The {name} field can't be read without doubt: {error}.") from error


def _is_plain(value: bytes) -> bool:
    return not _LIST_SIGNS.search(_HARMLESS.sub(b"", value))


def _has_stray_line(header: Header) -> bool:
    """Whether some line is no field: readers differ on whether it ends the header, so on what From is."""
    at = header.start
    for span in header.fields:
        if span.start != at:
            return True
        at = span.end
    return header.raw[at : header.end] not in {b"", b"\r\n", b"\n"}
