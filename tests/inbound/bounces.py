"""Bounces for tests: one as the standard has it, and the real ones, re-addressed to a message of ours."""

from __future__ import annotations

import re
from datetime import timedelta

from gateway.domain.mail import Delivery, Outcome, QueueEntry, QueueState
from gateway.mime.bounce import returned
from tests.corpus import CORPUS
from tests.rig import AL, SUPPORT, Rig, letter

GOOD = Outcome(Delivery.DELIVERED, 250, "2.0.0", "taken", "final")


async def sent(r: Rig, *recipients: str, subject: str = "Your return") -> QueueEntry:
    """A message that our upstream took for all of its recipients."""
    entry = await r.accepted(letter(subject=subject, to=", ".join(recipients or (AL,))), *(recipients or (AL,)))
    await r.store.queue.claim(r.clock(), 1)
    outcomes = {one.address.key: GOOD for one in entry.recipients}
    await r.store.queue.settle(entry.id, QueueState.DONE, r.clock(), outcomes=outcomes)
    r.clock.forward(timedelta(seconds=1))
    return await r.store.queue.get(entry.id)


def bounce(
    message_id: str,
    recipient: str = AL,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    own_id: str = "<b1@mx.example>",
    envid: str = "",
    head: str = "Return-Path: <>",
) -> bytes:
    """A report of RFC 3464 about one recipient, with the original's header."""
    lines = [
        head,
        "From: Mail Delivery System <MAILER-DAEMON@mx.example>",
        f"To: {SUPPORT}",
        "Subject: Undelivered Mail Returned to Sender",
        f"Message-ID: {own_id}",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "I'm sorry to have to inform you that your message could not be delivered.",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example",
        *([f"Original-Envelope-Id: {envid}"] if envid else []),
        "",
        f"Final-Recipient: rfc822; {recipient}",
        f"Action: {action}",
        f"Status: {status}",
        f"Diagnostic-Code: smtp; 550 {status} no such user here",
        "",
        "--b",
        "Content-Type: text/rfc822-headers",
        "",
        f"From: {SUPPORT}",
        *([f"Message-ID: {message_id}"] if message_id else []),
        "Subject: Your return",
        "",
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


def readdressed(name: str, message_id: str, recipient: str = AL) -> bytes:
    """The real bounce, with our message's id and recipient in the place of those that it is about."""
    raw = (CORPUS / "messages" / name).read_bytes()
    about = returned(raw)
    assert about is not None
    assert about.recipients[0].address is not None
    raw = raw.replace(about.message_id.encode(), message_id.encode())
    was = re.compile(re.escape(str(about.recipients[0].address)).encode(), re.IGNORECASE)
    return was.sub(recipient.encode(), raw)
