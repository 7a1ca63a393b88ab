"""The tables of the firm's file (contract.md): which keys there are, of which kind, with which default."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, StringConstraints, field_validator

from gateway.domain.address import Same
from gateway.domain.firm import Role, Security
from gateway.settings.days import Day
from gateway.settings.faults import Table
from gateway.settings.quantities import is_host_name, parse_size

MAX_LINE = 200  # characters of a name: longer ones break lists, folders and header lines
MAX_TEMPLATE = 262_144  # characters: a designer's HTML signature with its styles has a tenth of that
MAX_IMAGE = 262_144  # octets: a logo travels in every message
MAX_PASSWORD = 1_024  # characters of a member's: longer ones only make sign-in cost more
MAX_GRANTS = 1_000  # of one mailbox: leave cover of a large firm for years
MAX_SECRET = 16_384  # octets: OAuth2 tokens stay below 4 KiB
IMAP_PORTS = {Security.TLS: 993, Security.STARTTLS: 143, Security.NONE: 143}
MAX_HOLIDAYS = 1_000  # of a firm: decades of them
MAX_CONNECTIONS = 32  # of one mailbox: as many messages as are ever in hand for it
MAX_DOMAINS = 100  # of one client: a group of companies
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SMTP_PORTS = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}


_TAG = re.compile(r"[\w./-]{1,32}")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def _one_line(value: object) -> object:
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("must be one line without control or invisible characters")
    if isinstance(value, str) and value != value.strip():
        raise ValueError("must not begin or end with a space")
    if value == "":
        raise ValueError("must not be empty")
    return value


def _login(value: object) -> object:
    if isinstance(value, str) and (" " in value or value == "*"):
        raise ValueError('must be a name without spaces, and not "*"')
    return _one_line(value)


def _secret(value: object) -> object:
    if isinstance(value, dict):
        raise ValueError("must be text: only a file's reader resolves { env }, { file } and { credential }")  # noqa: TRY004
    if isinstance(value, str) and ("\0" in value or not value or len(value.encode("utf-8", "replace")) > MAX_SECRET):
        raise ValueError(f"must not be empty, longer than {MAX_SECRET} octets, or hold a NUL")
    return value


def _role(value: object) -> object:
    return Role(_one_of(value, tuple(Role)))


def _security(value: object) -> object:
    return Security(_one_of(value, tuple(Security)))


def _one_of(value: object, words: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in words:
        raise ValueError("must be one of " + ", ".join(f'"{word}"' for word in words))
    return value


def _timezone(value: object) -> object:
    if not isinstance(value, str) or value == "UTC":
        return value
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{value}" is no time zone known here: write it like "Europe/Bucharest"') from None


def _clock(value: object) -> object:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a time of day like "08:30"')
    return time(int(match[1]), int(match[2]))


def _weekday(value: object) -> object:
    return _one_of(value, WEEKDAYS)


def _same(value: object) -> object:
    return Same(_one_of(value, tuple(Same)))


def _tag(value: object) -> object:
    if not isinstance(value, str) or not _TAG.fullmatch(value):
        raise ValueError('must be 1 to 32 letters, digits, and . _ / - without spaces, like "C042"')
    return value


def _size(value: object) -> object:
    """Octets; a truth value is none, though it is a whole number to Python."""
    if isinstance(value, str):
        return parse_size(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError('must be a size like "5 MB", or a number of octets')
    return value


Line = Annotated[str, BeforeValidator(_one_line), StringConstraints(max_length=MAX_LINE)]
Login = Annotated[str, BeforeValidator(_login), StringConstraints(max_length=MAX_LINE)]
Template = Annotated[str, StringConstraints(max_length=MAX_TEMPLATE)]
ImageName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[!-9;-~]{1,76}$")]  # RFC 5322 section 2.2
AuthservId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,253}$")]  # RFC 8601 section 2.5
Timezone = Annotated[str, BeforeValidator(_timezone)]
Clock = Annotated[time, BeforeValidator(_clock)]
Weekday = Annotated[str, BeforeValidator(_weekday)]
Size = Annotated[int, BeforeValidator(_size)]
SameAddress = Annotated[Same, BeforeValidator(_same)]
Tag = Annotated[str, BeforeValidator(_tag)]
SecretText = Annotated[str, BeforeValidator(_secret)]


class OfficeHoursTable(Table):
    """``office_hours`` of the firm, until before ``closes``; "00:00" is the end of the day."""

    days: Annotated[list[Weekday], Field(min_length=1)] = Field(default=list(WEEKDAYS[:5]))
    opens: Clock
    closes: Clock
    holidays: Annotated[list[Day], Field(max_length=MAX_HOLIDAYS)] = Field(default_factory=list)


class FirmTable(Table):
    """``[firm]``."""

    name: Line
    reply_to: str | None = None
    timezone: Timezone = "UTC"
    office_hours: OfficeHoursTable | None = None
    same_address: list[SameAddress] = Field(default_factory=list)


class MemberTable(Table):
    """``[[member]]``; without a password the one that is set stays."""

    login: Login
    name: Line
    role: Annotated[Role, BeforeValidator(_role)] = Role.EMPLOYEE
    password: Annotated[SecretText, StringConstraints(max_length=MAX_PASSWORD)] | None = None
    signature: str | None = None


class EndpointTable(Table):
    """``imap`` and ``smtp`` of a mailbox; the port follows from the security."""

    host: str
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    security: Annotated[Security, BeforeValidator(_security)] = Security.TLS

    @field_validator("host")
    @classmethod
    def _is_host(cls, value: str) -> str:
        if not is_host_name(value) and not (":" in value and value.replace(":", "").isalnum()):
            raise ValueError(f'"{value}" is not a host name')
        return value


class FallbackTable(EndpointTable):
    """``fallback`` of a mailbox; without a user name its server is taken to know us otherwise."""

    username: Line | None = None
    password: SecretText | None = None


class LimitsTable(Table):
    """``limits`` of a mailbox; what is left out is as the provider publishes it."""

    connections: Annotated[int, Field(ge=1, le=MAX_CONNECTIONS)] | None = None
    messages_per_minute: Annotated[int, Field(ge=1)] | None = None
    recipients_per_day: Annotated[int, Field(ge=1)] | None = None


class GrantTable(Table):
    """One of ``grants`` of a mailbox; both days are included."""

    member: str
    first: Day | None = None
    last: Day | None = None


class MailboxTable(Table):
    """``[[mailbox]]``."""

    address: str
    name: Line
    members: list[str] = Field(default_factory=list)
    allow_others_to_send: bool = False
    grants: Annotated[list[GrantTable], Field(max_length=MAX_GRANTS)] = Field(default_factory=list)
    save_attachments: bool = True
    authserv_id: AuthservId | None = None
    signature: str | None = None
    username: Line | None = None
    password: SecretText | None = None
    imap: EndpointTable
    smtp: EndpointTable
    fallback: FallbackTable | None = None
    limits: LimitsTable = LimitsTable()
    folders: list[Line] = Field(default_factory=list)
    sent_copy_to_author: bool = False
    mark_answered: bool = True
    files_sent_mail: bool | None = None


class ImageTable(Table):
    """One picture of a signature, as the file's reader packed it."""

    content_type: Literal["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"]
    base64: str

    @field_validator("base64")
    @classmethod
    def _decodes(cls, value: str) -> str:
        try:
            size = len(base64.b64decode(value, validate=True))
        except (binascii.Error, ValueError):
            raise ValueError("is not base64") from None
        if not 0 < size <= MAX_IMAGE:
            raise ValueError(f"must hold a picture of at most {MAX_IMAGE} octets: it travels in every message")
        return value


