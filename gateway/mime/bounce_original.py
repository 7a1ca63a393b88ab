"""The message that came back: its header, as a part of the report or written into its text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.address import Address
from gateway.mime.address import AddressFault, parse_mailboxes
from gateway.mime.automatic import is_report
from gateway.mime.bounce_status import address_in
from gateway.mime.encoding import decode_transfer
from gateway.mime.facts import facts
from gateway.mime.header import Header, readable
from gateway.mime.tree import Part

MAX_HEADER = 256 * 1024  # octets of the original that are read: its header is in front
MAX_PEOPLE = 500  # addresses of the original's To and Cc that are compared with what the report names

_KINDS = frozenset(
    {
        "message/rfc822",
        "message/global",
        "text/rfc822-headers",
        "text/rfc822-header",
        "text/rfc822",
        "message/rfc822-headers",
        "message/global-headers",
    }
)
_FIELD = re.compile(rb"[A-Za-z][A-Za-z0-9-]{0,60}[ \t]*:")
_TELLING = frozenset(
    {
        b"message-id",
        b"received",
        b"return-path",
        b"from",
        b"to",
        b"date",
        b"subject",
        b"mime-version",
        b"dkim-signature",
    }
)
_SURE = frozenset({b"message-id", b"received", b"return-path", b"delivered-to", b"dkim-signature", b"arc-seal"})
_TO = ("To", "Cc", "Delivered-To", "X-Envelope-To", "X-Original-To", "Apparently-To")
_FROM = ("From", "Return-Path", "X-Envelope-From", "Sender", "Reply-To", "Errors-To")


@dataclass(frozen=True, slots=True)
class Original:
    """What its header says; empty where nothing came back."""

    message_id: str = ""
    sender: Address | None = None  # From, else the envelope's
    senders: frozenset[str] = frozenset()  # keys of all addresses that stand for its author
    recipients: tuple[Address, ...] = ()
    is_report: bool = False


def original_part(raw: bytes, tree: Sequence[Part]) -> bytes:
    """Cut out the returned message, or its header; empty where no part holds it."""
    for part in tree[1:]:
        named = part.content_type == "text/plain" and (part.filename or part.disposition == "attachment")
        if part.content_type in _KINDS or named:
            body = raw[part.header_end : min(part.body_end, part.header_end + MAX_HEADER)]
            block = decode_transfer(body, part.encoding)[0].lstrip(b"\r\n")
            if part.content_type in _KINDS or _looks_like_header(block.split(b"\n", 30)[:30]):
                return block
    return b""


def split_text(text: bytes) -> tuple[bytes, bytes]:
    """Part a report's text where the header of the returned message begins; the second is empty where none does.

    It begins at the first line that is a field of which at least two telling ones follow in the same block, one
    of them one that people don't type.
    """
    lines = text.split(b"\n")
    at = 0
    while at < len(lines):
        if not _FIELD.match(lines[at]):
            at += 1
            continue
        end = at + 1
        while end < len(lines) and (lines[end][:1] in {b" ", b"\t"} or _FIELD.match(lines[end])):
            end += 1
        if _looks_like_header(lines[at:end]):
            return b"\n".join(lines[:at]), b"\n".join(lines[at:])
        at = end
    return text, b""


def read_original(block: bytes) -> Original:
    """Read what matters of a returned message; never raises."""
    if not block:
        return Original()
    header = Header.read(_unbroken(block[:MAX_HEADER]))
    senders = [address for name in _FROM for address in _addresses(header, name)]
    recipients = {address.key: address for name in _TO for address in _addresses(header, name)}
    return Original(
        message_id=facts(header.raw).message_id,
        sender=senders[0] if senders else None,
        senders=frozenset(address.key for address in senders),
        recipients=tuple(recipients.values())[:MAX_PEOPLE],
        is_report=is_report(header),
    )


def _looks_like_header(lines: Sequence[bytes]) -> bool:
    names = {line.split(b":", 1)[0].strip().lower() for line in lines if _FIELD.match(line)}
    return len(names & (_TELLING | _SURE)) >= 2 and bool(names & _SURE)


def _unbroken(block: bytes) -> bytes:
    """Take up the header behind an empty line that a server put between its own fields and the original's."""
    head, gap, rest = block.replace(b"\r\n", b"\n").partition(b"\n\n")
    if gap and b"message-id" not in head.lower() and _looks_like_header(rest.lstrip(b"\n").split(b"\n", 60)[:60]):
        return head + b"\n" + rest.lstrip(b"\n")
    return block


def _addresses(header: Header, name: str) -> list[Address]:
    found: list[Address] = []
    for value in header.all(name)[:5]:
        text = readable(value)
        try:
            found.extend(mailbox.address for mailbox in parse_mailboxes(text))
        except AddressFault:
            address = address_in(text)
            found.extend([address] if address else [])
    return found
