"""Counts failed sign-ins per peer and per member, so that guessing is slow and its victims are not locked out."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable

WINDOW = 60.0  # seconds
MAX_PER_PEER = 10  # failures a window: a person who mistypes stays below, a guesser gets 14,400 tries a day
MAX_PER_LOGIN = 30  # failures a window from peers that never signed in as that member: many addresses, one victim
MAX_KEYS = 10_000  # remembered at once: bounds the memory that an attacker can make us use
KNOWN_PEERS = 10_000  # pairs of member and peer that have signed in
IPV6_PREFIX = 64  # bits: one subscriber has at least that many addresses


class Attempts:
    """A sliding window of failures; an attempt is booked before it is made, and struck off when it succeeds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def book(self, login: str, peer: str) -> bool:
        """Whether the attempt may be made; if so it counts as failed until ``succeeded``."""
        peer_key, login_key = f"peer {network(peer)}", f"login {login}"
        known = (login, network(peer)) in self._known
        if self._recent(peer_key) >= MAX_PER_PEER or (not known and self._recent(login_key) >= MAX_PER_LOGIN):
            return False
        self._add(peer_key)
        if not known:  # a member's own mistakes at their desk lock out nobody elsewhere
            self._add(login_key)
        return True

    def succeeded(self, login: str, peer: str) -> None:
        """Strike off the attempt that was booked last, and remember where the member signs in from."""
        pair = (login, network(peer))
        keys = [f"peer {pair[1]}"] if pair in self._known else [f"peer {pair[1]}", f"login {login}"]
        for key in keys:
            if times := self._failures.get(key):
                times.pop()
        self._known[pair] = None
        self._known.move_to_end(pair)
        if len(self._known) > KNOWN_PEERS:
            self._known.popitem(last=False)

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
