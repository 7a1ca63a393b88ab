"""The sysadmin's settings, `postern.toml` and `conf.d/*.toml`: default, meaning and check of each, side by side."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator

from gateway.domain.errors import Fault, Faulty
from gateway.settings.checks import cross_faults
from gateway.settings.faults import Table, faults_of, read_toml, unknown_key
from gateway.settings.quantities import Listen, is_host_name, parse_duration, parse_listen, parse_nameserver, parse_size

MIN_MESSAGE_SIZE = 64_000  # octets: RFC 5321 section 4.5.3.1.7 asks every server to take at least these
MAX_MESSAGE_SIZE = 1_000_000_000  # octets: SQLite holds no larger value by default, and a message is held in memory
FEWEST_CONNECTIONS = 3  # one to wait in the INBOX, one to look into other folders, one for copies in Sent
FALLBACK_HOSTNAME = "localhost"  # where the machine's own name is none that SMTP allows
SQLITE_PREFIXES = ("sqlite+aiosqlite:///", "sqlite:///")


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _listen(value: object) -> object:
    return parse_listen(value) if isinstance(value, str) else value


def _nameserver(value: object) -> object:
    return parse_nameserver(value) if isinstance(value, str) else value


def _path(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    if not value or "\0" in value:
        raise ValueError("must be a path")
    base: Path = info.context["base"] if info.context else Path()
    return base / value


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def hostname_of(machine: str) -> str:
    """Give the machine's name as SMTP may show it (RFC 5321 section 2.3.5)."""
    return machine.lower() if is_host_name(machine) else FALLBACK_HOSTNAME


