"""Counts failed sign-ins per peer and per member, so that guessing is slow and its victims are not locked out."""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

WINDOW = 60.0  # seconds
MAX_PER_PEER = 10  # failures a window: a person who mistypes stays below, a guesser gets 14,400 tries a day
MAX_PER_LOGIN = 30  # failures a window from peers that never signed in as that member: many addresses, one victim
MAX_KEYS = 10_000  # remembered at once: bounds the memory that an attacker can make us use
KNOWN_PEERS = 10_000  # pairs of member and peer that have signed in
IPV6_PREFIX = 64  # bits: one subscriber has at least that many addresses


class May(Enum):
    """Whether an attempt may be made."""

    NOW = auto()
    LATER = auto()  # when one that is under way has ended
    NOT = auto()  # too many failed


@dataclass(frozen=True, slots=True)
class Booking:
    """An attempt that is under way, and what it counts for."""

    login: str
    peer: str
    keys: tuple[str, ...]


class Attempts:
    """A sliding window of failures; an attempt is booked before it is made, and struck off when it succeeds.

    So however many are made at once, no more wrong passwords than the limit are ever looked at.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._under_way: Counter[str] = Counter()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def may(self, login: str, peer: str) -> May:
        """Whether the attempt may be made: tries under way may yet turn out to be right, so they only make it wait."""
        answers = [self._room(key, most) for key, most in self._keys(login, peer).items()]
        return next((word for word in (May.NOT, May.LATER) if word in answers), May.NOW)

    def book(self, login: str, peer: str) -> Booking:
        """It counts as failed from now on, and is under way until `end`."""
        booking = Booking(login, peer, tuple(self._keys(login, peer)))
        for key in booking.keys:
            self._add(key)
            self._under_way[key] += 1
        return booking

    def end(self, booking: Booking, *, right: bool) -> None:
        """Strike it off where the password was right, and remember where the member signs in from."""
        for key in booking.keys:
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]
            if right and (times := self._failures.get(key)):
                times.pop()
        if right:
            pair = (booking.login, network(booking.peer))
            self._known[pair] = None
            self._known.move_to_end(pair)
            if len(self._known) > KNOWN_PEERS:
                self._known.popitem(last=False)

    def _keys(self, login: str, peer: str) -> dict[str, int]:
        """What it counts for, with the most failures that each may have."""
        address = network(peer)
        keys = {f"peer {address}": MAX_PER_PEER}
        if (login, address) not in self._known:  # a member's own mistakes at their desk lock out nobody elsewhere
            keys[f"login {login}"] = MAX_PER_LOGIN
        return keys

    def _room(self, key: str, most: int) -> May:
        recent = self._recent(key)
        if recent < most:
            return May.NOW
        return May.NOT if recent - self._under_way[key] >= most else May.LATER

    def _recent(self, key: str) -> int:
        times = self._failures.get(key)
        if times is None:
            return 0
        while times and times[0] <= self._clock() - WINDOW:
            times.popleft()
        if not times:
            del self._failures[key]
        return len(times)

    def _add(self, key: str) -> None:
        self._failures.setdefault(key, deque()).append(self._clock())
        self._failures.move_to_end(key)
        if len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)


def network(peer: str) -> str:
    """What counts as one peer: an IPv4 address, or the network that an IPv6 address is in."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, IPV6_PREFIX), strict=False))
