"""ARC (RFC 8617): what servers on the way say they saw before they changed a message, as a chain of seals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.verdict import Result
from gateway.mime.dkim_signature import ARC_MESSAGE, ARC_SEAL, Signature, Unusable, read_seal, read_signature
from gateway.mime.dkim_verify import Bodies, Checked, canonical_field, check_signature, check_value, key_of, own_field
from gateway.mime.header import FieldSpan, Header, readable

RESULTS = "arc-authentication-results"
MAX_SETS = 50  # section 4.2.1

_INSTANCE = re.compile(r"\s*i[ \t]*=[ \t]*([1-9][0-9]?)[ \t]*;(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ArcSet:
    """What one server added; ``results`` is its Authentication-Results without the instance."""

    results: str
    results_span: FieldSpan
    message: Signature
    seal: Signature
    claims: str  # cv= of the seal: "none", "pass" or "fail"


@dataclass(frozen=True, slots=True)
class Chain:
    """Sets by instance, the oldest first: at least one."""

    sets: tuple[ArcSet, ...]

    @property
    def key_names(self) -> tuple[str, ...]:
        """Where the keys are published that are needed to check it, each once."""
        newest = self.sets[-1]
        return tuple(dict.fromkeys((newest.message.key_name, *(one.seal.key_name for one in reversed(self.sets)))))

    @property
    def sealers(self) -> frozenset[str]:
        """Every domain that sealed it."""
        return frozenset(one.seal.domain for one in self.sets)


def read_chain(header: Header) -> Chain | Checked:
    """The chain, or at once what it comes to: NONE where there is none, FAIL for one with holes (section 5.2)."""
    found: dict[str, list[FieldSpan]] = {name: _spans(header, name) for name in (RESULTS, ARC_MESSAGE, ARC_SEAL)}
    count = max(map(len, found.values()))
    if not count:
        return Checked(Result.NONE)
    if count > MAX_SETS or {len(spans) for spans in found.values()} != {count}:
        return Checked(Result.FAIL, "sets are missing, or there are too many")
    results: dict[int, tuple[str, FieldSpan]] = {}
    for span in found[RESULTS]:
        match = _INSTANCE.fullmatch(readable(header.value(span)))
        if match is not None:
            results[int(match[1])] = match[2], span
    messages = {
        one.instance: one
        for one in (read_signature(header, span) for span in found[ARC_MESSAGE])
        if isinstance(one, Signature)
    }
    seals = {
        one[0].instance: one
        for one in (read_seal(header, span) for span in found[ARC_SEAL])
        if not isinstance(one, Unusable)
    }
    wanted = list(range(1, count + 1))
    if any(sorted(part) != wanted for part in (results, messages, seals)):
        return Checked(Result.FAIL, "a set can't be read, or is not numbered as it has to be")
    return _chained([ArcSet(*results[i], messages[i], *seals[i]) for i in wanted])


def _spans(header: Header, name: str) -> list[FieldSpan]:
    """The fields of that name, at most one more than a chain may have."""
    return list(header.spans(name)[: MAX_SETS + 1])


def _chained(sets: Sequence[ArcSet]) -> Chain | Checked:
    if sets[-1].claims == "fail":
        return Checked(Result.FAIL, "the last server found the chain broken")
    if any(one.claims != ("pass" if one.seal.instance > 1 else "none") for one in sets):
        return Checked(Result.FAIL, "the seals contradict each other")
    return Chain(tuple(sets))


def check_chain(
    header: Header, bodies: Bodies, chain: Chain, records: Mapping[str, Sequence[bytes]], now: int
) -> Checked:
    """Section 5.2 from step 3; ``records`` are the TXT records by name. CPU: a signature for each set, and one more."""
    newest = chain.sets[-1].message
    checked = check_signature(header, bodies, newest, records.get(newest.key_name, ()), now)
    if checked.result is not Result.PASS or checked.partial:
        return Checked(Result.FAIL, f"the message was changed after it was sealed: {checked.why}")
    for position in range(len(chain.sets), 0, -1):
        seal = chain.sets[position - 1].seal
        key = key_of(records.get(seal.key_name, ()), seal.kind)
        why = key if isinstance(key, str) else check_value(key, _sealed(header, chain.sets[:position]), seal.value)
        if why:
            return Checked(Result.FAIL, f"seal {position} does not hold: {why}")
    return Checked(Result.PASS)


def _sealed(header: Header, sets: Sequence[ArcSet]) -> bytes:
    """Results, message signature and seal of each set in turn; of the last seal all but its value (section 5.1.1)."""
    fields: list[bytes] = []
    for one in sets:
        fields += [canonical_field(header, span, "relaxed") for span in (one.results_span, one.message.span)]
        fields.append(
            own_field(header, one.seal) if one is sets[-1] else canonical_field(header, one.seal.span, "relaxed")
        )
    return b"\r\n".join(fields)
