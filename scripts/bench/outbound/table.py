"""The figures as lines for a person: a row a candidate, medians of the rounds, and ratios within them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from scripts.bench.outbound.candidates import CANDIDATES
from scripts.bench.outbound.measure import Case, Figures

Rounds = Mapping[str, Sequence[Figures]]  # by the candidate's mark


def title(case: Case) -> str:
    sessions = "1 session" if case.sessions == 1 else f"{case.sessions} sessions"
    return f"{case.size // 1000} KB, {sessions}, {'many messages each' if case.many else 'one message each'}"


def lines(case: Case, rounds: Rounds) -> list[str]:
    """Ratios are medians of those within each round: what else the machine did hits both."""
    found = [title(case), f"  {'':50} {'messages/s':>10} {'CPU-ms':>7} {'peak MB':>8}"]
    for one in CANDIDATES:
        if figures := rounds.get(one.mark):
            rate, cpu, peak = (median(getattr(each, name) for each in figures) for name in ("rate", "cpu", "peak"))
            found.append(f"  ({one.mark}) {one.name:46} {rate:10.0f} {cpu:7.2f} {peak / 1e6:8.0f}")
    ratios = [f"d/{mark} {_ratio(rounds, mark)}" for mark in ("a", "b", "c") if rounds.get(mark) and rounds.get("d")]
    return [*found, *([f"  {'  '.join(ratios)}"] if ratios else []), ""]


def _ratio(rounds: Rounds, mark: str) -> str:
    each = [ours.rate / theirs.rate for ours, theirs in zip(rounds["d"], rounds[mark], strict=True)]
    return f"{median(each):.2f} ({min(each):.2f} to {max(each):.2f})"
