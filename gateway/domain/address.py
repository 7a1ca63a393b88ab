"""Addresses as values that cannot hold what an address must not hold; `mime.address` is who parses them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

MAX_LOCAL = 64  # octets, RFC 5321 section 4.5.3.1.1
MAX_DOMAIN = 255  # octets, RFC 5321 section 4.5.3.1.2
WRITTEN = 1_024  # addresses whose written form is remembered: a firm's own ones; a megabyte at most

_ATOM = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+)*"
)
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9\-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9\-]*[a-z0-9])?)*|\[[!-Z^-~]+\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

GMAIL = frozenset({"gmail.com", "googlemail.com"})  # one provider under two names


class Same(StrEnum):
    """In which spellings a firm takes two addresses for one."""

    PLUS = "plus"  # al+invoices@ is al@ (RFC 5233)
    GMAIL_DOTS = "gmail-dots"  # a.l@gmail.com is al@gmail.com, and so is al@googlemail.com


@dataclass(frozen=True, slots=True)
class Address:
    """One addr-spec (RFC 5322 section 3.4.1): ``local`` unquoted and as written, ``domain`` in lower-case A-labels."""

    local: str
    domain: str
    key: str = field(init=False, repr=False, compare=False)  # what two addresses of one mailbox share: compare these

    def __post_init__(self) -> None:
        local, domain = self.local, self.domain
        if not local or len(local.encode("utf-8", "surrogateescape")) > MAX_LOCAL:
            raise ValueError("the part before the @ is empty or longer than 64 octets")
        if _CONTROL.search(local):
            raise ValueError("the part before the @ holds a control character")
        if len(domain) > MAX_DOMAIN or not _DOMAIN.fullmatch(domain):
            raise ValueError("the part after the @ is not a domain")
        object.__setattr__(self, "key", f"{local.casefold()}@{domain}")

    def key_as(self, same: Collection[Same]) -> str:
        """The key that it shares with the other spellings that ``same`` takes for it."""
        if not same:
            return self.key
        local, domain = self.local.casefold(), self.domain
        if Same.PLUS in same:
            local = local.partition("+")[0] or local
        if Same.GMAIL_DOTS in same and domain in GMAIL:
            local, domain = local.replace(".", "") or local, "gmail.com"
        return f"{local}@{domain}"

    @property
    def is_ascii(self) -> bool:
        """False where the address needs SMTPUTF8 (RFC 6531)."""
        return self.local.isascii()

    def __str__(self) -> str:
        return _written(self.local, self.domain)


@lru_cache(maxsize=WRITTEN)
def _written(local: str, domain: str) -> str:
    if _ATOM.fullmatch(local):
        return f"{local}@{domain}"
    escaped = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"@{domain}'


@dataclass(frozen=True, slots=True)
class NamedAddress:
    """A mailbox as a header shows it: a display name, decoded and possibly empty, and its address."""

    name: str
    address: Address
