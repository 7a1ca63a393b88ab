"""Reads a firm document as the firm that it asks for, laid over the one that is; all its faults at once."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import ValidationError

from gateway.domain.address import Address
from gateway.domain.errors import Fault, Faulty
from gateway.domain.firm import (
    Client,
    Contact,
    ContactAddress,
    Endpoint,
    Fallback,
    Firm,
    Grant,
    InlineImage,
    Mailbox,
    Member,
    Rule,
    Secret,
    Security,
    SendingLimits,
    Signature,
    When,
)
from gateway.domain.schedule import Opening
from gateway.mime.address import AddressFault, parse_address
from gateway.office.crosscheck import Named, cross_faults
from gateway.policy.publicmail import is_public
from gateway.settings import firmtables as tables
from gateway.settings.faults import Table, faults_of, unknown_key

WHAT = "the firm's file"
_Noun = TypeVar("_Noun", bound=Member | Mailbox | Signature | Rule | Client)


@dataclass(frozen=True)
class FirmDraft:
    """The firm asked for, complete but for what is not in a document: hashes of new passwords."""

    firm: Firm  # mailboxes with their passwords, members with the hashes that they have
    passwords: Mapping[str, Secret]  # by login, of members that the document gives one
    replaced_kinds: frozenset[str]  # kinds of nouns that the document names


def parse(document: Mapping[str, object], *, current: Firm | None = None, prune: bool = False) -> FirmDraft:
    """Lay the document over ``current``: a noun that it names is as it says, one that it does not name stays.

    Two exceptions: ``[[rule]]`` is a list whose order counts, so one rule in the document replaces all rules; and with
    ``prune`` a noun that the document does not name goes, if the document names its kind at all (``client = []`` does).
    Secrets that the document leaves out stay. Raises Faulty with every fault, each with its path.
    """
    return _Reading(document, current or Firm()).draft(prune)


class _Reading:
    """One document while it is read: its faults so far, and where each noun of it stands."""

    def __init__(self, document: Mapping[str, object], current: Firm) -> None:
        self.document = document
        self.current = current
        self.faults: list[Fault] = []
        self.passwords: dict[str, Secret] = {}

    def draft(self, prune: bool) -> FirmDraft:
        known = ("firm", *tables.KINDS)
        self.faults += [Fault(key, unknown_key(key, known)) for key in self.document if key not in known]
        members = self._nouns("member", tables.MemberTable, self._member)
        mailboxes = self._nouns("mailbox", tables.MailboxTable, self._mailbox)
        signatures = self._nouns("signature", tables.SignatureTable, self._signature)
        rules = self._nouns("rule", tables.RuleTable, self._rule)
        clients = self._nouns("client", tables.ClientTable, self._client)
        firm = replace(
            self._header(),
            members=self._laid_over("member", self.current.members, members, lambda one: one.login, prune),
            mailboxes=self._laid_over("mailbox", self.current.mailboxes, mailboxes, lambda one: one.key, prune),
            signatures=self._laid_over("signature", self.current.signatures, signatures, lambda one: one.name, prune),
            rules=tuple(rules.values()) if "rule" in self.document else self.current.rules,
            clients=self._laid_over("client", self.current.clients, clients, lambda one: one.name, prune),
        )
        named = Named(members, mailboxes, signatures, rules, clients)
        self.faults += cross_faults(firm, named, self.document)
        if self.faults:
            raise Faulty(WHAT, self.faults)
        return FirmDraft(firm, self.passwords, frozenset(key for key in tables.KINDS if key in self.document))

    def _laid_over(
        self,
        kind: str,
        current: tuple[_Noun, ...],
        named: Mapping[str, _Noun],
        key: Callable[[_Noun], str],
        prune: bool,
    ) -> tuple[_Noun, ...]:
        """Keep the order of what is, new ones behind: another order in the file is no change."""
        asked: dict[str, _Noun] = {key(noun): noun for noun in named.values()}
        goes = prune and kind in self.document
        kept: list[_Noun | None] = [asked.pop(key(noun), None if goes else noun) for noun in current]
        return (*(noun for noun in kept if noun is not None), *asked.values())

    def _header(self) -> Firm:
        """Take ``[firm]`` where it is given; the nouns are filled in later."""
        if "firm" not in self.document:
            return self.current
        try:
            table = tables.FirmTable.model_validate(self.document["firm"])
        except ValidationError as error:
            self.faults += faults_of(error, tables.FirmTable, ("firm",))
            return self.current
        reply_to = None if table.reply_to is None else self._address(table.reply_to, "firm.reply_to")
        opening = None if table.office_hours is None else self._opening(table.office_hours)
        return replace(
            self.current,
            name=table.name,
            reply_to=reply_to,
            timezone=table.timezone,
            office_hours=opening,
            same_address=tuple(dict.fromkeys(table.same_address)),
        )

    def _opening(self, table: tables.OfficeHoursTable) -> Opening | None:
        days = frozenset(map(tables.WEEKDAYS.index, table.days))
        try:
            return Opening(table.opens, table.closes, days, frozenset(table.holidays))
        except ValueError as error:
            self.faults.append(Fault("firm.office_hours", f"{error}"))
            return None

    def _nouns(self, kind: str, model: type[_Table], build: Callable[[_Table, str], _Noun | None]) -> dict[str, _Noun]:
        """Build the nouns of one kind, by their path (``member[0]``); faulty ones are noted and left out."""
        items = self.document.get(kind, [])
        if not isinstance(items, list):
            self.faults.append(Fault(kind, f"must be a list of tables, each under [[{kind}]]"))
            return {}
        found: dict[str, _Noun] = {}
        for number, item in enumerate(items):
            path = f"{kind}[{number}]"
            try:
                noun = build(model.model_validate(item), path)
            except ValidationError as error:
                self.faults += faults_of(error, model, (kind, number))
                continue
            if noun is not None:
                found[path] = noun
        return found

    def _address(self, text: str, path: str) -> Address | None:
        try:
            return parse_address(text)
        except AddressFault as error:
            self.faults.append(Fault(path, f'"{text}" is not an address: {error}'))
            return None

    def _addresses(self, texts: list[str], path: str) -> tuple[Address, ...]:
        found = [self._address(text, f"{path}[{number}]") for number, text in enumerate(texts)]
        return tuple(address for address in found if address is not None)

    def _member(self, table: tables.MemberTable, _path: str) -> Member:
        if table.password is not None:
            self.passwords[table.login] = Secret(table.password)
        known = self.current.member_by_login.get(table.login)
        password_hash = known.password_hash if known else ""
        return Member(table.login, table.name, table.role, password_hash, table.signature or None)

    def _mailbox(self, table: tables.MailboxTable, path: str) -> Mailbox | None:
        address = self._address(table.address, f"{path}.address")
        known = self.current.mailbox_by_key.get(address.key) if address else None
        if table.password is None and known is None:
            self.faults.append(Fault(f"{path}.password", "is missing: a mailbox that is new here needs one"))
        if address is None:
            return None
        password = known.password if known and table.password is None else Secret(table.password or "")
        return Mailbox(
            address=address,
            name=table.name,
            members=tuple(dict.fromkeys(table.members)),
            username=table.username or str(address),
            password=password,
            imap=_endpoint(table.imap, tables.IMAP_PORTS),
            smtp=_endpoint(table.smtp, tables.SMTP_PORTS),
            limits=SendingLimits(**table.limits.model_dump()),
            fallback=self._fallback(table.fallback, known.fallback if known else None, f"{path}.fallback"),
            allow_others_to_send=table.allow_others_to_send,
            grants=self._grants(table, path),
            save_attachments=table.save_attachments,
            authserv_id=(table.authserv_id or "").lower(),
            signature=table.signature or None,
            folders=tuple(dict.fromkeys(table.folders)),
            sent_copy_to_author=table.sent_copy_to_author,
            mark_answered=table.mark_answered,
            files_sent_mail=table.files_sent_mail,
        )

    def _fallback(self, table: tables.FallbackTable | None, known: Fallback | None, path: str) -> Fallback | None:
        """A password that is not given is the one that is set, for the same server and user name."""
        if table is None:
            return None
        smtp = _endpoint(table, tables.SMTP_PORTS)
        if table.password is not None and table.username is None:
            self.faults.append(Fault(f"{path}.username", "is missing: the password is whose?"))
        if table.username is None:
            return Fallback(smtp)
        if table.password is not None:
            return Fallback(smtp, table.username, Secret(table.password))
        if known is None or (known.smtp, known.username) != (smtp, table.username):
            self.faults.append(Fault(f"{path}.password", "is missing: this server and user name are new here"))
            return None
        return Fallback(smtp, table.username, known.password)

    def _grants(self, table: tables.MailboxTable, path: str) -> tuple[Grant, ...]:
        for number, grant in enumerate(table.grants):
            if grant.first and grant.last and grant.last < grant.first:
                self.faults.append(Fault(f"{path}.grants[{number}].last", "must not lie before its first day"))
        return tuple(dict.fromkeys(Grant(grant.member, grant.first, grant.last) for grant in table.grants))

    def _signature(self, table: tables.SignatureTable, _path: str) -> Signature:
        images = (
            InlineImage(name, image.content_type, base64.b64decode(image.base64))
            for name, image in sorted(table.images.items())
        )
        return Signature(table.name, table.text, table.html, tuple(images), table.reply_text, table.reply_html)

    def _rule(self, table: tables.RuleTable, path: str) -> Rule:
        return Rule(
            name=table.name,
            when=self._when(table.when, f"{path}.when"),
            send_as=None if table.send_as is None else self._address(table.send_as, f"{path}.send_as"),
            display_name=table.display_name,
            reply_to=table.reply_to,
            sender=table.sender,
            signature=table.signature,
            bcc=self._addresses(table.bcc, f"{path}.bcc"),
            office_hours=table.office_hours,
        )

    def _when(self, table: tables.WhenTable, path: str) -> When:
        if (
            table.larger_than is not None
            and table.smaller_than is not None
            and table.smaller_than <= table.larger_than + 1
        ):
            self.faults.append(Fault(f"{path}.smaller_than", "leaves no size above larger_than: no message is both"))
        return When(
            member=tuple(dict.fromkeys(table.member)),
            sender=self._patterns(table.sender, f"{path}.sender"),
            recipient=self._patterns(table.recipient, f"{path}.recipient"),
            client=tuple(dict.fromkeys(table.client)),
            to_client=table.to_client,
            reply=table.reply,
            attachments=table.attachments,
            header=tuple(sorted(table.header.items())),
            larger_than=table.larger_than,
            smaller_than=table.smaller_than,
        )

    def _patterns(self, texts: list[str], path: str) -> tuple[str, ...]:
        """Addresses, or ``@domain`` for all of a domain, in the spelling that rules compare."""
        found = []
        for number, text in enumerate(texts):
            whole = text[:1] == "@"
            address = self._address(f"x{text}" if whole else text, f"{path}[{number}]")
            if address is not None:
                found.append(f"@{address.domain}" if whole else str(address))
        return tuple(dict.fromkeys(found))

    def _client(self, table: tables.ClientTable, path: str) -> Client:
        contacts = tuple(
            Contact(contact.name, self._contact_addresses(contact, f"{path}.contacts[{number}]"))
            for number, contact in enumerate(table.contacts)
        )
        return Client(
            table.name,
            tuple(dict.fromkeys(table.members)),
            contacts,
            domains=self._domains(table.domains, f"{path}.domains"),
            tag=table.tag or "",
        )

    def _domains(self, texts: list[str], path: str) -> tuple[str, ...]:
        """In lower-case A-labels."""
        found = []
        for number, text in enumerate(texts):
            address = self._address(f"x@{text.removeprefix('@')}", f"{path}[{number}]")
            if address is None:
                continue
            if is_public(address.domain):
                sentence = f'"{text}" is where everybody may have a mailbox: name the client\'s addresses instead'
                self.faults.append(Fault(f"{path}[{number}]", sentence))
            found.append(address.domain)
        return tuple(dict.fromkeys(found))

    def _contact_addresses(self, table: tables.ContactTable, path: str) -> tuple[ContactAddress, ...]:
        found = []
        for number, entry in enumerate(table.addresses):
            address = self._address(entry.address, f"{path}.addresses[{number}].address")
            if address is not None:
                found.append(ContactAddress(address, entry.email_sync, entry.notify, entry.login))
        return tuple(found)


_Table = TypeVar("_Table", bound=Table)


def _endpoint(table: tables.EndpointTable, ports: Mapping[Security, int]) -> Endpoint:
    return Endpoint(table.host.lower(), table.port or ports[table.security], table.security)
