"""A small firm that the decisions are tried on, and submissions to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Literal

from gateway.domain.address import Address
from gateway.domain.firm import (
    Client,
    Contact,
    ContactAddress,
    Endpoint,
    Firm,
    Grant,
    Mailbox,
    Member,
    Role,
    Rule,
    Secret,
    Security,
    Signature,
)
from gateway.domain.mail import Decision, Submission
from gateway.mime.address import parse_address
from gateway.mime.header import Header
from gateway.policy.authorise import Authorised, authorise

Decided = tuple[Authorised, Decision]
TODAY = date(2026, 3, 14)
NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
_ENDPOINT = Endpoint("127.0.0.1", 143, Security.NONE)


def address(text: str) -> Address:
    return parse_address(text)


def mailbox(
    text: str,
    *members: str,
    name: str = "",
    others: bool = False,
    signature: str | None = None,
    grants: Sequence[Grant] = (),
) -> Mailbox:
    return Mailbox(
        address=address(text),
        name=name or text.partition("@")[0].title(),
        members=members,
        username=text,
        password=Secret("secret"),
        imap=_ENDPOINT,
        smtp=_ENDPOINT,
        allow_others_to_send=others,
        grants=tuple(grants),
        signature=signature,
    )


def client(name: str, *addresses: str, members: Sequence[str] = ("*",), sync: bool = True) -> Client:
    entries = tuple(ContactAddress(address(text), email_sync=sync) for text in addresses)
    return Client(name, tuple(members), (Contact(name, entries),))


FIRM = Firm(
    name="Popescu & Co",
    members=(
        Member("ana", "Ana Pop", Role.OWNER),
        Member("ion", "Ion Ionescu"),
        Member("eva", "Eva Enescu"),
    ),
    mailboxes=(
        mailbox("ana@firm.example", "ana", name="Ana Pop"),
        mailbox("ion@firm.example", "ion", name="Ion Ionescu"),
        mailbox("support@firm.example", "ana", "ion", name="Popescu Support", others=True, signature="support"),
        mailbox("office@firm.example", "ana", name="Office"),
    ),
    signatures=(
        Signature("support", "-- \n{{ member.name }}\n{{ firm.name }}", "<p>{{ member.name }}, {{ firm.name }}</p>"),
        Signature("plain", "{{ member.name }}"),
    ),
    clients=(
        client("Al Pacino", "al@pacino.example"),
        client("Secret Corp", "boss@secret.example", members=["ana"]),
        client("Unsynced Ltd", "off@unsynced.example", sync=False),
    ),
)


def with_rules(*rules: Rule, firm: Firm = FIRM) -> Firm:
    return replace(firm, rules=rules)


def submission(
    header: str = "From: Ion Ionescu <ion@firm.example>",
    *,
    login: str = "ion",
    sender: str | None = None,
    to: Sequence[str] = ("someone@else.example",),
    body: bytes = b"Text\r\n",
) -> Submission:
    """What ``login`` hands over; the envelope's sender is <> unless given."""
    return Submission(
        login=login,
        sender=None if sender is None else address(sender),
        recipients=tuple(address(text) for text in to),
        raw=header.encode("utf-8", "surrogateescape").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        + b"\r\n\r\n"
        + body,
        received_at=NOON,
    )


def authorised(
    given: Submission,
    firm: Firm = FIRM,
    *,
    without_sync: Literal["refuse", "pass"] = "refuse",
    without_access: Literal["refuse", "pass"] = "refuse",
    answered: Sequence[str] = (),
    today: date = TODAY,
) -> Authorised:
    return authorise(
        firm,
        given,
        Header.read(given.raw),
        today=today,
        without_sync=without_sync,
        without_access=without_access,
        answered=[address(text) for text in answered],
    )
