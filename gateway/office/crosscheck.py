"""Finds where the firm that a document asks for contradicts itself: doubles, names of nothing, wrong templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from gateway.domain.errors import Fault
from gateway.domain.firm import Client, Firm, Mailbox, Member, Rule, Signature
from gateway.policy.filename import slug
from gateway.policy.template import template_fault

EVERYBODY = "*"
_Noun = TypeVar("_Noun")


@dataclass(frozen=True, slots=True)
class Named:
    """The nouns that the document names, each under its path."""

    members: Mapping[str, Member]
    mailboxes: Mapping[str, Mailbox]
    signatures: Mapping[str, Signature]
    rules: Mapping[str, Rule]
    clients: Mapping[str, Client]


def cross_faults(firm: Firm, named: Named, document: Mapping[str, object]) -> list[Fault]:
    """Check ``firm``, what is and what ``named`` changes of it, as a whole.

    A noun that the document means to give, but that is faulty itself, counts as there: it has its own fault.
    """
    members = set(firm.member_by_login) | _given(document, "member", "login")
    signatures = set(firm.signature_by_name) | _given(document, "signature", "name")
    clients = set(firm.client_by_name) | _given(document, "client", "name")
    mailboxes = set(firm.mailbox_by_key) | {name.casefold() for name in _given(document, "mailbox", "address")}
    return [
        *_doubles(firm, named),
        *_member_faults(firm, named, members),
        *_signature_faults(firm, named, signatures),
        *_send_as_faults(firm, named, mailboxes),
        *_client_name_faults(firm, named, clients),
        *_template_faults(named),
        *_hours_faults(firm, named, document),
        *_client_address_faults(firm, named),
        *_client_domain_faults(firm, named),
        *_tag_faults(firm, named),
    ]


def _given(document: Mapping[str, object], kind: str, key: str) -> set[str]:
    nouns = document.get(kind)
    tables = nouns if isinstance(nouns, list) else []
    return {str(table[key]) for table in tables if isinstance(table, dict) and key in table}


def _doubles(firm: Firm, named: Named) -> Iterator[Fault]:
    """Names are told apart without their case: people don't tell "ana" from "Ana", nor do some file systems."""
    kinds: tuple[tuple[str, str, list[tuple[str, str]]], ...] = (
        ("member", "login", _entries("member", named.members, firm.members, lambda one: one.login)),
        ("mailbox", "address", _entries("mailbox", named.mailboxes, firm.mailboxes, lambda one: one.key)),
        ("signature", "name", _entries("signature", named.signatures, firm.signatures, lambda one: one.name)),
        ("rule", "name", _entries("rule", named.rules, firm.rules, lambda one: one.name)),
        ("client", "name", _entries("client", named.clients, firm.clients, lambda one: one.name)),
    )
    for kind, key, entries in kinds:
        seen: dict[str, str] = {}
        for path, name in entries:
            first = seen.setdefault(name.casefold(), path)
            if first != path:
                yield Fault(f"{path}.{key}", f'"{name}" is there already: {first}')
        if kind == "client":
            yield from _shared_folders(entries)


def _shared_folders(clients: list[tuple[str, str]]) -> Iterator[Fault]:
    folders: dict[str, str] = {}
    for path, name in clients:
        other = folders.setdefault(slug(name).casefold(), name)
        if other.casefold() != name.casefold():
            yield Fault(
                f"{path}.name", f'"{other}" and "{name}" would have the same folder, "{slug(name)}"; rename one'
            )


def _entries(
    kind: str, named: Mapping[str, _Noun], nouns: Iterable[_Noun], name_of: Callable[[_Noun], str]
) -> list[tuple[str, str]]:
    """Every noun's path and name: first those that only the firm has, then the document's."""
    in_document = [(path, name_of(noun)) for path, noun in named.items()]
    names = {name for _, name in in_document}
    kept = (name_of(noun) for noun in nouns)
    return [(_elsewhere(kind, name), name) for name in kept if name not in names] + in_document


def _member_faults(firm: Firm, named: Named, members: set[str]) -> Iterator[Fault]:
    uses: list[tuple[str, Iterable[str]]] = [
        *((f"{_path(named.mailboxes, one, one.key, 'mailbox')}.members", one.members) for one in firm.mailboxes),
        *(
            (f"{_path(named.mailboxes, one, one.key, 'mailbox')}.grants", dict.fromkeys(g.member for g in one.grants))
            for one in firm.mailboxes
        ),
        *((f"{_path(named.rules, one, one.name, 'rule')}.when.member", one.when.member) for one in firm.rules),
        *(
            (f"{_path(named.clients, one, one.name, 'client')}.members", set(one.members) - {EVERYBODY})
            for one in firm.clients
        ),
    ]
    for path, logins in uses:
        for login in logins:
            if login not in members:
                yield Fault(path, f'there is no member "{login}"')


