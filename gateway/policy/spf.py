"""SPF (RFC 7208): whether a domain lets an address of the network send its mail; asks DNS within the RFC's limits.

Ours and not pyspf's: that asks DNS itself, synchronously, and its limits of time are those of its own resolver.
Explanations (exp=) are not fetched: nobody here answers the sender.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import quote

from gateway.domain.verdict import Result
from gateway.policy.lookup import Answer, Kind, Lookup, Question
from gateway.policy.spf_record import Mechanism, SpfFault, SpfRecord, choose, read_spf

MAX_TERMS = 10  # that ask DNS, section 4.6.4
MAX_VOID = 2  # answers without a record, the same section
MAX_NAMES = 10  # of one MX or PTR, the same section
MAX_DOMAIN = 253

_LABEL = re.compile(r"[ -\-/-~]{1,63}")
_MACRO = re.compile(r"%(?:\{([A-Za-z])([0-9]*)([rR]?)([.\-+,/_=]*)\}|([%_-]))")


class _TempFault(Exception):
    """DNS could not say."""


Ip = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who connected, how they greeted, and MAIL FROM without its brackets (empty for <>)."""

    ip: Ip
    helo: str
    sender: str

    @property
    def asked(self) -> str:
        """The address that is asked about (section 2.4)."""
        if not self.sender:
            return f"postmaster@{self.helo}"
        local, at, domain = self.sender.rpartition("@")
        return self.sender if local else f"postmaster@{domain if at else self.sender}"


def check_host(envelope: Envelope) -> Lookup[Result]:
    """The result of section 2.6; at most 10 terms, 2 empty answers, and some 100 questions."""
    ip = envelope.ip
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        envelope = Envelope(ip.ipv4_mapped, envelope.helo, envelope.sender)
    asking = _Asking(envelope)
    try:
        return (yield from asking.host(envelope.asked.rpartition("@")[2].rstrip(".")))
    except SpfFault:
        return Result.PERMERROR
    except _TempFault:
        return Result.TEMPERROR


class _Asking:
    """One evaluation, with what it has used up of its limits."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._ip = envelope.ip
        self._terms = 0
        self._void = 0

    def host(self, domain: str) -> Lookup[Result]:
        if not is_name(domain):
            return Result.NONE
        text = choose((yield from self._ask(Kind.TXT, domain, counts=False)).texts)
        if text is None:
            return Result.NONE
        record = read_spf(text)
        for mechanism in record.mechanisms:
            if (yield from self._matches(mechanism, domain)):
                return mechanism.result
        return (yield from self._redirected(record, domain))

    def _redirected(self, record: SpfRecord, domain: str) -> Lookup[Result]:
        if not record.redirect or any(one.name == "all" for one in record.mechanisms):
            return Result.NEUTRAL
        self._count()
        target = yield from self._expand(record.redirect, domain)
        result = yield from self.host(target)
        if result is Result.NONE:
            raise SpfFault("what it redirects to has no record")
        return result

    def _matches(self, one: Mechanism, domain: str) -> Lookup[bool]:  # noqa: PLR0911 - a return is a mechanism
        if one.name == "all":
            return True
        if one.network is not None:
            return self._ip in one.network
        self._count()
        target = (yield from self._expand(one.spec, domain)) if one.spec else domain
        if one.name == "include":
            return (yield from self._included(target))
        if one.name == "exists":
            return bool((yield from self._ask(Kind.A, target)).names)
        if one.name == "ptr":
            names = yield from self._validated(domain)
            return any(name == target.lower() or name.endswith("." + target.lower()) for name in names)
        if one.name == "a":
            return (yield from self._at(target, one))
        hosts = (yield from self._ask(Kind.MX, target)).names
        if len(hosts) > MAX_NAMES:
            raise SpfFault("too many servers in MX")
        for host in hosts:
            if (yield from self._at(host, one)):
                return True
        return False

    def _included(self, target: str) -> Lookup[bool]:
        result = yield from self.host(target)
        if result in {Result.NONE, Result.PERMERROR}:
            raise SpfFault("what it includes has no record, or a wrong one")
        return result is Result.PASS

    def _at(self, name: str, one: Mechanism) -> Lookup[bool]:
        answer = yield from self._ask(self._kind, name)
        prefix = one.cidr4 if isinstance(self._ip, IPv4Address) else one.cidr6
        return any(self._ip in ip_network(f"{found}/{prefix}", strict=False) for found in answer.names)

    @property
    def _kind(self) -> Kind:
        return Kind.A if isinstance(self._ip, IPv4Address) else Kind.AAAA

    def _validated(self, domain: str) -> Lookup[list[str]]:
        """The names of the client's address that lead back to it (section 5.5), those of the domain first."""
        try:
            found = yield from self._ask(Kind.PTR, self._ip.reverse_pointer)
        except _TempFault:
            return []
        kept: list[str] = []
        for name in found.names[:MAX_NAMES]:
            if not is_name(name):
                continue
            answer = yield Question(self._kind, name)
            if str(self._ip) in {str(ip_address(one)) for one in answer.names}:
                kept.append(name.lower().rstrip("."))
        ours = domain.lower()
        return sorted(kept, key=lambda name: (name != ours, not name.endswith("." + ours)))

    def _ask(self, kind: Kind, name: str, *, counts: bool = True) -> Lookup[Answer]:
        if kind is not Kind.PTR and not is_name(name):
            return Answer()
        answer = yield Question(kind, name.rstrip("."))
        if answer.failed:
            raise _TempFault(name)
        if counts and answer.is_void:
            self._void += 1
            if self._void > MAX_VOID:
                raise SpfFault("too many answers without a record")
        return answer

    def _count(self) -> None:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise SpfFault("too many terms that ask DNS")

    # macros, section 7

    def _expand(self, spec: str, domain: str) -> Lookup[str]:
        out: list[str] = []
        at = 0
        for match in _MACRO.finditer(spec):
            out.append(spec[at : match.start()])
            at = match.end()
            if match[5]:
                out.append({"%": "%", "_": " ", "-": "%20"}[match[5]])
                continue
            value = yield from self._letter(match[1].lower(), domain)
            value = _transformed(value, match[2], match[3], match[4])
            out.append(quote(value, safe="-_.~") if match[1].isupper() else value)
        name = ("".join(out) + spec[at:]).rstrip(".")
        while len(name) > MAX_DOMAIN:
            name = name.partition(".")[2]
        return name

    def _letter(self, letter: str, domain: str) -> Lookup[str]:
        asked = self._envelope.asked
        if letter == "p":
            names = yield from self._validated(domain)
            return names[0] if names else "unknown"
        values = {
            "s": asked,
            "l": asked.rpartition("@")[0],
            "o": asked.rpartition("@")[2],
            "d": domain,
            "h": self._envelope.helo,
            "v": "in-addr" if isinstance(self._ip, IPv4Address) else "ip6",
            "i": str(self._ip)
            if isinstance(self._ip, IPv4Address)
            else ".".join(self._ip.exploded.replace(":", "").lower()),
        }
        return values[letter]


def _transformed(value: str, digits: str, reverse: str, delimiters: str) -> str:
    parts = re.split(f"[{re.escape(delimiters or '.')}]", value)
    if reverse:
        parts.reverse()
    return ".".join(parts[-int(digits[:4]) :] if digits else parts)


def is_name(name: str) -> bool:
    """Whether DNS can be asked for it: at least two labels of at most 63 octets, no empty one (section 4.3)."""
    labels = name.removesuffix(".").split(".")
    fits = len(name) <= MAX_DOMAIN + 1 and not name.startswith("[")
    return fits and len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)
