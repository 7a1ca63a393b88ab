"""Says whether a member may send a submission, and only it makes the value that the rules take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import InitVar, dataclass
from datetime import date
from typing import Literal

from gateway.domain.address import Address, NamedAddress
from gateway.domain.errors import ClientOffLimits, GrantMissing, Loop, NotSignedIn
from gateway.domain.firm import Client, Firm, Mailbox, Member
from gateway.domain.mail import Submission
from gateway.mime.header import Header
from gateway.policy import claims
from gateway.policy.grants import grant_of, granted
from gateway.policy.letter import Letter

ASKED = "asked"
ANSWERED = "answered"
MAX_RECEIVED = 100  # hops: RFC 5321 section 6.3 asks for a limit of at least 100
MAX_OWN_RECEIVED = 5  # times through a Postern: one here and some at the correspondents', more is a circle
OnClientFault = Literal["refuse", "pass"]

_OWN_TRACE = re.compile(rb"\(Postern\)\s+with\b")
_SEAL = object()


@dataclass(frozen=True, slots=True)
class Authorised:
    """A submission that its member may send; made by ``authorise`` alone: no other mail reaches the rules."""

    submission: Submission
    letter: Letter
    member: Member
    asked: Mailbox  # whose address is in From
    asked_grant: str  # why the member may use it, see ``Decision.grant``
    mailbox: Mailbox  # the one asked for, or the one that the answered mail was written to
    grant: str  # why the member may use that one
    header_from: NamedAddress
    clients: tuple[Client, ...]  # whose addresses are among the recipients
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only authorise() makes this value")

    @property
    def identity(self) -> str:
        """Who chose the mailbox so far: ASKED, or ANSWERED where that changed it."""
        return ASKED if self.mailbox.key == self.asked.key else ANSWERED


def authorise(
    firm: Firm,
    submission: Submission,
    header: Header,
    *,
    today: date,
    without_sync: OnClientFault,
    without_access: OnClientFault,
    answered: Sequence[Address] = (),
) -> Authorised:
    """Check who wrote, as whom, and to which clients (contract.md, "Sending" 1 and 3).

    ``today`` is the day of the firm's calendar. ``answered`` are the addresses that the client's mail was written to
    which this one answers: unless From is among them, the first that the member may use is the mailbox it leaves from.
    Raises NotSignedIn, Loop, BadMessage, GrantMissing or ClientOffLimits, each with its sentence.
    """
    member = firm.member_by_login.get(submission.login)
    if member is None:
        raise NotSignedIn("Sign in before sending: this account is not known here any more.")
    _check_trace(header)
    named = claims.check_block(header)
    header_from = claims.author(header)
    asked, asked_grant = granted(firm, member, header_from.address, today)
    if submission.sender is not None and submission.sender.key != header_from.address.key:
        granted(firm, member, submission.sender, today)
    _check_claims(firm, member, header, named, today)
    clients = _clients(firm, member, submission.recipients, without_sync=without_sync, without_access=without_access)
    mailbox, grant = _answering(firm, member, answered, today, (asked, asked_grant))
    return Authorised(
        submission=submission,
        letter=Letter(header),
        member=member,
        asked=asked,
        asked_grant=asked_grant,
        mailbox=mailbox,
        grant=grant,
        header_from=header_from,
        clients=clients,
        seal=_SEAL,
    )


def _check_trace(header: Header) -> None:
    if "received" not in header.by_name:
        return
    trace = header.all("Received")
    if len(trace) > MAX_RECEIVED:
        raise Loop(f"This message has gone through more than {MAX_RECEIVED} servers; it seems to go round in circles.")
    if sum(_OWN_TRACE.search(line) is not None for line in trace) > MAX_OWN_RECEIVED:
        raise Loop(
            f"This message has left through a gateway like this one more than {MAX_OWN_RECEIVED} times; it seems to go "
            "round in circles. Look for a mailbox that forwards to itself."
        )


def _check_claims(firm: Firm, member: Member, header: Header, named: frozenset[str], today: date) -> None:
    """Everybody whom the header names as sending is one whom the member may send as; ``named`` are its fields."""
    if "sender" in named:
        _granted_in("Sender", firm, member, claims.sender(header), today)
    if not named.isdisjoint(claims.RESENT):
        for address in claims.resenders(header):
            granted(firm, member, address, today)
    if "reply-to" in named:
        for address in claims.answers_to(header):
            if address.key in firm.mailbox_by_key:  # an address of somebody else's is the author's business
                _granted_in("Reply-To", firm, member, address, today)


def _granted_in(field: str, firm: Firm, member: Member, address: Address, today: date) -> None:
    try:
        granted(firm, member, address, today)
    except GrantMissing as error:
        raise GrantMissing(f"The {field} field names somebody else. {error.sentence}") from error


def _answering(
    firm: Firm, member: Member, answered: Sequence[Address], today: date, asked: tuple[Mailbox, str]
) -> tuple[Mailbox, str]:
    """The first mailbox that was written to and that the member may use; the one asked for where it is among them."""
    if not answered:
        return asked
    if asked[0].key in {address.key for address in answered}:
        return asked
    for address in answered:
        mailbox = firm.mailbox_by_key.get(address.key)
        grant = mailbox and grant_of(mailbox, member.login, today)
        if mailbox and grant:
            return mailbox, grant
    return asked


def _clients(
    firm: Firm,
    member: Member,
    recipients: Iterable[Address],
    *,
    without_sync: OnClientFault,
    without_access: OnClientFault,
) -> tuple[Client, ...]:
    found: dict[str, Client] = {}
    for address in recipients:
        entries = firm.clients_with(address)
        if entries:
            _check_client(member, address, entries, without_sync=without_sync, without_access=without_access)
            found.update({client.name: client for client, _ in entries})
    return tuple(found.values())


def _check_client(
    member: Member,
    address: Address,
    entries: tuple[tuple[Client, bool], ...],
    *,
    without_sync: OnClientFault,
    without_access: OnClientFault,
) -> None:
    """One client's being open is enough: an address may be a contact of several.

    A client that the member has no access to is not named: its being a client is not for them to know more of.
    """
    open_entries = [(client, synced) for client, synced in entries if client.open_to(member.login)]
    if without_access == "refuse" and not open_entries:
        raise ClientOffLimits(
            f"{address} belongs to a client that you have no access to. Ask an administrator for access to it."
        )
    considered = open_entries or list(entries)
    if without_sync == "refuse" and not any(synced for _, synced in considered):
        names = " and ".join(f'"{client.name}"' for client, _ in open_entries) or "a client"
        raise ClientOffLimits(
            f"{address} of {names} is not synced, so it can't be mailed from here. "
            "Ask an administrator to turn email_sync on for that address."
        )
