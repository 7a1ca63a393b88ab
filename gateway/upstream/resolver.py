"""Answers the questions of `gateway.policy.lookup` from DNS: remembered for a while, not asked while it is silent."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from gateway.policy.lookup import FAILED, Answer, Kind, Question
from gateway.upstream.dns import PAYLOAD

if TYPE_CHECKING:
    import dns.asyncresolver
    import dns.name

log = structlog.get_logger()

TRY_SECONDS = 1.5  # for one server; most answer in 50 ms
TOTAL_SECONDS = 4.0  # for one question
SHORTEST, LONGEST = 60.0, 3_600.0  # seconds that an answer is remembered, whatever it asks for
FORGET_FAILURE = 30.0  # seconds
MOST = 4_000  # answers: a few hundred correspondents' domains
SILENT_AFTER = 3  # questions in a row to which nobody answered
SILENCE = 60.0  # seconds in which nobody is asked then: filing must not wait for DNS message by message
ROOT = Question(Kind.TXT, "")  # the top of the tree: whether there is such a record, any resolver knows
MAX_RECORDS = 50  # of one answer; SPF looks at ten


class Resolver:
    """``ask`` never raises: DNS that can't say is an answer too. ``nameservers`` are addresses and ports."""

    def __init__(self, nameservers: Sequence[tuple[str, int]] = ()) -> None:
        self._nameservers = tuple(nameservers)
        self._known: OrderedDict[Question, tuple[float, Answer]] = OrderedDict()
        self._asking: dict[Question, asyncio.Lock] = {}
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._unanswered = 0
        self._silent_until = 0.0

    async def ask(self, question: Question) -> Answer:
        """At most four seconds; the same question is asked once at a time."""
        lock = self._asking.setdefault(question, asyncio.Lock())
        try:
            async with lock:
                return self.at_hand(question) or await self._found(question)
        finally:
            if not lock.locked():
                self._asking.pop(question, None)

    def at_hand(self, question: Question) -> Answer | None:
        """What `ask` would answer without asking anybody; None where it would ask. In any thread."""
        now = time.monotonic()
        until, answer = self._known.get(question, (0.0, None))
        if answer is not None and until > now:
            return answer
        return FAILED if now < self._silent_until else None

    async def _found(self, question: Question) -> Answer:
        answer, seconds = await self._asked(question)
        self._unanswered = self._unanswered + 1 if answer.failed else 0
        if self._unanswered >= SILENT_AFTER:
            self._unanswered = 0
            # One sender's broken DNS must not switch off the checks of all others: what always exists is asked for.
            if (await self._asked(ROOT))[0].failed:
                log.warning("dns-silent", seconds=SILENCE, question=question.name)
                self._silent_until = time.monotonic() + SILENCE
        self._known[question] = time.monotonic() + seconds, answer
        self._known.move_to_end(question)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return answer

    async def _asked(self, question: Question) -> tuple[Answer, float]:
        """The answer, and for how many seconds it holds."""
        # Imported here: a start of the daemon would take 60 ms longer.
        import dns.exception
        import dns.resolver

        name = _name(question.name)
        if name is None:
            return Answer(), LONGEST
        try:
            found = await self._configured().resolve(name, question.kind.value, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return Answer(), SHORTEST
        except (dns.exception.DNSException, OSError) as error:
            log.info("dns-unanswered", question=question.name, kind=question.kind.value, error=type(error).__name__)
            return FAILED, FORGET_FAILURE
        ttl = found.rrset.ttl if found.rrset is not None else 0
        return _answer(question.kind, list(found)[:MAX_RECORDS]), min(max(ttl, SHORTEST), LONGEST)

    def _configured(self) -> dns.asyncresolver.Resolver:
        import dns.asyncresolver
        import dns.nameserver

        if self._resolver is None:
            self._resolver = dns.asyncresolver.Resolver(configure=not self._nameservers)
            if self._nameservers:
                self._resolver.nameservers = [
                    dns.nameserver.Do53Nameserver(host, port) for host, port in self._nameservers
                ]
            self._resolver.timeout, self._resolver.lifetime = TRY_SECONDS, TOTAL_SECONDS
            self._resolver.use_edns(0, 0, PAYLOAD)
        return self._resolver


def _answer(kind: Kind, records: Sequence[object]) -> Answer:
    if kind is Kind.TXT:
        return Answer(texts=tuple(b"".join(record.strings) for record in records))  # type: ignore[attr-defined]
    if kind is Kind.MX:
        ordered = sorted(records, key=lambda record: record.preference)  # type: ignore[attr-defined]
        return Answer(names=tuple(_text(record.exchange) for record in ordered))  # type: ignore[attr-defined]
    if kind is Kind.PTR:
        return Answer(names=tuple(_text(record.target) for record in records))  # type: ignore[attr-defined]
    return Answer(names=tuple(str(record.address) for record in records))  # type: ignore[attr-defined]


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True)


def _name(text: str) -> dns.name.Name | None:
    """Label by label, so that nothing in it is an escape; None for what DNS has no room for: there is no such name."""
    import dns.exception
    import dns.name

    try:
        labels = text.rstrip(".").split(".") if text else []
        return dns.name.Name((*(label.encode("ascii") for label in labels), b""))
    except (dns.exception.DNSException, UnicodeEncodeError):
        return None