Octets = Annotated[int, BeforeValidator(_size)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
FilePath = Annotated[Path, BeforeValidator(_path)]
Listens = Annotated[tuple[Annotated[Listen, BeforeValidator(_listen)], ...], BeforeValidator(_tuple)]
Nameservers = Annotated[tuple[Annotated[Listen, BeforeValidator(_nameserver)], ...], BeforeValidator(_tuple)]
Durations = Annotated[tuple[Duration, ...], BeforeValidator(_tuple)]


class Submission(Table):
    """Where mail programs hand over their mail."""

    hostname: str = Field(default_factory=lambda: hostname_of(socket.gethostname()))
    listen: Listens = (Listen("127.0.0.1", 1587),)
    listen_tls: Listens = ()
    max_message_size: Octets = 50_000_000  # octets
    require_tls: bool = True  # loopback peers are let off

    @field_validator("hostname")
    @classmethod
    def _is_host(cls, value: str) -> str:
        if not is_host_name(value):
            raise ValueError(f'"{value}" is not a host name: write it like "mail.firm.example"')
        return value.lower()

    @field_validator("max_message_size")
    @classmethod
    def _in_range(cls, value: int) -> int:
        if not MIN_MESSAGE_SIZE <= value <= MAX_MESSAGE_SIZE:
            raise ValueError(f"must be between {MIN_MESSAGE_SIZE} and {MAX_MESSAGE_SIZE} octets")
        return value


class Tls(Table):
    """The certificate chain that we show to mail programs, and its key, both PEM."""

    certificate: FilePath
    key: FilePath


class Admin(Table):
    """The admin socket; ``group`` may use it besides us and root, where ``group_needs_token`` with a member's token."""

    socket: FilePath
    group: str | None = None
    group_needs_token: bool = False


class Database(Table):
    """None: a SQLite file in the data folder."""

    url: str | None = None

    @field_validator("url")
    @classmethod
    def _is_sqlite(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(SQLITE_PREFIXES):
            raise ValueError(f'only SQLite is supported yet: "{SQLITE_PREFIXES[0]}/absolute/path.db"')
        return value


class Queue(Table):
    """When to try again; past its end the last wait of ``retry`` repeats until ``give_up_after``."""

    retry: Durations = tuple(map(parse_duration, ("1m", "5m", "15m", "1h", "3h", "6h")))
    give_up_after: Duration = timedelta(days=5)
    undo_window: Duration = timedelta(0)
    keep_done: Duration = timedelta(days=30)

    @field_validator("keep_done")
    @classmethod
    def _days(cls, value: timedelta) -> timedelta:
        if value < timedelta(days=1):
            raise ValueError('must be at least "1d": bounces that come back later are told by it; "30d" is usual')
        return value

    @field_validator("retry")
    @classmethod
    def _waits(cls, value: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
        if not value or min(value) < timedelta(seconds=1):
            raise ValueError('needs at least one wait, none shorter than "1s"')
        return value

    @field_validator("give_up_after")
    @classmethod
    def _positive(cls, value: timedelta) -> timedelta:
        if value < timedelta(seconds=1):
            raise ValueError('must be at least "1s"; "5d" is usual')
        return value


class Log(Table):
    """``auto`` is console on a terminal and json without one."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Policy(Table):
    """What happens to mail for a client's address without `email_sync`, or by a member without access."""

    client_without_sync: Literal["refuse", "pass"] = "refuse"
    client_without_access: Literal["refuse", "pass"] = "refuse"


class Provider(Table):
    """What an IMAP server asks of those who follow its mailboxes; None: as the provider is known, else carefully."""

    renew_idle: Duration | None = None
    look_every: Duration | None = None  # over the folders that no connection waits in
    connections: Annotated[int, Field(ge=FEWEST_CONNECTIONS, le=100)] | None = None  # of one mailbox
    logins_a_second: Annotated[int, Field(ge=1, le=1000)] | None = None  # of all mailboxes there
    download_a_day: Octets | None = None  # of one mailbox

    @field_validator("renew_idle")
    @classmethod
    def _in_time(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and not timedelta(seconds=10) <= value <= timedelta(minutes=29):
            raise ValueError('must be between "10s" and "29m", after which servers hang up (RFC 2177); "9m" is usual')
        return value

    @field_validator("look_every")
    @classmethod
    def _now_and_then(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and not timedelta(seconds=10) <= value <= timedelta(days=1):
            raise ValueError('must be between "10s" and "1d"; "5m" is usual')
        return value


class Upstream(Table):
    """Towards the providers; ``trust`` is a PEM file of authorities to believe besides the system's.

    ``check_senders``: DNS is asked about who sends, where a mailbox's provider does not say; of ``nameservers``, where
    there are any, and not of the system's. ``provider``: by the name of an IMAP server, or the end of it.
    """

    trust: FilePath | None = None
    check_senders: bool = True
    nameservers: Nameservers = ()
    provider: Mapping[str, Provider] = Field(default_factory=dict)


class Webhooks(Table):
    """Where webhooks may lead: to public servers by https, unless these say more."""

    allow_private: bool = False  # addresses of the local network and of this machine
    allow_http: bool = False  # without TLS


class Scan(Table):
    """Attachments are shown to clamd before they are saved, where it is named: by its socket's path, or host:port."""

    clamd: str | None = None

    @field_validator("clamd")
    @classmethod
    def _is_place(cls, value: str | None) -> str | None:
        if value is None or (value.startswith("/") and "\0" not in value):
            return value
        try:
            where = parse_listen(value)
        except ValueError:
            where = Listen("", 0)
        if not where.host or not where.port:
            raise ValueError(f'"{value}" is no place of clamd: write "/run/clamav/clamd.ctl", or "host:port"')
        return value


class Settings(Table):
    """Everything the daemon needs to know before it knows the firm."""

    data_dir: FilePath
    submission: Submission
    tls: Tls | None
    admin: Admin
    database: Database
    queue: Queue
    log: Log
    policy: Policy
    upstream: Upstream
    webhooks: Webhooks
    scan: Scan


def load(path: Path) -> Settings:
    """Read ``path`` and ``conf.d/*.toml`` beside it; relative paths are relative to its folder.

    Files of conf.d are taken in the order of their names: tables are merged, any other value replaces the one before.
    Raises Faulty with every fault at once.
    """
    document = read_toml(path)
    for extra in sorted(path.parent.glob("conf.d/*.toml")):
        document = merged(document, read_toml(extra))
    return parse(document, base=path.parent.absolute(), what=str(path))


def parse(document: Mapping[str, object], *, base: Path, what: str = "settings") -> Settings:
    """Check one document; Faulty with every fault at once, ``what`` in its sentence."""
    faults = [
        Fault(key, unknown_key(key, Settings.model_fields)) for key in document if key not in Settings.model_fields
    ]
    data_dir = _data_dir(document, base, faults)
    sections: dict[str, Table | None] = {
        name: _section(model, name, document.get(name, {}), base, faults) for name, model in _SECTIONS.items()
    }
    sections["tls"] = _section(Tls, "tls", document["tls"], base, faults) if "tls" in document else None
    admin = document.get("admin", {})
    if isinstance(admin, dict):
        admin = {"socket": str((data_dir or base) / "admin.sock"), **admin}
    sections["admin"] = _section(Admin, "admin", admin, base, faults)
    faults += cross_faults(sections, data_dir, tls_given="tls" in document)
    if faults or data_dir is None:
        raise Faulty(what, faults)
    return Settings.model_validate({"data_dir": data_dir, **sections})


def merged(first: Mapping[str, object], second: Mapping[str, object]) -> dict[str, object]:
    """``second`` laid over ``first``: tables key by key, all else replaced."""
    result = dict(first)
    for key, value in second.items():
        known = result.get(key)
        result[key] = merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return result


_SECTIONS: dict[str, type[Table]] = {
    "submission": Submission,
    "database": Database,
    "queue": Queue,
    "log": Log,
    "policy": Policy,
    "upstream": Upstream,
    "webhooks": Webhooks,
    "scan": Scan,
}

_T = TypeVar("_T", bound=Table)


def _section(model: type[_T], name: str, value: object, base: Path, faults: list[Fault]) -> _T | None:
    try:
        return model.model_validate(value, context={"base": base})
    except ValidationError as error:
        faults.extend(faults_of(error, model, (name,)))
        return None


def _data_dir(document: Mapping[str, object], base: Path, faults: list[Fault]) -> Path | None:
    value = document.get("data_dir")
    if value is None:
        sentence = 'is missing: say where the mail shall lie, like data_dir = "/var/lib/postern"'
    elif not isinstance(value, str) or not value or "\0" in value:
        sentence = "must be a path in quotes"
    else:
        return base / value
    faults.append(Fault("data_dir", sentence))
    return None
