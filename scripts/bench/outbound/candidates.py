"""Who is measured, what each needs of the machine, and how many messages make a run of a few seconds for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scripts.bench.outbound.measure import Server
from scripts.bench.outbound.postern import Postern
from scripts.bench.outbound.postfix import Postfix, has_milter, missing


@dataclass(frozen=True, slots=True)
class Candidate:
    """``copies``: how often the sink counts one message; ``make`` is called with the sink's port."""

    mark: str
    name: str
    messages: int
    copies: int
    make: Callable[[int], Server]
    lacks: Callable[[], str | None]  # what apt should install, or None


def _postfix() -> str | None:
    return "postfix" if missing(["postfix", "smtp-source"]) else None


CANDIDATES = (
    Candidate(
        "a",
        "Postfix, canonical and BCC maps, Python milter",
        1000,
        1,
        lambda sink: Postfix(sink, maps=True, signer=True),
        lambda: _postfix() or (None if has_milter() else "python3-milter"),
    ),
    Candidate(
        "b",
        "Postfix, canonical and BCC maps, altermime",
        400,
        1,
        lambda sink: Postfix(sink, maps=True, filtered=True),
        lambda: _postfix() or missing(["altermime"]),
    ),
    Candidate("c", "Postfix, bare relay, none of the work", 3000, 1, Postfix, _postfix),
    # A rule's copy travels in a transaction of its own, so that no trace joins it with the others.
    Candidate("d", "Postern, all of the work, and filing in Sent", 1500, 2, Postern, lambda: None),
)
