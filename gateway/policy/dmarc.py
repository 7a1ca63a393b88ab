"""DMARC: what a domain asks to be done with mail that only pretends to be its own, and which domains are one house.

Records as RFC 7489 section 6.3 has them. The organisational domain is found by asking the DNS tree upwards (DMARCbis,
section "DNS Tree Walk"; `psd=` is of RFC 9091), not from the public suffix list: that list is a download that ages,
and a gateway must decide the same without one. Where a registry below a country publishes a record without `psd=y`,
the walk would take all its customers for one house; names that look like one ("gov.uk") are therefore never one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.mime.taglist import read_tags
from gateway.policy.lookup import Kind, Lookup, Question

MAX_STEPS = 8  # questions of one walk: longer names are cut, as DMARCbis says

# What registries below country domains call themselves; a two-letter label behind one of them.
_REGISTRIES = re.compile(
    "ac|com?|edu|gen|gob?|gouv|govt?|gub|id|ind|info|ltd|me|mil|net|nhs|nic|nom|org?|plc|police|sch|tm"
)


class Policy(StrEnum):
    """What the owner asks for mail that fails."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """What one record says; ``is_registry``: psd=y, ``is_house``: psd=n."""

    policy: Policy
    below: Policy  # for subdomains
    strict_dkim: bool = False
    strict_spf: bool = False
    is_testing: bool = False  # t=y, and pct=0, by which the same was said before
    is_registry: bool = False
    is_house: bool = False


@dataclass(frozen=True, slots=True)
class House:
    """What a From domain stands for: its organisational domain, and what its owner asks for (None: nothing at all)."""

    domain: str
    top: str = ""  # the organisational domain; empty where nobody published a record
    policy: Policy | None = None
    strict_dkim: bool = False
    strict_spf: bool = False
    unsure: bool = False  # DNS could not say

    @property
    def is_enforced(self) -> bool:
        """Whether its owner asks that what fails be kept from people."""
        return self.policy in {Policy.QUARANTINE, Policy.REJECT}

    def aligned(self, other: str, *, strict: bool) -> bool:
        """Whether what another domain vouches for, this one does too (RFC 7489 section 3.1).

        Without any record: the same domain, or one above it, whose owner could publish whatever they like below.
        """
        if not other or other == self.domain:
            return bool(other)
        if strict:
            return False
        if not self.top:
            return is_related(self.domain, other) and len(other) < len(self.domain) and not looks_public(other)
        return other == self.top or other.endswith("." + self.top)


def read_dmarc(text: bytes) -> DmarcRecord | None:
    """None for text that is no DMARC record; an unknown p= counts as none, for the record still marks a domain."""
    if not text.lstrip().lower().startswith(b"v") or b"DMARC1" not in text[:20]:
        return None
    tags = read_tags(text)
    if tags is None or tags.get("v") != "DMARC1" or next(iter(tags)) != "v":
        return None
    policy = _policy(tags.get("p", "")) or Policy.NONE
    return DmarcRecord(
        policy=policy,
        below=_policy(tags.get("sp", "")) or policy,
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        strict_spf=tags.get("aspf", "r").lower() == "s",
        is_testing=tags.get("t", "n").lower() == "y" or tags.get("pct", "100").strip() == "0",
        is_registry=tags.get("psd", "u").lower() == "y",
        is_house=tags.get("psd", "u").lower() == "n",
    )


def house_of(domain: str) -> Lookup[House]:
    """Walk up from the domain (lower case, A-labels): at most eight questions."""
    found: list[tuple[str, DmarcRecord]] = []
    for name in steps(domain):
        answer = yield Question(Kind.TXT, f"_dmarc.{name}")
        if answer.failed:
            return House(domain, unsure=True)
        record = _only(answer.texts)
        if record is not None:
            found.append((name, record))
            if record.is_house or record.is_registry:
                break
    return _house(domain, found)


def steps(domain: str) -> Sequence[str]:
    """The names to ask at: the domain, then upwards to the top; of long ones the last seven labels after the first."""
    labels = domain.split(".")
    shortened = labels[-(MAX_STEPS - 1) :] if len(labels) > MAX_STEPS else labels[1:]
    return (domain, *(".".join(shortened[start:]) for start in range(len(shortened))))


def _house(domain: str, found: Sequence[tuple[str, DmarcRecord]]) -> House:
    top = ""
    for name, record in found:
        if record.is_registry and name != domain:
            top = _below(domain, name)
        elif name == domain or not looks_public(name):
            top = name
    if not found:
        return House(domain)
    name, record = found[0]
    policy = record.policy if name == domain else record.below
    if record.is_testing:  # the owner still looks for their own mail that fails
        policy = Policy.NONE
    return House(domain, top or domain, policy, record.strict_dkim, record.strict_spf)


def _below(domain: str, above: str) -> str:
    """One label more than the name above."""
    labels = domain.split(".")
    return ".".join(labels[-(above.count(".") + 2) :])


def looks_public(name: str) -> bool:
    """A top-level domain, or what looks like a registry below a country: "com", "co.uk", "gov.ro"."""
    labels = name.split(".")
    return len(labels) == 1 or (
        len(labels) == 2 and len(labels[1]) == 2 and _REGISTRIES.fullmatch(labels[0]) is not None
    )


def is_related(one: str, other: str) -> bool:
    """Whether one of the two lies in the other."""
    return one == other or one.endswith("." + other) or other.endswith("." + one)


def _policy(text: str) -> Policy | None:
    try:
        return Policy(text.strip().lower())
    except ValueError:
        return None


def _only(texts: Sequence[bytes]) -> DmarcRecord | None:
    """RFC 7489 section 6.6.3: several records are none."""
    found = [record for record in map(read_dmarc, texts) if record is not None]
    return found[0] if len(found) == 1 else None
