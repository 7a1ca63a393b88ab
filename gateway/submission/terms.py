"""What all sessions of a server share: its name and limits, and whom it asks."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.firm import Member
from gateway.domain.mail import Submission
from gateway.store.room import Room
from gateway.submission.data import Holder

SignIn = Callable[[str, str, str], Awaitable[Member | None]]  # login, password, peer
Accept = Callable[[Submission], Awaitable[str]]  # the queue id, once durable
# Of what has come of a large message so far: the file for all of it, and who accepts it then.
Begin = Callable[[Submission], Awaitable[tuple[Holder, Accept]]]


@dataclass(frozen=True, slots=True)
class Timers:
    """Seconds; the defaults are RFC 5321 section 4.5.3.2.7's, and what Postfix and Exim settled on."""

    command: float = 300.0  # a whole command line, and each silence within DATA
    sign_in: float = 60.0  # a line of AUTH, and the TLS handshake
    data_grace: float = 60.0  # before the least rate counts
    data_rate: float = 500.0  # octets a second on average: a modem of 1990 was faster


@dataclass(frozen=True, slots=True)
class Terms:
    """``max_size`` in octets; ``tls`` None means that no TLS is offered.

    A large message is in the file of ``begin`` while it comes, and in memory, within ``room``, from its end to our 250.
    """

    hostname: str
    max_size: int
    require_tls: bool
    tls: ssl.SSLContext | None
    sign_in: SignIn
    accept: Accept
    now: Callable[[], datetime]
    begin: Begin
    room: Room
    timers: Timers = Timers()
