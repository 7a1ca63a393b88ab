"""The firm: its members, mailboxes, signatures, rules, clients; one frozen snapshot that decisions are made on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import cached_property

from gateway.domain.address import Address, Same
from gateway.domain.schedule import Opening

# What a rule may say, as the firm's file calls it.
ACTIONS = ("send_as", "display_name", "reply_to", "sender", "signature", "bcc", "office_hours")

_NOTHING = (None, ())


class Role(StrEnum):
    """What a member may do to the firm's settings."""

    OWNER = "owner"
    ADMIN = "admin"
    EMPLOYEE = "employee"


class Security(StrEnum):
    """How a connection to the provider is protected."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider listens."""

    host: str
    port: int
    security: Security


@dataclass(frozen=True, slots=True)
class Secret:
    """A password or token that no repr, log line or error shows."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "[secret]"


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the firm; ``password_hash`` is an argon2 string, or empty: then nobody signs in as them."""

    login: str
    name: str
    role: Role = Role.EMPLOYEE
    password_hash: str = field(default="", repr=False)
    signature: str | None = None  # for mail from a mailbox that has none of its own


@dataclass(frozen=True, slots=True)
class Grant:
    """A member who is not attached may send from a mailbox, from the first day to the last, both included."""

    member: str
    first: date | None = None
    last: date | None = None

    def covers(self, day: date) -> bool:
        """Whether it holds on that day of the firm's calendar."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    @property
    def days(self) -> str:
        """Its days in words: "from 2026-08-01 to 2026-08-15"; empty where it neither begins nor ends."""
        first = f"from {self.first.isoformat()}" if self.first else ""
        last = self.last.isoformat() if self.last else ""
        return f"{first} to {last}" if first and last else first or (f"until {last}" if last else "")


@dataclass(frozen=True, slots=True)
class Fallback:
    """A second server for a mailbox's mail; it has a password where it has a user name, and else knows us otherwise."""

    smtp: Endpoint
    username: str = ""
    password: Secret = Secret("")


@dataclass(frozen=True, slots=True)
class SendingLimits:
    """What may leave through a mailbox; None: as its provider publishes it, or without a limit."""

    connections: int | None = None
    messages_per_minute: int | None = None
    recipients_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An upstream account; ``folders`` empty means the default ones."""

    address: Address
    name: str
    members: tuple[str, ...]
    username: str
    password: Secret
    imap: Endpoint
    smtp: Endpoint
    fallback: Fallback | None = None
    limits: SendingLimits = SendingLimits()
    allow_others_to_send: bool = False
    grants: tuple[Grant, ...] = ()
    save_attachments: bool = True
    authserv_id: str = ""  # by which its provider signs the results of its checks (RFC 8601 section 2.5), lower case
    signature: str | None = None
    folders: tuple[str, ...] = ()
    sent_copy_to_author: bool = False  # what leaves through it is put into the Sent of the author's own mailbox too
    mark_answered: bool = True  # \Answered is set on the message that was answered, where it lies here
    files_sent_mail: bool | None = None  # its provider puts what was sent into Sent; None: as the provider is known to

    @property
    def key(self) -> str:
        return self.address.key

    @property
    def account(self) -> tuple[object, ...]:
        """What a connection that sends is made with: one that was made with something else is of no use any more."""
        return self.smtp, self.username, self.password

    @property
    def by_fallback(self) -> Mailbox | None:
        """The same mailbox with its second server as its only one; None where it has none."""
        way = self.fallback
        if way is None:
            return None
        return replace(self, smtp=way.smtp, username=way.username, password=way.password, fallback=None)


@dataclass(frozen=True, slots=True)
class InlineImage:
    """A picture that an HTML signature shows as ``cid:<name>``."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signature:
    """Templates in jinja2's sandbox; ``html`` empty means the text one is shown in HTML parts too.

    A reply gets ``reply_text`` and ``reply_html`` where either is given, else what every mail gets.
    """

    name: str
    text: str
    html: str = ""
    images: tuple[InlineImage, ...] = ()
    reply_text: str = ""
    reply_html: str = ""


