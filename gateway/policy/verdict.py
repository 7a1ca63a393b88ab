"""What the evidence about a message's From comes to: the one table.

The rule behind it: a message *fails* when it breaks what the owner of its From domain says of their own mail, and not
when nothing vouches for it. Most small firms publish nothing; signatures break in mailing lists and where servers add
a line; keys are taken out of DNS within weeks. None of that is a sign of forgery (RFC 6376 section 6.1: a broken
signature is as good as none), so it comes to *unknown*, and the message is filed as mail was before there were checks.

The first row that fits decides:

==  ==============================================================  ==========  =====================================
no  evidence                                                        standing    why
==  ==============================================================  ==========  =====================================
1   the sender wrote text behind what its signature covers (l=),    unverified  the one trick that needs a real
    and nothing else vouches for the domain                                     signature of the domain
2   the provider's DMARC passes                                     verified    the domain stands for the message
3   a DKIM signature of the domain holds (or of its house: DMARC    verified    the same, seen here, or by a provider
    alignment)                                                                  that does not evaluate DMARC
4   SPF passes for the domain (or its house)                        verified    the same
5   an ARC chain holds, all of its seals are of large providers,    verified    forwarded: they saw it pass before it
    and the first of them saw DMARC pass for the domain                         was changed
6   the provider's DMARC fails, and the owner asks to quarantine    unverified  the owner says: not ours. Where it is
    or reject such mail, or what they ask is not known                          not known the provider's word counts
7   the provider's SPF fails (`-all`) for the very domain           unverified  the owner says: not from there
8   new, and the provider's DMARC says nothing of this domain: the  unverified  as 6, for providers that do not look;
    owner asks to quarantine or reject what fails, DNS answered                 or that read another domain in From
    all, signatures were looked at, and nothing of 2 to 5 holds
9   DMARC fails, and the owner asks for nothing (p=none)            unknown     they still look for their own mail;
                                                                                forwarders and lists break it daily
10  DNS could not say                                               unknown     no evidence
11  the message is older than a week                                unknown     keys and policies of today say nothing
                                                                                of mail from then
12  nothing, or what vouches for others only                        unknown     no evidence
==  ==============================================================  ==========  =====================================

Before the table: a From that can't be read in one way has no domain to ask; new mail of that kind is unverified. So is
new mail whose From names people of several domains, unless the table verifies each: that is how a forged author is put
beside a real one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.verdict import Check, Result, Source, Standing, Verdict
from gateway.policy.dmarc import House, Policy

MANY = 3  # domains of one From that are looked at


@dataclass(frozen=True, slots=True)
class Vouch:
    """A signature or a sending host, the domain that it speaks for, and what it came to."""

    domain: str
    result: Result
    why: str = ""
    partial: bool = False  # a DKIM signature that covers only the beginning of the text


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one From domain. ``source`` says who looked at ``dkim``, ``spf`` and ``dmarc``."""

    house: House
    source: Source = Source.NOBODY
    authserv_id: str = ""
    dkim: tuple[Vouch, ...] = ()
    spf: Vouch | None = None  # its domain is that of MAIL FROM, or of the greeting where that is empty
    dmarc: Result | None = None  # as the provider says; None: it says nothing of this domain
    asked: Policy | None = None  # what the provider says that the owner asks for
    arc: Vouch | None = None  # its domain is the first sealer's; a pass counts, and is given only by `evidence`
    is_complete: bool = False  # somebody looked at the signatures
    unsure: bool = False  # DNS could not say something that would matter
    is_new: bool = True

    @property
    def domain(self) -> str:
        return self.house.domain


def weigh(evidence: Evidence) -> Verdict:
    """The verdict on a message from one domain."""
    standing, reason = _row(evidence)
    return Verdict(standing, reason, evidence.source, evidence.authserv_id, _checks(evidence))


def weigh_all(found: Sequence[Evidence]) -> Verdict:
    """The verdict on a message whose From names people of these domains, each once; at least one."""
    verdicts = [weigh(one) for one in found]
    if len(verdicts) == 1:
        return verdicts[0]
    checks = tuple(check for verdict in verdicts for check in verdict.checks)
    first = next((one for one in verdicts if one.source is not Source.NOBODY), verdicts[0])
    names = ", ".join(one.domain for one in found)
    if all(verdict.standing is Standing.VERIFIED for verdict in verdicts) and len(verdicts) <= MANY:
        standing, reason = Standing.VERIFIED, f"Each domain in From stands for the message: {names}."
    elif any(verdict.standing is Standing.UNVERIFIED for verdict in verdicts) or found[0].is_new:
        standing, reason = Standing.UNVERIFIED, f"From names people of several domains ({names}); not all stand for it."
    else:
        standing, reason = Standing.UNKNOWN, f"From names people of several domains ({names}), in an old message."
    return Verdict(standing, reason, first.source, first.authserv_id, checks)


