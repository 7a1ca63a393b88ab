"""Where a provider's own lines end and the sender's begin, and so which results in a header may be believed.

A server writes its lines above those that it was given. What stands above the Received of the server that took the
message from outside is out of any sender's reach; what stands below it, down to the next Received, the server may have
written (Google does, and milters of Postfix do), or the sender. Below that all is the sender's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from itertools import islice

from gateway.domain.verdict import Result
from gateway.mime.authres import AuthResults, MethodResult, ResultsFault, read_results
from gateway.mime.dates import read_date
from gateway.mime.header import FieldSpan, Header, readable
from gateway.policy.spf import Envelope, Ip, is_name

FIELD = "Authentication-Results"
MAX_FIELDS = 20  # of a header that are read
MAX_HOPS = 100  # of a header that are read; RFC 5321 section 6.3 takes that many for a loop
MAX_HOP = 4_000  # characters

_COMMENT = r"\((?:[^()]|\([^()]*\))*\) ?"
_IP = r"\[?(?:IPv6:)?([0-9A-Fa-f:.]{2,45})\]?"
_FROM = (  # the client's address where no greeting can put another one: Postfix, sendmail, Dovecot; Exim; Microsoft
    re.compile(rf"from (\S+) \((?:[^\s()]+ )?\[(?:IPv6:)?([0-9A-Fa-f:.]+)\](?:[: ][^()]*)?\) ?(?:{_COMMENT})*by "),
    re.compile(rf"from \[([0-9A-Fa-f:.]+)\](?::[0-9]+)? (?:\(helo=([^\s()]+)\) ?)?(?:{_COMMENT})*by "),
    re.compile(r"from (\S+) \(([0-9A-Fa-f:.]+)\) by "),
)
_BY = re.compile(r"(?:^| )by ([^\s;()]+)")
_LMTP = re.compile(r" with (?:UTF8)?LMTPS?A?\b")
_WHITE = re.compile(r"[ \t\r\n]+")
_RETURN = re.compile(r"<?([^<>\s]*)>?")


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose results are believed. ``ids``: their names; ".end" stands for all below it, "" for results without a name.

    ``always``: a provider known to write them into all that comes from outside, so that the topmost are its own
    wherever they stand among its lines; ``servers`` are the ends of its servers' names. Without it those out of the
    sender's reach are believed; of the others, which a sender may have forged, only what is not in their favour.
    """

    ids: tuple[str, ...] = ()
    always: bool = False
    servers: tuple[str, ...] = ()

    def knows(self, authserv_id: str) -> bool:
        return any(authserv_id == one or (one.startswith(".") and authserv_id.endswith(one)) for one in self.ids)


@dataclass(frozen=True, slots=True)
class Hop:
    """One Received, as far as it can be read for sure; ``ip`` is who connected."""

    span: FieldSpan
    by: str
    helo: str = ""
    ip: Ip | None = None
    is_inside: bool = False  # the message had arrived already: by LMTP, or from the machine itself
    date: str = ""  # as it is written


@dataclass(frozen=True, slots=True)
class Stated:
    """What the provider says: of each method what its topmost field has."""

    authserv_id: str
    results: tuple[MethodResult, ...]

    def of(self, method: str) -> tuple[MethodResult, ...]:
        return tuple(one for one in self.results if one.method == method)


def hops(header: Header) -> tuple[Hop, ...]:
    """The Received fields, the last server's first."""
    return tuple(_hop(header, span) for span in islice(header.spans("Received"), MAX_HOPS))


def arrival(trace: Sequence[Hop]) -> Hop | None:
    """The hop from outside: the first that is not inside the machine; None without any Received."""
    return next((hop for hop in trace if not hop.is_inside), trace[-1] if trace else None)


def envelope(header: Header, trace: Sequence[Hop]) -> Envelope | None:
    """Whom SPF is to be asked about, where the header says it for sure; None elsewhere.

    The client's address is the one that the server which took the message wrote into its Received, in a form that the
    greeting can't imitate, and a public one; MAIL FROM is the Return-Path above it. A provider that moves mail on
    between machines of its own with public addresses looks like a sender: so a pass counts here, and a fail does not.
    """
    hop = arrival(trace)
    if hop is None or hop.ip is None or not hop.ip.is_global:
        return None
    returned = [span for span in header.spans("Return-Path") if span.start < hop.span.start]
    path = _RETURN.fullmatch(readable(header.value(returned[0]))[:500].strip()) if returned else None
    return Envelope(hop.ip, hop.helo if is_name(hop.helo) else "", path[1]) if path else None


def received_at(trace: Sequence[Hop]) -> datetime | None:
    """When the message came into the mailbox, as the last server wrote it: aware, UTC."""
    return read_date(trace[0].date) if trace else None


def stated(header: Header, trust: Trust, trace: Sequence[Hop]) -> Stated | None:
    """What the provider says of the message; None where it says nothing that may be believed."""
    if not trust.ids or not trace:
        return None
    fields = list(_believed(header, trust, trace))
    chosen: dict[str, list[MethodResult]] = {}
    for field in fields:
        methods = {one.method for one in field.results} - chosen.keys()
        for one in field.results:
            if one.method in methods:
                chosen.setdefault(one.method, []).append(one)
    results = tuple(one for found in chosen.values() for one in found)
    return Stated(fields[0].authserv_id, results) if results else None


def _believed(header: Header, trust: Trust, trace: Sequence[Hop]) -> Iterator[AuthResults]:
    hop = arrival(trace)
    assert hop is not None
    if trust.always:
        ends = (other.span.start for other in trace if not _is_servers(other.by, trust.servers))
    else:
        ends = (other.span.start for other in trace if other.span.start > hop.span.start)
    reach = min(ends, default=header.block_end)
    for span in islice(header.spans(FIELD), MAX_FIELDS):
        if span.start >= reach:
            return
        try:
            found = read_results(readable(header.value(span)))
        except ResultsFault:
            continue  # whoever wrote it, it says nothing
        if not trust.knows(found.authserv_id):
            continue
        if trust.always or span.start < hop.span.start:
            yield found
        else:
            yield AuthResults(found.authserv_id, tuple(one for one in found.results if one.result is not Result.PASS))


def _is_servers(by: str, ends: Sequence[str]) -> bool:
    """Inside, providers name machines by a bare word or an address; a sender who does so too gains nothing.

    For the topmost results are the provider's own in any case.
    """
    name = by.lower().rstrip(".")
    return "." not in name or _ip(name) is not None or any(name == end or name.endswith("." + end) for end in ends)


def _hop(header: Header, span: FieldSpan) -> Hop:
    text = _WHITE.sub(" ", readable(header.value(span)[:MAX_HOP]))
    words, _, date = text.rpartition(";")
    by = _BY.search(words or text)
    helo, ip = _client(words or text)
    inside = ip is not None and ip.is_loopback
    return Hop(span, by[1] if by else "", helo, ip, inside or bool(_LMTP.search(words)), date)


def _client(words: str) -> tuple[str, Ip | None]:
    for form, pattern in enumerate(_FROM):
        match = pattern.match(words)
        if match is not None:
            helo, address = (match[2] or "", match[1]) if form == 1 else (match[1], match[2])
            return helo.lower(), _ip(address)
    return "", None


def _ip(text: str) -> Ip | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
