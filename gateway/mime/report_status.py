"""What a report says to programs: message/delivery-status (RFC 3464 section 2, 3461 section 6.3, 6533 section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum

from gateway.domain.address import Address
from gateway.domain.mail import Outcome, QueueEntry, Recipient
from gateway.mime.header import Field
from gateway.mime.words import clean
from gateway.mime.xtext import encode_utf8

RELAYED = "2.1.9"  # RFC 3463 section 3.2: relayed to a system that sends no reports

Told = tuple[Recipient, Outcome]


class Action(StrEnum):
    """What became of a recipient (RFC 3464 section 2.3.3); we deliver into nobody's mailbox, so never "delivered"."""

    FAILED = "failed"
    DELAYED = "delayed"
    RELAYED = "relayed"


def delivery_status(
    entry: QueueEntry, told: Sequence[Told], hostname: str, now: datetime, *, action: Action, until: datetime | None
) -> bytes:
    """The fields of the message, then those of each recipient; ASCII with CRLF."""
    message = [
        *([Field.token("Original-Envelope-Id", entry.envid)] if entry.envid else []),
        Field.token("Reporting-MTA", f"dns; {hostname}"),
        Field.token("Arrival-Date", format_datetime(entry.accepted_at)),
    ]
    groups = [message, *(_recipient(recipient, outcome, now, action, until) for recipient, outcome in told)]
    return b"\r\n".join(b"".join(field.line for field in group) for group in groups)


def _recipient(
    recipient: Recipient, outcome: Outcome, now: datetime, action: Action, until: datetime | None
) -> list[Field]:
    fields = [
        *([Field.token("Original-Recipient", _original(recipient.wish.orcpt))] if recipient.wish.orcpt else []),
        Field.token("Final-Recipient", _final(recipient.address)),
        Field.token("Action", action.value),
        Field.token("Status", RELAYED if action is Action.RELAYED else outcome.status),
    ]
    if outcome.code:
        said = f"{outcome.code} {outcome.status} {clean(outcome.text)}".encode("ascii", "replace").decode()
        fields.append(Field.token("Diagnostic-Code", f"smtp; {said}"))
    fields.append(Field.token("Last-Attempt-Date", format_datetime(now)))
    if action is Action.DELAYED and until is not None:
        fields.append(Field.token("Will-Retry-Until", format_datetime(until)))
    return fields


def _final(address: Address) -> str:
    return f"rfc822; {address}" if address.is_ascii else f"utf-8; {encode_utf8(str(address))}"


def _original(orcpt: str) -> str:
    """ORCPT as a field holds it: decoded (RFC 3461 section 6.3), but for letters that ASCII lacks."""
    kind, _, address = orcpt.partition(";")
    return f"{kind}; {encode_utf8(address) if kind.lower() == 'utf-8' else address}"