def nobody(*, is_new: bool) -> Verdict:
    """The verdict on a message whose From can't be read, or in several ways."""
    if is_new:
        return Verdict(
            Standing.UNVERIFIED, "Who wrote it can't be said: its From is missing, or can be read in two ways."
        )
    return Verdict(Standing.UNKNOWN, "Who wrote it can't be said; the message is old, and such mail was common.")


def _row(it: Evidence) -> tuple[Standing, str]:
    """The table."""
    house, domain = it.house, it.domain
    dkim = [one for one in it.dkim if house.aligned(one.domain, strict=house.strict_dkim)]
    whole = next((one for one in dkim if one.result is Result.PASS and not one.partial), None)
    part = next((one for one in dkim if one.result is Result.PASS and one.partial), None)
    spf = it.spf if it.spf and house.aligned(it.spf.domain, strict=house.strict_spf) else None
    passed_spf = spf is not None and spf.result is Result.PASS
    if part and not whole and not passed_spf:
        return (
            Standing.UNVERIFIED,
            f"The signature of {part.domain} covers only the beginning: text was added behind it.",
        )
    if it.dmarc is Result.PASS:
        return Standing.VERIFIED, f"{domain} stands for it: DMARC passed."
    if whole:
        return Standing.VERIFIED, f"{domain} stands for it: a signature of {whole.domain} holds."
    if passed_spf and spf:
        return Standing.VERIFIED, f"{domain} stands for it: it came from a server that {spf.domain} names (SPF)."
    if it.arc is not None and it.arc.result is Result.PASS:
        return Standing.VERIFIED, f"{it.arc.domain} forwarded it, and saw DMARC pass for {domain} before."
    return _failed(it, spf)


def _failed(it: Evidence, spf: Vouch | None) -> tuple[Standing, str]:  # noqa: PLR0911 - a return is a row
    """The rows from 6 on: nothing vouches for the domain."""
    house, domain = it.house, it.domain
    asked = it.asked if it.asked is not None else house.policy
    if it.dmarc is Result.FAIL and asked is not Policy.NONE:
        wish = f"asks to {asked} such mail" if asked else "is not behind it"
        return Standing.UNVERIFIED, f"The mailbox's provider says that DMARC fails: {domain} {wish}."
    if it.source is Source.PROVIDER and spf and spf.result is Result.FAIL and spf.domain == domain:
        return Standing.UNVERIFIED, f"The mailbox's provider says that {domain} forbids the server that sent it (SPF)."
    here = it.source is not Source.PROVIDER
    looked = it.dmarc is None and it.is_complete and not it.unsure
    if looked and it.is_new and house.is_enforced:
        return (
            Standing.UNVERIFIED,
            f"{domain} asks to {house.policy} mail that it does not stand for; nothing here does.",
        )
    if it.dmarc is Result.FAIL or (looked and it.is_new and house.policy is Policy.NONE):
        return (
            Standing.UNKNOWN,
            f"Nothing stands for {domain} in it, but {domain} does not ask that such mail be kept out.",
        )
    if it.unsure:
        return Standing.UNKNOWN, "DNS could not say: it was not checked."
    if here and not it.is_new:
        return Standing.UNKNOWN, "The message is old: keys and policies of today say nothing of it."
    return Standing.UNKNOWN, f"Nothing speaks for or against {domain}."


def _dmarc_here(it: Evidence) -> Result:
    """What DMARC comes to by what is known here (RFC 7489 section 6.6.2)."""
    house = it.house
    sure = [one for one in it.dkim if not one.partial and house.aligned(one.domain, strict=house.strict_dkim)]
    if it.spf is not None and house.aligned(it.spf.domain, strict=house.strict_spf):
        sure.append(it.spf)
    if any(one.result is Result.PASS for one in sure):
        return Result.PASS
    return Result.TEMPERROR if it.unsure else Result.FAIL


def _checks(it: Evidence) -> tuple[Check, ...]:
    checks = [Check("dkim", one.result, one.domain, one.why) for one in it.dkim]
    if it.spf is not None:
        checks.append(Check("spf", it.spf.result, it.spf.domain, it.spf.why))
    if it.dmarc is not None:
        checks.append(Check("dmarc", it.dmarc, it.domain, f"p={it.asked}" if it.asked else ""))
    elif it.house.policy is not None:
        checks.append(Check("dmarc", _dmarc_here(it), it.domain, f"p={it.house.policy}"))
    if it.arc is not None:
        checks.append(Check("arc", it.arc.result, it.arc.domain, it.arc.why))
    return tuple(checks)