class SignatureTable(Table):
    """``[[signature]]``; ``images`` are shown in ``html`` and ``reply_html`` as ``cid:<name>``."""

    name: Line
    text: Template
    html: Template = ""
    reply_text: Template = ""
    reply_html: Template = ""
    images: dict[ImageName, ImageTable] = Field(default_factory=dict)


class WhenTable(Table):
    """``when`` of a rule."""

    member: list[str] = Field(default_factory=list)
    sender: list[str] = Field(default_factory=list)
    recipient: list[str] = Field(default_factory=list)
    client: list[str] = Field(default_factory=list)
    to_client: bool | None = None
    reply: bool | None = None
    attachments: bool | None = None
    header: dict[FieldName, Line] = Field(default_factory=dict)
    larger_than: Size | None = None
    smaller_than: Size | None = None


class RuleTable(Table):
    """``[[rule]]``; the order is the file's."""

    name: Line
    when: WhenTable = WhenTable()
    send_as: str | None = None
    display_name: Template | None = None
    reply_to: Template | None = None
    sender: bool | None = None
    signature: str | None = None
    bcc: list[str] = Field(default_factory=list)
    office_hours: bool | None = None


class ContactAddressTable(Table):
    """One of ``addresses`` of a contact."""

    address: str
    email_sync: bool = True
    notify: bool = True
    login: bool = False


class ContactTable(Table):
    """One of ``contacts`` of a client."""

    name: Line
    addresses: list[ContactAddressTable] = Field(default_factory=list)


class ClientTable(Table):
    """``[[client]]``."""

    name: Line
    members: list[str] = Field(default_factory=list)
    contacts: list[ContactTable] = Field(default_factory=list)
    domains: Annotated[list[Line], Field(max_length=MAX_DOMAINS)] = Field(default_factory=list)
    tag: Tag | None = None


KINDS: dict[str, type[Table]] = {
    "member": MemberTable,
    "mailbox": MailboxTable,
    "signature": SignatureTable,
    "rule": RuleTable,
    "client": ClientTable,
}
