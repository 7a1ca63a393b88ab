"""Sizes, durations and listening addresses as people write them, parsed into plain values."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta

_SIZE = re.compile(r"(\d+)\s*(k|m|g|ki|mi|gi)?b?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_DURATION = re.compile(r"(?:\d+\s*[smhdw]\s*)+", re.IGNORECASE)
_DURATION_PART = re.compile(r"(\d+)\s*([smhdw])", re.IGNORECASE)
_DURATION_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_MAX_HOST = 253  # octets, RFC 1035 section 2.3.4 without the root's
_MAX_PORT = 65_535
DNS_PORT = 53
_MAX_DIGITS = 15  # more than any size or span of time that makes sense; keeps arithmetic in range


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to accept connections; ``host`` is "" for every interface, ``port`` 0 takes a free one."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host or "*"
        return f"{host}:{self.port}"


def parse_size(text: str) -> int:
    """Octets: ``"50 MB"`` is decimal, ``"50 MiB"`` binary, a bare number octets. ValueError with a sentence."""
    found = _SIZE.fullmatch(text.strip())
    if not found or len(found[1]) > _MAX_DIGITS:
        raise ValueError(f'"{text}" is not a size: write it like "50 MB" or "64 MiB"')
    return int(found[1]) * _SIZE_UNITS[(found[2] or "").lower()]


def parse_duration(text: str) -> timedelta:
    """``"90s"``, ``"15m"``, ``"6h"``, ``"5d"``, ``"1h 30m"``. ValueError with a sentence."""
    stripped = text.strip()
    if not _DURATION.fullmatch(stripped):
        raise ValueError(f'"{text}" is not a duration: write it like "90s", "15m", "6h" or "5d"')
    parts = _DURATION_PART.findall(stripped)
    if any(len(count) > _MAX_DIGITS for count, _ in parts):
        raise ValueError(f'"{text}" is too long a duration')
    try:
        return timedelta(seconds=sum(int(count) * _DURATION_UNITS[unit.lower()] for count, unit in parts))
    except OverflowError:
        raise ValueError(f'"{text}" is too long a duration') from None


def parse_listen(text: str) -> Listen:
    """``"127.0.0.1:1587"``, ``"[::1]:0"``, ``"*:587"``, ``"localhost:25"``. ValueError with a sentence."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or len(port) > len(str(_MAX_PORT)):
        raise ValueError(f'"{text}" needs an address and a port, like "127.0.0.1:1587"; port 0 takes a free one')
    if int(port) > _MAX_PORT:
        raise ValueError(f'"{text}" has a port above {_MAX_PORT}')
    return Listen(_listen_host(host, text), int(port))


def parse_nameserver(text: str) -> Listen:
    """``"192.0.2.53"``, ``"2001:db8::53"``, ``"127.0.0.1:5353"``, ``"[::1]:5353"``. ValueError with a sentence."""
    host, port = text.strip(), DNS_PORT
    if host.startswith("[") or host.count(":") == 1:
        asked = parse_listen(host)
        host, port = asked.host, asked.port
    try:
        return Listen(str(ipaddress.ip_address(host)), port)
    except ValueError:
        raise ValueError(f'"{text}" is no address of a name server: write it like "192.0.2.53"') from None


def is_host_name(text: str) -> bool:
    """Whether it can be the name of a host (RFC 1123 section 2.1)."""
    return len(text) <= _MAX_HOST and bool(_HOST.fullmatch(text))


def _listen_host(host: str, text: str) -> str:
    if host == "*":
        return ""
    if host.startswith("[") and host.endswith("]"):
        try:
            return str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            raise ValueError(f'"{text}" has no IPv6 address between its brackets') from None
    if ":" in host:
        raise ValueError(f'"{text}": write an IPv6 address in brackets, like "[::1]:1587"')
    if not is_host_name(host):
        raise ValueError(f'"{text}" has no address before the port: "*" is every interface')
    if host.replace(".", "").isdigit():
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ValueError(f'"{text}" has no valid IPv4 address before the port') from None
    return host.lower()
