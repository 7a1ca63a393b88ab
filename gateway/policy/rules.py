"""Applies the firm's rules to an authorised submission: whose identity, name, Reply-To, Sender, signature, BCC."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from gateway.domain.address import Address, NamedAddress
from gateway.domain.errors import Fault, Faulty
from gateway.domain.firm import ACTIONS, Client, Firm, Mailbox, Member, Rule, Signature
from gateway.domain.mail import Decision
from gateway.mime.address import AddressFault, hides_address, parse_address
from gateway.policy.authorise import Authorised
from gateway.policy.conditions import matches
from gateway.policy.letter import Letter
from gateway.policy.template import fill

WRONG = "A rule of the firm is wrong, so this waits until an administrator puts it right"
MAX_DISPLAY_NAME = 200  # characters: longer names push the address out of sight in every mail program
BY_RULE = "rule"
NOW = "X-Postern-Now"
Values = Callable[[], dict[str, object]]  # made only for who has a template to fill in

_NOBODY = dict.fromkeys(ACTIONS, Rule(""))


def decide(firm: Firm, authorised: Authorised) -> Decision:
    """Settle everything that rendering needs; per action the first matching rule in the firm's order decides.

    Raises Faulty when a rule's template can't be filled in or names what the firm does not have any more.
    """
    hits = matching(firm, authorised)
    chosen = settled(hits)
    acting = {rule.name for rule in chosen.values()}
    by = _NOBODY | chosen
    given = _mailbox(firm, by["send_as"].send_as)
    mailbox = given or authorised.mailbox
    named = partial(_values, firm, authorised, mailbox)
    return Decision(
        member=authorised.member,
        mailbox=mailbox,
        grant=authorised.asked_grant if given else authorised.grant,
        identity=BY_RULE if given else authorised.identity,
        display_name=_display_name(by["display_name"].display_name, named, authorised, mailbox),
        reply_to=_reply_to(by["reply_to"].reply_to, named),
        show_sender=bool(by["sender"].sender),
        signature=_signature(firm, _signature_name(by["signature"].signature, mailbox, authorised.member)),
        bcc=_copies(by["bcc"].bcc, authorised.submission.recipients),
        clients=authorised.clients,
        is_reply=authorised.letter.is_reply,
        rules=tuple([rule.name for rule in hits if rule.name in acting]),
        in_office_hours=bool(by["office_hours"].office_hours) and not is_urgent(authorised.letter),
    )


def matching(firm: Firm, authorised: Authorised) -> tuple[Rule, ...]:
    """The rules all of whose conditions hold, in the firm's order."""
    return tuple([rule for rule in firm.rules_of(authorised.member.login) if matches(rule.when, authorised)])


def settled(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Which rule decides each action: the first that has it."""
    chosen: dict[str, Rule] = {}
    for rule in rules:
        chosen = dict.fromkeys(rule.actions, rule) | chosen
    return chosen


def is_urgent(letter: Letter) -> bool:
    """Whether its author wants it to leave also while the office is closed; the field itself never leaves."""
    return any(text.strip().lower() == "yes" for text in letter.texts(NOW))


class Named(NamedTuple):
    """What templates may name."""

    member: str
    login: str
    firm: str
    mailbox: str
    address: str
    client: str  # only where there is one, since several must not read each other's names

    @classmethod
    def of(cls, firm: Firm, member: Member, mailbox: Mailbox, clients: Sequence[Client]) -> Named:
        client = clients[0].name if len(clients) == 1 else ""
        return cls(member.name, member.login, firm.name, mailbox.name, str(mailbox.address), client)

    def values(self) -> dict[str, object]:
        """As templates call them."""
        return {
            "member": {"name": self.member, "login": self.login},
            "firm": {"name": self.firm},
            "mailbox": {"name": self.mailbox, "address": self.address},
            "client": {"name": self.client},
        }


def one_line(text: str) -> str:
    """The text without controls, line separators and invisible direction marks, its white space single."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    shown = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(shown.split())


def _mailbox(firm: Firm, address: Address | None) -> Mailbox | None:
    if address is None:
        return None
    mailbox = firm.mailbox_by_key.get(address.key)
    if mailbox is None:
        raise Faulty(WRONG, [Fault("send_as", f"no mailbox with the address {address} is synced")])
    return mailbox


def _values(firm: Firm, authorised: Authorised, mailbox: Mailbox) -> dict[str, object]:
    return Named.of(firm, authorised.member, mailbox, authorised.clients).values()


def _display_name(template: str | None, named: Values, authorised: Authorised, mailbox: Mailbox) -> str | None:
    if template is not None:
        return one_line(fill(template, named()))[:MAX_DISPLAY_NAME] or mailbox.name
    written = authorised.header_from.name
    changed = mailbox.key != authorised.asked.key
    if not written and (changed or len(mailbox.members) > 1):
        return mailbox.name
    # The author's name may well be their own address, which is another's as soon as the identity changed.
    if changed and hides_address(NamedAddress(written, mailbox.address)):
        return mailbox.name
    return None


def _reply_to(template: str | None, named: Values) -> Address | None:
    filled = "" if template is None else one_line(fill(template, named()))
    if not filled:
        return None
    try:
        return parse_address(filled)
    except AddressFault as error:
        raise Faulty(WRONG, [Fault("reply_to", f"does not give an address: {error}")]) from error


def _signature_name(by_rule: str | None, mailbox: Mailbox, member: Member) -> str | None:
    """The rule's, which may be none; else the mailbox's, else the member's own."""
    return by_rule if by_rule is not None else mailbox.signature or member.signature


def _signature(firm: Firm, name: str | None) -> Signature | None:
    if not name:
        return None
    signature = firm.signature_by_name.get(name)
    if signature is None:
        raise Faulty(WRONG, [Fault("signature", f'there is no signature "{name}"')])
    return signature


def _copies(bcc: Sequence[Address], recipients: Sequence[Address]) -> tuple[Address, ...]:
    """The copies' addresses once each, and not those that get the message anyway."""
    if not bcc:
        return ()
    taken = {address.key for address in recipients}
    copies: dict[str, Address] = {}
    for address in bcc:
        if address.key not in taken:
            copies.setdefault(address.key, address)
    return tuple(copies.values())