@dataclass(frozen=True, slots=True)
class When:
    """All that is given must hold; within a list any may. Empty: always."""

    member: tuple[str, ...] = ()
    sender: tuple[str, ...] = ()  # address asked for in From
    recipient: tuple[str, ...] = ()  # addresses, or "@domain"
    client: tuple[str, ...] = ()  # names of clients of whom a recipient is
    to_client: bool | None = None
    reply: bool | None = None  # whether it answers a message
    attachments: bool | None = None  # whether there is a file in it
    header: tuple[tuple[str, str], ...] = ()  # field name and pattern: "*" stands for anything; each must be found
    larger_than: int | None = None  # octets, as submitted
    smaller_than: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to a submission; per action the first matching rule decides."""

    name: str
    when: When = When()
    send_as: Address | None = None
    display_name: str | None = None
    reply_to: str | None = None
    sender: bool | None = None  # True: the author's own address in Sender
    signature: str | None = None  # "" means none
    bcc: tuple[Address, ...] = ()
    office_hours: bool | None = None  # True: it leaves when the office is open, unless its author says now
    # What it says anything about; a signature of none and a Sender that is not shown are said too.
    actions: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given = [action for action in ACTIONS if getattr(self, action) not in _NOTHING]
        object.__setattr__(self, "actions", tuple(given))


@dataclass(frozen=True, slots=True)
class ContactAddress:
    """One address of a contact with its toggles."""

    address: Address
    email_sync: bool = True
    notify: bool = True
    login: bool = False


@dataclass(frozen=True, slots=True)
class Contact:
    """A person whom the firm writes to."""

    name: str
    addresses: tuple[ContactAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class Client:
    """Whom the firm works for; ``members`` are the logins with access, or ``("*",)``."""

    name: str
    members: tuple[str, ...] = ()
    contacts: tuple[Contact, ...] = ()
    domains: tuple[str, ...] = ()  # A-labels: whoever writes from there is the client's, unless a contact's address
    tag: str = ""  # what [tag] in a subject stands for the client; empty: nothing does

    def open_to(self, login: str) -> bool:
        """Whether the member has access."""
        return "*" in self.members or login in self.members

    @property
    def addresses(self) -> tuple[ContactAddress, ...]:
        """All addresses of all contacts."""
        return tuple(address for contact in self.contacts for address in contact.addresses)


@dataclass(frozen=True)
class Firm:
    """Everything that decisions need to know, as it stood at one moment. Names are unique within their kind."""

    name: str = ""
    reply_to: Address | None = None
    timezone: str = "UTC"  # IANA name: whose days grants begin and end with
    office_hours: Opening | None = None  # None: the office never closes
    same_address: tuple[Same, ...] = ()
    members: tuple[Member, ...] = ()
    mailboxes: tuple[Mailbox, ...] = ()
    signatures: tuple[Signature, ...] = ()
    rules: tuple[Rule, ...] = ()
    clients: tuple[Client, ...] = ()
    revision: int = field(default=0, compare=False)  # grows with each change, and again once stored mail lies by it

    @cached_property
    def member_by_login(self) -> dict[str, Member]:
        return {member.login: member for member in self.members}

    @cached_property
    def mailbox_by_key(self) -> dict[str, Mailbox]:
        return {mailbox.key: mailbox for mailbox in self.mailboxes}

    def rules_of(self, login: str) -> tuple[Rule, ...]:
        """Those that may match what the member writes, in order: the others name other members."""
        known = self._rules_by_login.get(login)
        if known is None:
            known = tuple(rule for rule in self.rules if not rule.when.member or login in rule.when.member)
            if login in self.member_by_login:  # so that there are no more of them than members
                self._rules_by_login[login] = known
        return known

    @cached_property
    def _rules_by_login(self) -> dict[str, tuple[Rule, ...]]:
        return {}

    def own_address(self, login: str) -> Address | None:
        """The member's personal mailbox's address: the first that is attached to them alone."""
        return next((mailbox.address for mailbox in self.mailboxes if mailbox.members == (login,)), None)

    @cached_property
    def signature_by_name(self) -> dict[str, Signature]:
        return {signature.name: signature for signature in self.signatures}

    @cached_property
    def client_by_name(self) -> dict[str, Client]:
        return {client.name: client for client in self.clients}

    def clients_with(self, address: Address) -> tuple[tuple[Client, bool], ...]:
        """The clients whose the address is, each with whether its mail is filed, in the firm's order.

        By a contact's address, else by the client's domain: a contact's toggle says more than the domain does.
        """
        named = self._clients_by_key.get(address.key_as(self.same_address), ())
        others = self._clients_by_domain.get(address.domain, ())
        if not others:
            return named
        have = {client.name for client, _ in named}
        found = [*named, *((client, True) for client in others if client.name not in have)]
        return tuple(sorted(found, key=lambda one: self._places[one[0].name]))

    @cached_property
    def sought(self) -> dict[str, Address | str]:
        """By a name that stays: every address, or domain, whose mail is filed, as a server is asked for it."""
        known: dict[str, Address | str] = {
            entry.address.key: entry.address
            for client in self.clients
            for entry in client.addresses
            if entry.email_sync
        }
        return known | {f"@{domain}": f"@{domain}" for domain in self._clients_by_domain}

    @cached_property
    def clients_by_tag(self) -> dict[str, Client]:
        """By the tag without its case."""
        return {client.tag.casefold(): client for client in self.clients if client.tag}

    @cached_property
    def _clients_by_key(self) -> dict[str, tuple[tuple[Client, bool], ...]]:
        found: dict[str, dict[str, tuple[Client, bool]]] = {}
        for client in self.clients:
            for entry in client.addresses:
                entries = found.setdefault(entry.address.key_as(self.same_address), {})
                before = client.name in entries and entries[client.name][1]
                entries[client.name] = client, before or entry.email_sync
        return {key: tuple(entries.values()) for key, entries in found.items()}

    @cached_property
    def _clients_by_domain(self) -> dict[str, tuple[Client, ...]]:
        found: dict[str, list[Client]] = {}
        for client in self.clients:
            for domain in dict.fromkeys(client.domains):
                found.setdefault(domain, []).append(client)
        return {domain: tuple(clients) for domain, clients in found.items()}

    @cached_property
    def _places(self) -> dict[str, int]:
        return {client.name: place for place, client in enumerate(self.clients)}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference that was made to the firm; ``what`` names the fields, never a secret's value."""

    kind: str  # "member", "mailbox", "signature", "rule", "client", "firm"
    name: str
    verb: str  # "added", "changed", "removed"
    what: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.verb}" + (f": {self.what}" if self.what else "")
