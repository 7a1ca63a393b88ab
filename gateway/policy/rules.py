"""Applies the firm's rules to an authorised submission: whose identity, name, Reply-To, Sender, signature, BCC."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import TypeVar

from gateway.domain.address import Address, NamedAddress
from gateway.domain.errors import Fault, Faulty
from gateway.domain.firm import Client, Firm, Mailbox, Member, Rule, Signature, When
from gateway.domain.mail import Decision
from gateway.mime.address import AddressFault, hides_address, parse_address
from gateway.policy.authorise import Authorised
from gateway.policy.template import fill

WRONG = "A rule of the firm is wrong, so this waits until an administrator puts it right"
MAX_DISPLAY_NAME = 200  # characters: longer names push the address out of sight in every mail program

_T = TypeVar("_T")


def decide(firm: Firm, authorised: Authorised) -> Decision:
    """Settle everything that rendering needs; per action the first matching rule in the firm's order decides.

    Raises Faulty when a rule's template can't be filled in or names what the firm does not have any more.
    """
    matching = [rule for rule in firm.rules if matches(rule.when, authorised)]
    acted: set[str] = set()

    def first(action: Callable[[Rule], _T | None]) -> _T | None:
        for rule in matching:
            value = action(rule)
            if value is not None:
                acted.add(rule.name)
                return value
        return None

    mailbox = _mailbox(firm, first(lambda rule: rule.send_as)) or authorised.mailbox
    values = template_values(firm, authorised.member, mailbox, authorised.clients)
    display_name = first(lambda rule: rule.display_name)
    reply_to = first(lambda rule: rule.reply_to)
    show_sender = first(lambda rule: rule.sender)
    signature = first(lambda rule: rule.signature)
    bcc = first(lambda rule: rule.bcc or None)
    return Decision(
        member=authorised.member,
        mailbox=mailbox,
        grant=authorised.grant,
        display_name=_display_name(display_name, values, authorised, mailbox),
        reply_to=_reply_to(reply_to, values),
        show_sender=bool(show_sender),
        signature=_signature(firm, mailbox.signature if signature is None else signature),
        bcc=_copies(bcc or (), authorised.submission.recipients),
        clients=authorised.clients,
        rules=tuple(rule.name for rule in matching if rule.name in acted),
    )


def matches(when: When, authorised: Authorised) -> bool:
    """Whether all the conditions hold; within a list one is enough."""
    return (
        (not when.member or authorised.member.login in when.member)
        and (not when.sender or names(when.sender, authorised.mailbox.address))
        and (not when.recipient or any(names(when.recipient, each) for each in authorised.submission.recipients))
        and (when.to_client is None or when.to_client == bool(authorised.clients))
    )


def names(patterns: Sequence[str], address: Address) -> bool:
    """Whether one of ``user@domain`` and ``@domain`` is, or holds, the address."""
    spellings = {str(address).casefold(), f"@{address.domain}"}
    return any(pattern.casefold() in spellings for pattern in patterns)


def template_values(firm: Firm, member: Member, mailbox: Mailbox, clients: Sequence[Client]) -> dict[str, object]:
    """What templates may name; a client only where there is one, since several must not read each other's names."""
    return {
        "member": {"name": member.name, "login": member.login},
        "firm": {"name": firm.name},
        "mailbox": {"name": mailbox.name, "address": str(mailbox.address)},
        "client": {"name": clients[0].name if len(clients) == 1 else ""},
    }


def one_line(text: str) -> str:
    """The text without controls, line separators and invisible direction marks, its white space single."""
    shown = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(shown.split())


def _mailbox(firm: Firm, address: Address | None) -> Mailbox | None:
    if address is None:
        return None
    mailbox = firm.mailbox_by_key.get(address.key)
    if mailbox is None:
        raise Faulty(WRONG, [Fault("send_as", f"no mailbox with the address {address} is synced")])
    return mailbox


def _display_name(
    template: str | None, values: dict[str, object], authorised: Authorised, mailbox: Mailbox
) -> str | None:
    if template is not None:
        return one_line(fill(template, values))[:MAX_DISPLAY_NAME] or mailbox.name
    written = authorised.header_from.name
    changed = mailbox.key != authorised.mailbox.key
    if not written and (changed or len(mailbox.members) > 1):
        return mailbox.name
    # The author's name may well be their own address, which is another's as soon as a rule changed the identity.
    if changed and hides_address(NamedAddress(written, mailbox.address)):
        return mailbox.name
    return None


def _reply_to(template: str | None, values: dict[str, object]) -> Address | None:
    filled = "" if template is None else one_line(fill(template, values))
    if not filled:
        return None
    try:
        return parse_address(filled)
    except AddressFault as error:
        raise Faulty(WRONG, [Fault("reply_to", f"does not give an address: {error}")]) from error


def _signature(firm: Firm, name: str | None) -> Signature | None:
    if not name:
        return None
    signature = firm.signature_by_name.get(name)
    if signature is None:
        raise Faulty(WRONG, [Fault("signature", f'there is no signature "{name}"')])
    return signature


def _copies(bcc: Sequence[Address], recipients: Sequence[Address]) -> tuple[Address, ...]:
    """The copies' addresses once each, and not those that get the message anyway."""
    taken = {address.key for address in recipients}
    copies: dict[str, Address] = {}
    for address in bcc:
        if address.key not in taken:
            copies.setdefault(address.key, address)
    return tuple(copies.values())
