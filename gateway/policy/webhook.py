"""What a webhook gets: the body and the signature of Standard Webhooks 1.0, and when it is tried again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

from gateway.domain.record import Event

SECRET_OCTETS = 32  # the specification asks for 24 to 64
PREFIX = "whsec_"

# The specification's schedule, but for its end: what failed for a day and a half is skipped, and the next is sent.
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
)


def written(secret: bytes) -> str:
    """As the other side's library takes it."""
    return PREFIX + base64.b64encode(secret).decode()


def body_of(event: Event) -> bytes:
    """``type``, ``timestamp`` and ``data``; the same octets at each attempt."""
    data = {
        "number": event.number,
        "text": event.text,
        "client": event.client,
        "mailbox": event.mailbox,
        "message": event.message,
        "queue_id": event.queue_id,
    }
    at = event.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": event.kind.value, "timestamp": at, "data": data}).encode()


def headers_of(secret: bytes, message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """The three fields by which the other side knows whose it is, that it is fresh, and whether it had it before."""
    stamp = str(int(now.timestamp()))
    signed = hmac.digest(secret, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256)
    signature = "v1," + base64.b64encode(signed).decode()
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signature}


def wait_after(attempts: int) -> timedelta | None:
    """How long to wait after so many attempts at one event; None: it is given up."""
    return WAITS[attempts - 1] if attempts <= len(WAITS) else None
