"""The report to an author about what was not delivered: multipart/report, RFC 6522 with 3464, and 6533 where needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from gateway.domain.address import Address, NamedAddress
from gateway.domain.mail import Outcome, QueueEntry, Recipient
from gateway.mime.check import line_fault, longest_line
from gateway.mime.encoding import encode_quoted
from gateway.mime.header import MAX_LINE, Field, Header
from gateway.mime.words import clean

MAX_HEADERS = 64 * 1024  # octets of the original's header that are shown: more is no help to anybody
MAX_MESSAGE_ID = 500  # characters that are taken over into In-Reply-To

Failure = tuple[Recipient, Outcome]

# By the beginning of the status (RFC 3463), the longest first: what a person can do about it.
_ADVICE = (
    ("4.", "The gateway keeps trying; there is nothing you have to do."),
    ("5.1.", "Check the address for a slip of the pen, then send the message again."),
    ("5.2.2", "That mailbox is full. Reach the recipient another way, or try again in some days."),
    ("5.2.3", "The message is too large for that mailbox. Send less at once."),
    ("5.2.", "That mailbox takes no mail at present. Reach the recipient another way."),
    ("5.3.4", "The message is too large for that server. Send less at once."),
    ("5.4.7", "Check what stands behind the @ of the address; if that is right, send the message again later."),
    ("5.6.", "That server can't take a message of this kind. Send it in another form, for example as a PDF."),
    ("5.7.", "That server's rules forbid the message. Reach the recipient another way, and show them this report."),
    ("", "Send the message again later; if it fails again, show this report to whoever looks after your mail."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Part:
    content_type: str
    encoding: str
    body: bytes


def delivery_report(
    *,
    entry: QueueEntry,
    failed: Sequence[Failure],
    original: bytes,
    hostname: str,
    now: datetime,
    seed: str,
    final: bool = True,
    to: Address | None = None,
) -> bytes:
    """The whole report, ASCII with CRLF; its envelope sender must be ``<>`` (RFC 3464 section 2).

    Only ``failed`` are named, so that blind copies that arrived stay blind. ``seed``: unguessable hex for boundary and
    Message-ID. ``final`` False: a notice of delay. ``to``: whom to tell, if not the envelope sender. ValueError where
    there is nobody to tell, or nothing to say.
    """
    author = to or entry.sender
    if author is None or not failed:
        raise ValueError("a report needs an author and a failure")
    boundary = f"=_report_{seed}"
    parts = (
        _text(_sentences(entry, failed, final=final)),
        _Part("message/delivery-status", "7bit", _status(entry, failed, hostname, now, final=final)),
        _headers(original),
    )
    head = b"".join(field.line for field in _fields(entry, author, hostname, now, seed, final=final))
    kind = Field.token("Content-Type", f'multipart/report; report-type=delivery-status; boundary="{boundary}"')
    return (
        head
        + kind.line
        + b"\r\n"
        + b"".join(_wrapped(part, boundary) for part in parts)
        + f"--{boundary}--\r\n".encode()
    )


def _fields(
    entry: QueueEntry, author: Address, hostname: str, now: datetime, seed: str, *, final: bool
) -> tuple[Field, ...]:
    verb = "Not delivered" if final else "Not delivered yet"
    fields = [
        Field.token("Date", format_datetime(now)),
        Field.mailboxes("From", [NamedAddress("Mail delivery", Address("mailer-daemon", hostname))]),
        Field.mailboxes("To", [NamedAddress("", author)]),
        Field.unstructured("Subject", f"{verb}: {entry.subject}"),
        Field.token("Message-ID", f"<{seed}.report@{hostname}>"),
        Field.token("Auto-Submitted", "auto-replied"),
        Field.token("MIME-Version", "1.0"),
    ]
    known = entry.message_id
    if known.isascii() and known.isprintable() and " " not in known and 2 < len(known) <= MAX_MESSAGE_ID:
        fields += [Field.token("In-Reply-To", known), Field.token("References", known)]
    return tuple(fields)


def _sentences(entry: QueueEntry, failed: Sequence[Failure], *, final: bool) -> str:
    count = "this recipient" if len(failed) == 1 else f"these {len(failed)} recipients"
    first = f"Your message did not reach {count}." if final else f"Your message has not reached {count} yet."
    lines = [
        first,
        "",
        f"Subject: {clean(entry.subject) or '(none)'}",
        f"Sent: {format_datetime(entry.accepted_at)}",
        "",
    ]
    for recipient, outcome in failed:
        lines += [f"  {recipient.address}", f"    Why: {_why(outcome)}", f"    What to do: {_advice(outcome)}", ""]
    lines.append("Recipients who are not named here are not affected.")
    return "\r\n".join(lines) + "\r\n"


def _why(outcome: Outcome) -> str:
    text = clean(outcome.text) or "no reason was given"
    return f"the receiving side answered {outcome.code}: {text}" if outcome.code else text


def _advice(outcome: Outcome) -> str:
    return next(advice for start, advice in _ADVICE if outcome.status.startswith(start))


def _status(entry: QueueEntry, failed: Sequence[Failure], hostname: str, now: datetime, *, final: bool) -> bytes:
    """RFC 3464 section 2."""
    message = [
        Field.token("Reporting-MTA", f"dns; {hostname}"),
        Field.token("Arrival-Date", format_datetime(entry.accepted_at)),
    ]
    groups = [message, *(_recipient(recipient, outcome, now, final=final) for recipient, outcome in failed)]
    return b"\r\n".join(b"".join(field.line for field in group) for group in groups)


def _recipient(recipient: Recipient, outcome: Outcome, now: datetime, *, final: bool) -> list[Field]:
    fields = [
        Field.token("Final-Recipient", _typed(recipient.address)),
        Field.token("Action", "failed" if final else "delayed"),
        Field.token("Status", outcome.status),
    ]
    if outcome.code:
        said = f"{outcome.code} {outcome.status} {clean(outcome.text)}".encode("ascii", "replace").decode()
        fields.append(Field.token("Diagnostic-Code", f"smtp; {said}"))
    return [*fields, Field.token("Last-Attempt-Date", format_datetime(now))]


def _typed(address: Address) -> str:
    """An address in ASCII: RFC 3464 section 2.1.2, or the escaped form of RFC 6533 section 3."""
    if address.is_ascii:
        return f"rfc822; {address}"
    escaped = "".join(c if c.isascii() else f"\\x{{{ord(c):X}}}" for c in str(address))
    return f"utf-8; {escaped}"


def _headers(original: bytes) -> _Part:
    """The original's header without its body, and without any trace of blind copies."""
    header = Header.read(original)
    kept, size = [], 0
    for span in header.fields:
        size += span.end - span.start
        if size > MAX_HEADERS:
            break
        if span.name.lower() not in {"bcc", "resent-bcc"}:
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
