"""The report to an author of what became of a message: multipart/report (RFC 6522, 3464), and 6533 where needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from gateway.domain.address import Address, NamedAddress
from gateway.domain.mail import QueueEntry
from gateway.mime.check import line_fault, longest_line
from gateway.mime.encoding import encode_base64, encode_quoted
from gateway.mime.header import MAX_LINE, Field, Header
from gateway.mime.report_status import Action, Told, delivery_status
from gateway.mime.report_words import SUBJECTS, sentences

MAX_HEADERS = 64 * 1024  # octets of the original's header that are shown: more is no help to anybody
MAX_FULL = 1_000_000  # octets of an original that comes back whole: above it is attachments, which its author has
MAX_MESSAGE_ID = 500  # characters that are taken over into In-Reply-To

_BLIND = frozenset({"bcc", "resent-bcc"})


@dataclass(frozen=True, slots=True)
class _Part:
    content_type: str
    encoding: str
    body: bytes


def delivery_report(
    *,
    entry: QueueEntry,
    told: Sequence[Told],
    original: bytes,
    hostname: str,
    now: datetime,
    seed: str,
    action: Action = Action.FAILED,
    to: Address | None = None,
    until: datetime | None = None,
) -> bytes:
    """The whole report, CRLF, ASCII but for an 8-bit original; its envelope sender must be ``<>`` (RFC 3464 section 2).

    Only ``told`` are named, so that blind copies that arrived stay blind. ``seed``: unguessable hex for boundary and
    Message-ID. ``to``: whom to tell, if not the envelope sender. ``until``: when a delayed message will be given up.
    The original comes back whole where RET=FULL asked for it, something failed (RFC 3461 section 4.3), and it is sound
    and not large; else its header does. ValueError where there is nobody to tell, or nothing to say.
    """
    author = to or entry.sender
    if author is None or not told:
        raise ValueError("a report needs an author and a recipient to tell of")
    whole = _whole(original) if entry.return_full and _may_return(told, action) else None
    status = delivery_status(entry, told, hostname, now, action=action, until=until)
    parts = (
        _text(sentences(entry, told, action=action, until=until)),
        _Part("message/delivery-status", "7bit", status),
        whole or _headers(original),
    )
    boundary = f"=_report_{seed}"
    fields = [
        *_fields(entry, author, hostname, now, seed=seed, action=action),
        Field.token("Content-Type", f'multipart/report; report-type=delivery-status; boundary="{boundary}"'),
    ]
    if any(part.encoding == "8bit" for part in parts):
        fields.append(Field.token("Content-Transfer-Encoding", "8bit"))
    head = b"".join(field.line for field in fields)
    body = b"".join(_wrapped(part, boundary) for part in parts)
    return head + b"\r\n" + body + f"--{boundary}--\r\n".encode()


def _fields(
    entry: QueueEntry, author: Address, hostname: str, now: datetime, *, seed: str, action: Action
) -> list[Field]:
    fields = [
        Field.token("Date", format_datetime(now)),
        Field.mailboxes("From", [NamedAddress("Mail delivery", Address("mailer-daemon", hostname))]),
        Field.mailboxes("To", [NamedAddress("", author)]),
        Field.unstructured("Subject", f"{SUBJECTS[action]}: {entry.subject}"),
        Field.token("Message-ID", f"<{seed}.report@{hostname}>"),
        Field.token("Auto-Submitted", "auto-replied"),
        Field.token("MIME-Version", "1.0"),
    ]
    known = entry.message_id
    if known.isascii() and known.isprintable() and " " not in known and 2 < len(known) <= MAX_MESSAGE_ID:
        fields += [Field.token("In-Reply-To", known), Field.token("References", known)]
    return fields


def _may_return(told: Sequence[Told], action: Action) -> bool:
    """Not where the message's form was refused (RFC 3463, X.6): the report that holds it would be refused as well."""
    return action is Action.FAILED and not any(outcome.status.startswith("5.6.") for _, outcome in told)


def _whole(original: bytes) -> _Part | None:
    """The original without any trace of blind copies; None where it is too large, or no part can hold it as it is."""
    header = Header.read(original)
    if len(original) > MAX_FULL or header.fault or line_fault(original) or longest_line(original) > MAX_LINE:
        return None
    head = b"".join(original[span.start : span.end] for span in header.fields if span.key not in _BLIND)
    body = original[header.block_end :]
    if not head.isascii():  # a report travels without SMTPUTF8, so these octets do not stay as they are: RFC 6532 3.7
        return _Part("message/global", "base64", encode_base64(head + body))
    return _Part("message/rfc822", "7bit" if body.isascii() else "8bit", head + body)


def _headers(original: bytes) -> _Part:
    """The original's header without its body, and without any trace of blind copies."""
    header = Header.read(original)
    kept, size = [], 0
    for span in header.fields:
        size += span.end - span.start
        if size > MAX_HEADERS:
            break
        if span.key not in _BLIND:
            kept.append(original[span.start : span.end])
    block = b"".join(kept)
    kind = "text/rfc822-headers" if block.isascii() else "message/global-headers"
    if block.isascii() and line_fault(block) is None and longest_line(block) <= MAX_LINE and block.endswith(b"\r\n"):
        return _Part(kind, "7bit", block)
    return _Part(kind, "quoted-printable", encode_quoted(block))


def _text(text: str) -> _Part:
    if text.isascii() and longest_line(text.encode()) <= MAX_LINE:
        return _Part("text/plain; charset=us-ascii", "7bit", text.encode())
    return _Part("text/plain; charset=utf-8", "quoted-printable", encode_quoted(text.encode()))


def _wrapped(part: _Part, boundary: str) -> bytes:
    head = f"--{boundary}\r\nContent-Type: {part.content_type}\r\nContent-Transfer-Encoding: {part.encoding}\r\n\r\n"
    end = b"" if part.body.endswith(b"\r\n") else b"\r\n"
    return head.encode() + part.body + end
