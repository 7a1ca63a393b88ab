"""A candidate that has been started."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.bench.outbound.candidates import Candidate
from scripts.bench.outbound.measure import Case, Figures, Server, run
from scripts.bench.outbound.sink import Sink


@dataclass(frozen=True, slots=True)
class Running:
    """It has a sink of its own."""

    candidate: Candidate
    server: Server
    sink: Sink

    def measure(self, case: Case, messages: int) -> Figures:
        return run(self.server, self.sink, case, messages, self.candidate.copies)
