"""A key that signs a domain's mail (DKIM, RFC 6376), as all may see it: where its record lies and what it says."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_NAME = 253  # octets of a name in DNS as one writes it, RFC 1035 section 2.3.4
MAX_STRING = 255  # octets of one string of a TXT record, RFC 1035 section 3.3.14

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_SELECTOR = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})+")


class Algorithm(StrEnum):
    """What kind of key; the value is what ``k=`` of the record says."""

    RSA = "rsa"  # rsa-sha256 with 2048 bits, which every receiver knows
    ED25519 = "ed25519"  # RFC 8463


class KeyState(StrEnum):
    """Where a key stands; a domain has at most one active key of each algorithm."""

    WAITING = "waiting"  # made, its record perhaps not published yet
    ACTIVE = "active"
    RETIRED = "retired"  # signs no more; its record stays published while mail that it signed is under way


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key without its private half; ``public`` is what ``p=`` of the record holds, decoded.

    ValueError for names that DNS would not take.
    """

    domain: str
    selector: str
    algorithm: Algorithm
    public: bytes
    made_at: datetime
    state: KeyState = KeyState.WAITING
    active_since: datetime | None = None

    def __post_init__(self) -> None:
        if not _DOMAIN.fullmatch(self.domain):
            raise ValueError("the domain is not one of DNS")
        if not _SELECTOR.fullmatch(self.selector):
            raise ValueError("a selector is made of lower-case letters, digits and hyphens")
        if len(self.record_name) > MAX_NAME:
            raise ValueError("selector and domain are too long together")

    @property
    def record_name(self) -> str:
        """Where the TXT record lies (RFC 6376 section 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record_value(self) -> str:
        """What it says (section 3.6.1), as one text."""
        return f"v=DKIM1; k={self.algorithm}; p={base64.b64encode(self.public).decode()}"

    @property
    def zone_line(self) -> str:
        """The record as a zone file has it, in strings of at most 255 octets that belong together."""
        value = self.record_value
        strings = [value[at : at + MAX_STRING] for at in range(0, len(value), MAX_STRING)]
        return f"{self.record_name}. IN TXT ( " + " ".join(f'"{string}"' for string in strings) + " )"
