"""Gathers what is known of who sent a message: what the provider says of it, and what can be checked here.

Bounds: three domains of From, five signatures of each, one ARC chain, SPF within its own limits; the flow that answers
the questions bounds their number and time. CPU: 1.5 ms for 1 MB and each canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.domain.large import Mail
from gateway.domain.verdict import Result, Source, Standing, Verdict
from gateway.mime.address import AddressFault
from gateway.mime.arc import Chain, check_chain, read_chain
from gateway.mime.authres import MethodResult, ResultsFault, read_results
from gateway.mime.dkim_large import LargeBodies
from gateway.mime.dkim_signature import DKIM, Signature, read_signature
from gateway.mime.dkim_verify import Bodies, check_signature
from gateway.mime.header import Header
from gateway.policy.boundary import Hop, Stated, Trust, envelope, hops, received_at, stated
from gateway.policy.dmarc import House, Policy, house_of
from gateway.policy.lookup import Kind, Lookup, Question
from gateway.policy.spf import check_host
from gateway.policy.verdict import MANY, Evidence, Vouch, nobody, weigh, weigh_all

MAX_SIGNATURES = 5  # of one domain that are checked; real mail has one or two
MAX_FOUND = 50  # fields of signatures that are read at all
MAX_DOMAIN = 253  # characters of one that a header names: RFC 1035 section 2.3.4
MAX_KEYS = 12  # of one ARC chain that are asked for; real chains have three sets
WEEK = timedelta(days=7)  # for as long at least signers keep a key published that is no longer used (M3AAWG, 2019)

# Forwarders whose seals say what they saw. Anybody can seal, so a chain counts only where all its seals are these.
SEALERS = frozenset({"google.com", "microsoft.com", "messagingengine.com", "zohomail.com"})

_ASKED = re.compile(r"\b(s?p)=(none|quarantine|reject)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Letter:
    """What all the looking is at."""

    header: Header
    bodies: Bodies
    trace: tuple[Hop, ...]
    said: Stated | None
    now: int  # seconds since 1970
    is_new: bool


def gather(
    raw: Mail, header: Header, *, trust: Trust, now: datetime, announced: bool, own: Collection[str] = ()
) -> Lookup[Verdict]:
    """The verdict on a message as it lies in a mailbox (CRLF line ends); ``header`` is its own, ``now`` is aware.

    ``announced``: it counts as new where no Received says when it came. ``own`` are the firm's domains (A-labels): mail
    from there is left to what the provider says, for within a firm it often is neither signed nor checked by anybody.
    """
    bodies = Bodies(raw[header.end :]) if isinstance(raw, bytes) else LargeBodies(raw, header.end)
    trace = hops(header)
    came = received_at(trace)
    is_new = announced if came is None else now - came < WEEK
    letter = Letter(header, bodies, trace, stated(header, trust, trace), int(now.timestamp()), is_new)
    if not trace:
        return Verdict(Standing.UNKNOWN, "It came by no server: somebody put it into the mailbox.")
    domains = from_domains(header)
    if not domains:
        return nobody(is_new=is_new)
    found: list[Evidence] = []
    for domain in domains[:MANY]:
        evidence = yield from _of(letter, domain, look_here=not _is_own(domain, own))
        found.append(evidence)
    found.extend(
        Evidence(House(domain), is_new=is_new) for domain in domains[MANY : MANY + 1]
    )  # it stands for the rest
    return weigh_all(found)


def from_domains(header: Header) -> tuple[str, ...]:
    """The domains in From, each once; none where there are several From, or what is there can't be read in one way."""
    if len(header.spans("From")) != 1:
        return ()
    try:
        return tuple(dict.fromkeys(mailbox.address.domain.lower() for mailbox in header.mailboxes("From")))
    except AddressFault:
        return ()


def _is_own(domain: str, own: Collection[str]) -> bool:
    """A firm's server reports its failures from a name of its own below the domain, unsigned."""
    return any(domain == one or domain.endswith(f".{one}") for one in own)


def _of(letter: Letter, domain: str, *, look_here: bool) -> Lookup[Evidence]:
    told: Evidence | None = None
    if letter.said is not None:
        told = yield from _told(letter, letter.said, domain)
        if told.dmarc is None and told.spf is None and told.is_complete:
            told = yield from _with_spf(letter, told)
        if weigh(told).standing is not Standing.UNKNOWN or letter.said.of("dkim"):
            return told
    if not look_here:
        return told or Evidence(House(domain), is_new=letter.is_new)
    return (yield from _seen(letter, domain))


# what the provider says


def _told(letter: Letter, said: Stated, domain: str) -> Lookup[Evidence]:
    dmarc = next((one for one in said.of("dmarc") if one.get("header.from").lower() in {"", domain}), None)
    asked = _asked(dmarc) if dmarc is not None else None
    dkim = tuple(_signed(letter, one) for one in said.of("dkim")[:MAX_SIGNATURES])
    spf = next((Vouch(_sender(one), one.result) for one in said.of("spf")), None)
    house = House(domain)
    fails = dmarc is not None and dmarc.result is Result.FAIL
    if dmarc is None or (fails and asked is None and letter.is_new):
        house = yield from house_of(domain)
    return Evidence(
        house=house,
        source=Source.PROVIDER,
        authserv_id=said.authserv_id,
        dkim=dkim,
        spf=spf,
        dmarc=dmarc.result if dmarc else None,
        asked=asked,
        is_complete=bool(dkim),
        unsure=house.unsure or any(one.result is Result.TEMPERROR for one in (*dkim, *([spf] if spf else []))),
        arc=_forwarded(letter, domain) if any(one.result is Result.PASS for one in said.of("arc")) else None,
        is_new=letter.is_new,
    )


