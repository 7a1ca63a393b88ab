"""Reads SPF records (RFC 7208 sections 4.6.1, 5, 6 and 7) into terms, whole: one wrong term makes all of it wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from gateway.domain.verdict import Result

MAX_RECORD = 16_384  # octets; records that DNS serves in one packet have a tenth of that

_QUALIFIED = {"+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}
_TERM = re.compile(r"([-+?~]?)([A-Za-z][A-Za-z0-9._-]*)(.*)", re.DOTALL)
_EXPAND = r"%\{[slodiphvSLODIPHV][0-9]*[rR]?[.\-+,/_=]*\}|%%|%_|%-"
_EXPAND_EXP = r"%\{[slodiphvcrtSLODIPHVCRT][0-9]*[rR]?[.\-+,/_=]*\}|%%|%_|%-"
_MACROS = re.compile(rf"(?:{_EXPAND}|[!-$&-~])*")
_MACROS_EXP = re.compile(rf"(?:{_EXPAND_EXP}|[!-$&-~])*")
_SPEC_END = re.compile(
    rf".*(?:\.(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])\.?|{_EXPAND})"
)
_ZERO_DIGITS = re.compile(r"%\{[A-Za-z]0+[rR.\-+,/_=}]")
_CIDR = re.compile(r"(.*?)(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?", re.DOTALL)
_IP4 = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(/(0|[1-9][0-9]?))?")
_IP6 = re.compile(r"[0-9A-Fa-f:.]+(/(0|[1-9][0-9]{0,2}))?")


class SpfFault(ValueError):
    """The record is wrong: a permanent error, whatever else it says (section 2.6.7)."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One, with what it comes to where it matches; ``spec`` is a domain with its macros, empty for the present one."""

    name: str
    result: Result
    spec: str = ""
    network: IPv4Network | IPv6Network | None = None
    cidr4: int = 32
    cidr6: int = 128


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """Mechanisms in order; ``redirect`` is empty where there is none."""

    mechanisms: tuple[Mechanism, ...]
    redirect: str = ""


def choose(texts: Sequence[bytes]) -> bytes | None:
    """The one SPF record among TXT records (section 4.5); None where there is none. Raises SpfFault for several."""
    found = [text for text in texts if re.match(rb"v=spf1(?: |\Z)", text, re.IGNORECASE)]
    if len(found) > 1:
        raise SpfFault("there are several records")
    return found[0] if found else None


def read_spf(text: bytes) -> SpfRecord:
    """Raises SpfFault."""
    if len(text) > MAX_RECORD or not text.isascii():
        raise SpfFault("it is too long, or not ASCII")
    mechanisms: list[Mechanism] = []
    modifiers: dict[str, str] = {}
    for term in filter(None, text.decode("ascii")[len("v=spf1") :].split(" ")):
        match = _TERM.fullmatch(term)
        if match is None:
            raise SpfFault(f"{term[:40]!r} is no term")
        qualifier, name, rest = match[1], match[2].lower(), match[3]
        if rest.startswith("=") and not qualifier:
            _modifier(modifiers, name, rest[1:])
        else:
            mechanisms.append(_mechanism(name, rest, _QUALIFIED[qualifier or "+"]))
    return SpfRecord(tuple(mechanisms), modifiers.get("redirect", ""))


def _modifier(modifiers: dict[str, str], name: str, value: str) -> None:
    if name in {"redirect", "exp"}:
        if name in modifiers:
            raise SpfFault(f"{name} is given twice")
        modifiers[name] = _spec(value)
    elif not _MACROS_EXP.fullmatch(value) or _ZERO_DIGITS.search(value):
        raise SpfFault(f"the value of {name} is none")


def _mechanism(name: str, rest: str, result: Result) -> Mechanism:
    if name == "all":
        if rest:
            raise SpfFault("all stands alone")
        return Mechanism(name, result)
    if name in {"ip4", "ip6"}:
        return Mechanism(name, result, network=_network(name, rest))
    if name in {"include", "exists"}:
        if not rest.startswith(":"):
            raise SpfFault(f"{name} needs a domain")
        return Mechanism(name, result, _spec(rest[1:]))
    if name == "ptr":
        if rest and not rest.startswith(":"):
            raise SpfFault("ptr takes a domain")
        return Mechanism(name, result, _spec(rest[1:]) if rest else "")
    if name in {"a", "mx"}:
        return _addressed(name, rest, result)
    raise SpfFault(f"{name} is no mechanism")


def _addressed(name: str, rest: str, result: Result) -> Mechanism:
    match = _CIDR.fullmatch(rest)
    assert match is not None
    spec, cidr4, cidr6 = match[1], int(match[2] or 32), int(match[3] or 128)
    if cidr4 > 32 or cidr6 > 128:
        raise SpfFault("a prefix is too long")
    if spec and (not spec.startswith(":") or spec == ":"):
        raise SpfFault(f"{name} takes a domain")
    return Mechanism(name, result, _spec(spec[1:]) if spec else "", cidr4=cidr4, cidr6=cidr6)


def _network(name: str, rest: str) -> IPv4Network | IPv6Network:
    text = rest.removeprefix(":")
    try:
        if rest.startswith(":") and name == "ip4" and _IP4.fullmatch(text):
            return IPv4Network(text, strict=False)
        if rest.startswith(":") and name == "ip6" and _IP6.fullmatch(text):
            return IPv6Network(text, strict=False)
    except ValueError:
        pass
    raise SpfFault(f"{name} needs a network")


def _spec(text: str) -> str:
    """A domain-spec (section 7.1): macros and visible characters, ended by a label or a macro."""
    if not text or not _MACROS.fullmatch(text) or not _SPEC_END.fullmatch(text) or _ZERO_DIGITS.search(text):
        raise SpfFault(f"{text[:40]!r} is no domain")
    return text
