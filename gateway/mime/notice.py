"""The mail that tells a member of an event of the feed."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

from gateway.domain.address import Address, NamedAddress
from gateway.domain.record import Event
from gateway.mime.encoding import encode_quoted
from gateway.mime.header import Field
from gateway.mime.words import clean

MAX_SUBJECT = 150  # characters: more is cut off wherever it is shown


def notice(event: Event, to: Address, *, firm: str, message_id: str, now: datetime) -> bytes:
    """The whole message, CRLF and ASCII, from the member's own address to it; its envelope sender must be ``<>``.

    Automatic by RFC 3834 section 5, so that nothing answers it.
    """
    text = clean(event.text)
    fields = [
        Field.token("Date", format_datetime(now)),
        Field.mailboxes("From", [NamedAddress(firm or "Postern", to)]),
        Field.mailboxes("To", [NamedAddress("", to)]),
        Field.unstructured("Subject", text[:MAX_SUBJECT]),
        Field.token("Message-ID", message_id),
        Field.token("Auto-Submitted", "auto-generated"),
        Field.token("MIME-Version", "1.0"),
        Field.token("Content-Type", "text/plain; charset=utf-8"),
        Field.token("Content-Transfer-Encoding", "quoted-printable"),
    ]
    lines = [text, ""]
    lines += [f"Client: {clean(event.client)}"] if event.client else []
    lines += [f"Read it: postern mail show {event.message}"] if event.message is not None else []
    lines += [f"You get this because you chose mail for {event.kind.value}: `postern prefer` changes that.", ""]
    body = encode_quoted("\r\n".join(lines).encode("utf-8", "replace"))
    return b"".join(field.line for field in fields) + b"\r\n" + body