def _signed(letter: Letter, one: MethodResult) -> Vouch:
    domain = (one.get("header.d") or one.get("header.i").rpartition("@")[2]).lower()
    partial = one.result is Result.PASS and _is_partial(letter, domain)
    return Vouch(domain[:MAX_DOMAIN], one.result, "text was added behind what is signed" if partial else "", partial)


def _is_partial(letter: Letter, domain: str) -> bool:
    """Whether all signatures of the domain leave the end of the text unsigned."""
    ours = [one for one in signatures(letter.header) if one.domain == domain]
    return bool(ours) and all(
        one.length is not None and one.length < letter.bodies.length(one.body_form) for one in ours
    )


def _sender(one: MethodResult) -> str:
    """MAIL FROM is the greeting's domain where it is empty (RFC 7208 section 2.4)."""
    value = one.get("smtp.mailfrom") or one.get("smtp.mfrom") or one.get("smtp.helo")
    return value.strip("<>").rpartition("@")[2].lower().rstrip(".")[:MAX_DOMAIN]


def _asked(dmarc: MethodResult) -> Policy | None:
    """What the owner asks for, by what providers write; None where it is not said, or differs for subdomains."""
    stated_as = dmarc.get("policy.dmarc") or dmarc.get("policy.published-domain-policy") or dmarc.get("action")
    named = {key.lower(): value.lower() for text in dmarc.comments for key, value in _ASKED.findall(text)}
    if stated_as:
        word = stated_as.lower().removeprefix("o").removeprefix("pct.")  # Microsoft's "oreject" is a reject overridden
    elif named.get("sp", named.get("p")) == named.get("p"):
        word = named.get("p", "")
    else:
        return None
    return next((policy for policy in Policy if policy == word), None)


# what can be seen here


def _seen(letter: Letter, domain: str) -> Lookup[Evidence]:
    house = yield from house_of(domain)
    dkim: list[Vouch] = []
    for signature in _candidates(letter.header, house):
        dkim.append((yield from _verified(letter, signature)))
        if dkim[-1].result is Result.PASS and not dkim[-1].partial:
            break
    evidence = Evidence(
        house=house,
        source=Source.HERE,
        dkim=tuple(dkim),
        is_complete=True,
        unsure=house.unsure or any(one.result is Result.TEMPERROR for one in dkim),
        is_new=letter.is_new,
    )
    if weigh(evidence).standing is Standing.VERIFIED:
        return evidence
    with_spf = yield from _with_spf(letter, evidence)
    if with_spf is not evidence and weigh(with_spf).standing is Standing.VERIFIED:
        return with_spf
    arc = yield from _resealed(letter, domain)
    return with_spf if arc is None else replace(with_spf, arc=arc)


def signatures(header: Header) -> tuple[Signature, ...]:
    """The DKIM signatures that can be read, in order."""
    read = (read_signature(header, span) for span in header.spans(DKIM)[:MAX_FOUND])
    return tuple(one for one in read if isinstance(one, Signature))


def _candidates(header: Header, house: House) -> Sequence[Signature]:
    """Those that could vouch for the domain, its own first; the rest prove nothing about it."""
    aligned = [one for one in signatures(header) if house.aligned(one.domain, strict=house.strict_dkim)]
    return sorted(aligned, key=lambda one: one.domain != house.domain)[:MAX_SIGNATURES]


def _verified(letter: Letter, signature: Signature) -> Lookup[Vouch]:
    if letter.header.fault:
        return Vouch(signature.domain, Result.PERMERROR, "the header can be read in two ways")
    answer = yield Question(Kind.TXT, signature.key_name)
    if answer.failed:
        return Vouch(signature.domain, Result.TEMPERROR, "DNS could not say what its key is")
    checked = check_signature(letter.header, letter.bodies, signature, answer.texts, letter.now)
    return Vouch(signature.domain, checked.result, checked.why, checked.partial)


def _with_spf(letter: Letter, evidence: Evidence) -> Lookup[Evidence]:
    known = envelope(letter.header, letter.trace)
    if known is None:
        return evidence
    domain = known.asked.rpartition("@")[2].lower().rstrip(".")
    if not evidence.house.aligned(domain, strict=evidence.house.strict_spf):
        return evidence  # whatever it came to would prove nothing
    result = yield from check_host(known)
    return replace(
        evidence,
        spf=Vouch(domain, result, f"from {known.ip}"),
        unsure=evidence.unsure or result is Result.TEMPERROR,
    )


def _resealed(letter: Letter, domain: str) -> Lookup[Vouch | None]:
    vouch = _forwarded(letter, domain)
    chain = read_chain(letter.header)
    if vouch is None or not isinstance(chain, Chain) or len(chain.key_names) > MAX_KEYS or letter.header.fault:
        return None
    records: dict[str, Sequence[bytes]] = {}
    for name in chain.key_names:
        records[name] = (yield Question(Kind.TXT, name)).texts
    checked = check_chain(letter.header, letter.bodies, chain, records, letter.now)
    return Vouch(vouch.domain, checked.result, checked.why)


def _forwarded(letter: Letter, domain: str) -> Vouch | None:
    """A pass by the first sealer, where the chain can count if it holds: see row 5 of the table."""
    chain = read_chain(letter.header)
    if not isinstance(chain, Chain) or not chain.sealers <= SEALERS or "from" not in chain.sets[-1].message.names:
        return None
    try:
        first = read_results(chain.sets[0].results)
    except ResultsFault:
        return None
    saw = any(
        one.method == "dmarc" and one.result is Result.PASS and one.get("header.from").lower() == domain
        for one in first.results
    )
    return Vouch(chain.sets[0].seal.domain, Result.PASS) if saw else None