def _signature_faults(firm: Firm, named: Named, signatures: set[str]) -> Iterator[Fault]:
    uses = [
        *((_path(named.mailboxes, one, one.key, "mailbox"), one.signature) for one in firm.mailboxes),
        *((_path(named.members, one, one.login, "member"), one.signature) for one in firm.members),
        *((_path(named.rules, one, one.name, "rule"), one.signature) for one in firm.rules),
    ]
    for path, name in uses:
        if name and name not in signatures:
            yield Fault(f"{path}.signature", f'there is no signature "{name}"')


def _send_as_faults(firm: Firm, named: Named, mailboxes: set[str]) -> Iterator[Fault]:
    for rule in firm.rules:
        if rule.send_as is not None and rule.send_as.key not in mailboxes:
            path = _path(named.rules, rule, rule.name, "rule")
            yield Fault(f"{path}.send_as", f"there is no mailbox with the address {rule.send_as}")


def _client_name_faults(firm: Firm, named: Named, clients: set[str]) -> Iterator[Fault]:
    for rule in firm.rules:
        for name in rule.when.client:
            if name not in clients:
                path = _path(named.rules, rule, rule.name, "rule")
                yield Fault(f"{path}.when.client", f'there is no client "{name}"')


def _hours_faults(firm: Firm, named: Named, document: Mapping[str, object]) -> Iterator[Fault]:
    header = document.get("firm")
    if firm.office_hours or (isinstance(header, dict) and header.get("office_hours") is not None):
        return
    for rule in firm.rules:
        if rule.office_hours:
            path = _path(named.rules, rule, rule.name, "rule")
            yield Fault(f"{path}.office_hours", "the firm has no office_hours: say them in [firm]")


def _template_faults(named: Named) -> Iterator[Fault]:
    templates = [
        *((f"{path}.text", one.text) for path, one in named.signatures.items()),
        *((f"{path}.html", one.html) for path, one in named.signatures.items()),
        *((f"{path}.reply_text", one.reply_text) for path, one in named.signatures.items()),
        *((f"{path}.reply_html", one.reply_html) for path, one in named.signatures.items()),
        *((f"{path}.display_name", one.display_name) for path, one in named.rules.items()),
        *((f"{path}.reply_to", one.reply_to) for path, one in named.rules.items()),
    ]
    for path, template in templates:
        if template and (sentence := template_fault(template)):
            yield Fault(path, sentence)


def _client_address_faults(firm: Firm, named: Named) -> Iterator[Fault]:
    for client in firm.clients:
        path = _path(named.clients, client, client.name, "client")
        seen: set[str] = set()
        for entry in client.addresses:
            if entry.address.key in seen:
                yield Fault(f"{path}.contacts", f"{entry.address} is there twice: which toggles count?")
            if entry.address.key in firm.mailbox_by_key:
                yield Fault(
                    f"{path}.contacts", f"{entry.address} is a mailbox of the firm: all its mail would be theirs"
                )
            seen.add(entry.address.key)


def _client_domain_faults(firm: Firm, named: Named) -> Iterator[Fault]:
    own = {mailbox.address.domain for mailbox in firm.mailboxes}
    for client in firm.clients:
        for domain in own.intersection(client.domains):
            path = _path(named.clients, client, client.name, "client")
            yield Fault(f"{path}.domains", f"{domain} is the firm's own: all its mail would be theirs")


def _tag_faults(firm: Firm, named: Named) -> Iterator[Fault]:
    """Tags are compared without their case."""
    seen: dict[str, str] = {}
    for client in firm.clients:
        if client.tag and (first := seen.setdefault(client.tag.casefold(), client.name)) != client.name:
            path = _path(named.clients, client, client.name, "client")
            yield Fault(f"{path}.tag", f'"{client.tag}" is the tag of "{first}" already')


def _path(named: Mapping[str, object], noun: object, name: str, kind: str) -> str:
    """Where the document names the noun; one that it does not name is told by its own name."""
    return next((path for path, one in named.items() if one is noun), _elsewhere(kind, name))


def _elsewhere(kind: str, name: str) -> str:
    return f'{kind} "{name}" (not in the file)'
