"""Letters as they lie in a mailbox, with the lines of servers on their way, and the DNS of those who sent them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.domain.verdict import Verdict
from gateway.mime.dkim import Signer, sign
from gateway.mime.dkim_canonical import relaxed_body, relaxed_field
from gateway.mime.header import Header
from gateway.policy.boundary import Trust
from gateway.policy.evidence import gather
from gateway.policy.lookup import FAILED, Answer, Kind, Question, answered
from tests.mime.signing import AT, published

GOOGLE = Trust(("mx.google.com",), always=True, servers=("google.com",))
MICROSOFT = Trust(("",), always=True, servers=("outlook.com",))
OWN = Trust(("mx.firm.example",))
NOBODY = Trust()

CLIENT = Signer("pacino.example", "s1", Ed25519PrivateKey.generate())
SUB = Signer("mail.pacino.example", "s1", Ed25519PrivateKey.generate())
ATTACKER = Signer("attacker.example", "s1", Ed25519PrivateKey.generate())
SEAL = generate_private_key(65_537, 2048)
KEYS = {published(one).record_name: published(one).record_value for one in (CLIENT, SUB, ATTACKER)}
KEYS |= {
    f"seal._domainkey.{by}": published(Signer(by, "seal", SEAL)).record_value
    for by in ("google.com", "attacker.example")
}

ENFORCED = {"_dmarc.pacino.example": "v=DMARC1; p=reject"}
MONITORED = {"_dmarc.pacino.example": "v=DMARC1; p=none"}
SPF = {
    "pacino.example": "v=spf1 ip4:203.1.113.7 -all",
    "attacker.example": "v=spf1 ip4:198.18.0.0/15 ip4:198.52.100.9 ~all",
}
FROM_CLIENT = "203.1.113.7"
FROM_ATTACKER = "198.52.100.9"

LETTER = (
    "From: Al Pacino <al@pacino.example>\r\nTo: ana@firm.example\r\nSubject: Invoice\r\n"
    "Date: Sun, 22 Nov 2026 06:29:00 +0000\r\nMessage-ID: <1@pacino.example>\r\n\r\nPlease see the invoice.\r\n"
)


def letter(sender: str = "Al Pacino <al@pacino.example>", *, top: str = "") -> bytes:
    """As its author's server sent it."""
    return (top + LETTER.replace("Al Pacino <al@pacino.example>", sender)).encode()


def signed(raw: bytes, *signers: Signer) -> bytes:
    return sign(raw, signers, AT)


def sealed(raw: bytes, by: str, results: str) -> bytes:
    """As a forwarder hands it on (RFC 8617): what it saw, a signature over the message, and a seal over both."""
    body = base64.b64encode(hashlib.sha256(relaxed_body(raw[Header.read(raw).end :])).digest()).decode()
    told = f"ARC-Authentication-Results: i=1; {by}; {results}\r\n"
    names = ("from", "to", "subject")
    fields = [_relaxed(raw, name) for name in names]
    common = f"i=1; a=rsa-sha256; d={by}; s=seal"
    message = f"ARC-Message-Signature: {common}; c=relaxed/relaxed; h={':'.join(names)}; bh={body}; b="
    message += _value([*fields, _line(message)]) + "\r\n"
    seal = f"ARC-Seal: {common}; cv=none; b="
    seal += _value([_line(told), _line(message), _line(seal)]) + "\r\n"
    return (seal + message + told).encode() + raw


def _line(text: str) -> bytes:
    name, _, value = text.partition(":")
    return relaxed_field(name.lower().encode(), value.removesuffix("\r\n").encode())


def _relaxed(raw: bytes, name: str) -> bytes:
    return relaxed_field(name.encode(), b" " + (Header.read(raw).first(name) or b""))


def _value(fields: Sequence[bytes]) -> str:
    return base64.b64encode(SEAL.sign(b"\r\n".join(fields), PKCS1v15(), SHA256())).decode()


def at_postfix(
    raw: bytes, *, ip: str = FROM_CLIENT, sender: str = "al@pacino.example", results: str = "", at: datetime = AT
) -> bytes:
    """In a mailbox of Dovecot behind Postfix: ``results`` above the Received, as a policy service writes them."""
    when = at.strftime("%a, %d %b %Y %H:%M:%S +0000")
    above = f"Authentication-Results: {results}\r\n" if results else ""
    return (
        f"Return-Path: <{sender}>\r\nDelivered-To: ana@firm.example\r\n"
        f"Received: from mx.firm.example ([127.0.0.1])\r\n\tby mx.firm.example with LMTP id 1a2b\r\n"
        f"\t(envelope-from <{sender}>) for <ana@firm.example>; {when}\r\n{above}"
        f"Received: from mail.example.org (mail.example.org [{ip}])\r\n"
        f"\t(using TLSv1.3 with cipher X (256/256 bits))\r\n\t(No client certificate requested)\r\n"
        f"\tby mx.firm.example (Postfix) with ESMTPS id 4XYZ\r\n\tfor <ana@firm.example>; {when}\r\n"
    ).encode() + raw


def at_google(raw: bytes, results: str, *, at: datetime = AT) -> bytes:
    """In a mailbox of Google's, which writes its results below its Received; none where they are empty."""
    when = at.strftime("%a, %d %b %Y %H:%M:%S +0000")
    below = f"Authentication-Results: mx.google.com;\r\n       {results}\r\n" if results else ""
    return (
        f"Delivered-To: ana@firm.example\r\nReceived: by 2002:a05:6a10:1234 with SMTP id abc;\r\n        {when}\r\n"
        f"X-Received: by 2002:a17 with SMTP id x; {when}\r\nReturn-Path: <al@pacino.example>\r\n"
        f"Received: from mail.example.org (mail.example.org. [203.1.113.7])\r\n"
        f"        by mx.google.com with ESMTPS id y\r\n"
        f"        for <ana@firm.example>;\r\n        {when}\r\n"
        f"Received-SPF: pass (google.com: x) client-ip=203.1.113.7;\r\n{below}"
    ).encode() + raw


def dns(*zones: Mapping[str, str], failing: Sequence[str] = ()) -> Callable[[Question], Answer]:
    """Answers from TXT records by name; names in ``failing`` get no answer."""
    known = {name: text for zone in (KEYS, *zones) for name, text in zone.items()}

    def ask(question: Question) -> Answer:
        if question.name in failing or "*" in failing:
            return FAILED
        if question.kind is Kind.TXT and question.name in known:
            return Answer(texts=(known[question.name].encode(),))
        return Answer()

    return ask


def verdict(
    raw: bytes,
    trust: Trust = NOBODY,
    ask: Callable[[Question], Answer] | None = None,
    *,
    now: datetime = AT + timedelta(minutes=1),
    own: Sequence[str] = (),
    announced: bool = True,
) -> Verdict:
    lookup = gather(raw, Header.read(raw), trust=trust, now=now, announced=announced, own=own)
    return answered(lookup, ask or dns(ENFORCED, SPF))


LATER = datetime(2027, 6, 1, tzinfo=UTC)
