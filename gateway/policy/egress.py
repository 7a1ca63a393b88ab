"""Where the gateway may connect on somebody's word: public addresses only, by plain names and ports (hostile.md X5).

A URL is looked at twice: as it is written, and as the addresses that its name has at the moment of connecting. The
second look decides; the first tells the person who wrote it what is wrong at once.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from gateway.domain.errors import Fault, Faulty, Refusal
from gateway.domain.webhook import Target

MAX_URL = 2_000  # characters, as most servers take them
SYSTEM_PORTS = frozenset({80, 443})  # below 1024, only these speak HTTP: not SMTP, SSH, DNS and the like
FIRST_USER_PORT = 1024

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # inet_aton(3) takes such a last label for a part of an address
_LOCAL = (".local", ".localhost", ".internal", ".lan", ".home.arpa", ".onion")
_PATH = re.compile(r"[!-~]*")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


def parse_target(url: str, *, allow_http: bool, allow_private: bool) -> Target:
    """The URL taken apart; Faulty, with a sentence, for one that can't be meant for a server of somebody else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _fault("can't be read: write it like https://hooks.firm.example/postern") from error
    if len(url) > MAX_URL or not _PATH.fullmatch(url) or "\\" in url:
        raise _fault(f"may have {MAX_URL} plain characters at most: encode others with %")
    if parts.scheme not in ({"https", "http"} if allow_http else {"https"}):
        raise _fault(
            "must begin with https://, for it carries what is confidential ([webhooks] allow_http = true: http)"
        )
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise _fault("may hold no user name: the signature shows who sends")
    if parts.fragment:
        raise _fault("may hold no fragment (#): servers never see it")
    tls = parts.scheme == "https"
    host, number = (
        _host(parts.hostname or "", allow_private=allow_private),
        port if port is not None else (80, 443)[tls],
    )
    if number not in SYSTEM_PORTS and number < FIRST_USER_PORT:
        raise _fault(f"names port {number}, where no HTTP server is: use 443, 80 or one from {FIRST_USER_PORT} on")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host, number, path, tls)


def _host(host: str, *, allow_private: bool) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        if not allow_private and not is_public(address):
            raise _fault(f"leads to {host}, which is no public address ([webhooks] allow_private = true allows it)")
        return str(address)
    plain = host.removesuffix(".")
    if allow_private and re.fullmatch(r"[a-z0-9-]{1,63}", plain) and not _NUMBER.fullmatch(plain):
        return plain
    if not _NAME.fullmatch(plain) or _NUMBER.fullmatch(plain.rpartition(".")[2]):
        raise _fault("must name a server in full, like hooks.firm.example")
    if not allow_private and plain.endswith(_LOCAL):
        raise _fault(f"names {plain}, which is no public server ([webhooks] allow_private = true allows it)")
    return plain


def is_public(address: Ip) -> bool:
    """Whether it belongs to one machine of the public Internet; addresses within addresses are looked at themselves."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _within(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    special = (
        address.is_private,
        address.is_loopback,
        address.is_link_local,
        address.is_multicast,
        address.is_reserved,
        address.is_unspecified,
    )
    return address.is_global and not any(special)


def _within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def choose(host: str, addresses: Iterable[str], *, allow_private: bool) -> str:
    """The address to dial, of those that the name has now. Refusal where any of them is not public: that name lies."""
    found = [ipaddress.ip_address(one.partition("%")[0]) for one in addresses]
    if not allow_private and any(not is_public(one) for one in found):
        raise Refusal(
            f"{host} leads to an address that is not public: nothing was sent. Where that is meant, set [webhooks] "
            "allow_private = true."
        )
    if not found:
        raise Refusal(f"{host} has no address: nothing was sent.")
    return str(found[0])


def _fault(sentence: str) -> Faulty:
    return Faulty("webhook", [Fault("url", sentence)])
