"""Says whether a member may send a submission, and only it makes the value that the rules take."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import InitVar, dataclass
from typing import Literal

from gateway.domain.address import Address, NamedAddress
from gateway.domain.errors import BadMessage, ClientOffLimits, GrantMissing, Loop, NotSignedIn
from gateway.domain.firm import Client, ContactAddress, Firm, Mailbox, Member
from gateway.domain.mail import Submission
from gateway.mime.address import AddressFault, hides_address
from gateway.mime.header import Header

ATTACHED = "attached"
ALLOW_OTHERS = "allow_others_to_send"
MAX_RECEIVED = 100  # hops: RFC 5321 section 6.3 asks for a limit of at least 100
OnClientFault = Literal["refuse", "pass"]

_HARMLESS = re.compile(rb'"(?:[^"\\]|\\.)*+"|\((?:[^()\\]|\\.)*+\)', re.DOTALL)  # quoted strings, comments
_LIST_SIGNS = re.compile(rb"[:;,]")  # of groups, lists and source routes, which not all readers take apart alike
_SEAL = object()


@dataclass(frozen=True, slots=True)
class Authorised:
    """A submission that its member may send; made by ``authorise`` alone: no other mail reaches the rules."""

    submission: Submission
    member: Member
    mailbox: Mailbox  # whose address is in From
    grant: str  # ATTACHED or ALLOW_OTHERS
    header_from: NamedAddress
    clients: tuple[Client, ...]  # whose addresses are among the recipients
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only authorise() makes this value")


def authorise(
    firm: Firm,
    submission: Submission,
    header: Header,
    *,
    without_sync: OnClientFault,
    without_access: OnClientFault,
) -> Authorised:
    """Check who wrote, as whom, and to which clients (contract.md, "Sending" 1 and 3).

    Raises NotSignedIn, Loop, BadMessage, GrantMissing or ClientOffLimits, in this order, each with its sentence.
    """
    member = firm.member_by_login.get(submission.login)
    if member is None:
        raise NotSignedIn("Sign in before sending: this account is not known here any more.")
    if len(header.all("Received")) > MAX_RECEIVED:
        raise Loop(f"This message has gone through more than {MAX_RECEIVED} servers; it seems to go round in circles.")
    header_from = _author(header)
    mailbox, grant = _granted(firm, member, header_from.address)
    if submission.sender is not None and submission.sender.key != mailbox.key:
        _granted(firm, member, submission.sender)
    for address in _resenders(header):
        _granted(firm, member, address)
    clients = _clients(firm, member, submission.recipients, without_sync=without_sync, without_access=without_access)
    return Authorised(submission, member, mailbox, grant, header_from, clients, seal=_SEAL)


def _author(header: Header) -> NamedAddress:
    if _has_stray_line(header):
        raise BadMessage("The message's header has a line that is no header field; send it again as a new message.")
    fields = header.spans("From")
    if len(fields) != 1:
        raise BadMessage("A message needs exactly one From field with exactly one address.")
    name = header.raw[fields[0].start : fields[0].value_start - 1]
    if len(name) != len("From") or _LIST_SIGNS.search(_HARMLESS.sub(b"", header.value(fields[0]))):
        raise BadMessage("The From field must be plain: one address, perhaps with a name, no group and no list.")
    try:
        authors = header.mailboxes("From")
    except AddressFault as error:
        raise BadMessage(f"The From field can't be read without doubt: {error}.") from error
    if len(authors) != 1:
        raise BadMessage("From must hold exactly one address.")
    if hides_address(authors[0]):
        raise BadMessage("The display name in From shows another address than the real one; change the name.")
    return authors[0]


def _has_stray_line(header: Header) -> bool:
    """Whether some line is no field: readers differ on whether it ends the header, so on what From is."""
    at = 0
    for span in header.fields:
        if span.start != at:
            return True
        at = span.end
    return header.raw[at : header.end] not in {b"", b"\r\n", b"\n"}


def _resenders(header: Header) -> Iterable[Address]:
    """Who re-sends (RFC 5322 section 3.6.6): claims like From, so the member must be allowed them as well."""
    for name in ("Resent-From", "Resent-Sender"):
        try:
            yield from (named.address for named in header.mailboxes(name))
        except AddressFault as error:
            raise BadMessage(f"The {name} field can't be read without doubt: {error}.") from error


def _granted(firm: Firm, member: Member, address: Address) -> tuple[Mailbox, str]:
    mailbox = firm.mailbox_by_key.get(address.key)
    if mailbox is None:
        raise GrantMissing(
            f"You ({member.login}) may not send as {address}: no mailbox with that address is synced. "
            "Choose the address of a mailbox that you are attached to."
        )
    if member.login in mailbox.members:
        return mailbox, ATTACHED
    if mailbox.allow_others_to_send:
        return mailbox, ALLOW_OTHERS
    raise GrantMissing(
        f"You ({member.login}) may not send as {mailbox.address}: you are not attached to that mailbox and it does not "
        "allow others to send. Ask an administrator to set members or allow_others_to_send."
    )


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
        entries = firm.clients_by_key.get(address.key, ())
        if entries:
            _check_client(member, address, entries, without_sync=without_sync, without_access=without_access)
        found.update({client.name: client for client, _ in entries})
    return tuple(found.values())


def _check_client(
    member: Member,
    address: Address,
    entries: tuple[tuple[Client, ContactAddress], ...],
    *,
    without_sync: OnClientFault,
    without_access: OnClientFault,
) -> None:
    """One client's being open is enough: an address may be a contact of several.

    A client that the member has no access to is not named: its being a client is not for them to know more of.
    """
    open_entries = [(client, entry) for client, entry in entries if client.open_to(member.login)]
    if without_access == "refuse" and not open_entries:
        raise ClientOffLimits(
            f"{address} belongs to a client that you have no access to. Ask an administrator for access to it."
        )
    considered = open_entries or list(entries)
    if without_sync == "refuse" and not any(entry.email_sync for _, entry in considered):
        names = " and ".join(f'"{client.name}"' for client, _ in open_entries) or "a client"
        raise ClientOffLimits(
            f"{address} of {names} is not synced, so it can't be mailed from here. "
            "Ask an administrator to turn email_sync on for that address."
        )
